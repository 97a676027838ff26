"""Compute `gpt.json` anew: the logits and the loss of small language models, by their twins in PyTorch, in float64.

Run it from the repository root where PyTorch is installed, after a model in `tests/contracts/gpt_samples.py` changed.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from contracts.gpt_samples import CASES, GOLDEN, torch_results


def main() -> None:
    import torch  # in here: the doctests' collector imports this file, and PyTorch need not be there

    found = {case: torch_results(torch, case, "float64")[1:] for case in CASES}
    cases = {case: {"loss": loss, "logits": logits.ravel().tolist()} for case, (logits, loss) in found.items()}
    record = {"made_by": f"PyTorch {torch.__version__}, float64", "cases": cases}
    GOLDEN.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
