"""Compare two ways to compute the same in pairs of fresh processes, and print the verdict.

python examples/compare_calls.py [quick|standard|rigorous]
"""

import sys
from collections.abc import Callable

import numpy as np

from tinytorch.benchmarking import Comparison, Design, compare


def by_sum() -> Callable[[], float]:
    """Make a call that multiplies, then adds."""
    x, y = np.ones(10_000, np.float32), np.ones(10_000, np.float32)
    return lambda: float((x * y).sum())


def by_dot() -> Callable[[], float]:
    """Make a call that does both at once."""
    x, y = np.ones(10_000, np.float32), np.ones(10_000, np.float32)
    return lambda: float(x @ y)


def main(preset: str | Design = "quick") -> Comparison:
    """Give the comparison: `examples` is on the workers' path, since this file is run from beside it."""
    found = compare("compare_calls:by_sum", "compare_calls:by_dot", preset=preset)
    print(found.verdict.sentence())
    for warning in found.warnings():
        print("-", warning)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
