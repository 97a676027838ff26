"""Write `optimizers.json`: what PyTorch makes of every row.

Run as `PYTHONPATH=tests python tests/golden/make_optimizers.py`, with PyTorch installed.
"""

import json

from contracts.optimizer_samples import GOLDEN, ROWS, STEPS, train_with_torch


def main():
    """Compute the values and write the file."""
    import torch

    table = {}
    for row in ROWS:
        losses, parameters = train_with_torch(torch, row)
        ends = [losses[0], losses[9], losses[STEPS - 1]]
        table[row.name] = {"losses": ends, "parameters": [array.ravel().tolist() for array in parameters]}
    content = {"torch": torch.__version__, "steps": STEPS, "losses_at": [1, 10, STEPS], "rows": table}
    GOLDEN.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
