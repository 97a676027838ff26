"""Compute `ops.npz` anew: the value and the gradients of every row of `tests/contracts/samples.py`, by PyTorch.

Run it from the repository root where PyTorch is installed, after a row has been added or changed.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from contracts import references
from contracts.samples import ROWS


def main() -> None:
    import torch  # in here: the doctests' collector imports this file, and PyTorch need not be there

    results = {}
    for row in ROWS:
        value, grads = references.torch_results(torch, row)
        results[row.name] = [value, *grads]
    references.write(references.GOLDEN, results)
    sys.stdout.write(f"{len(results)} rows, {references.GOLDEN.stat().st_size} bytes, PyTorch {torch.__version__}\n")


if __name__ == "__main__":
    main()
