"""How long starting takes: whole processes in turn, the difference in seconds and its sign-test interval.

python -m benchmarks.startup [--pairs 40]
"""

import argparse
import statistics
import subprocess
import sys
import time

from scipy import stats

CASES = {
    "import tinytorch, beyond import numpy": ("import numpy", "import tinytorch", 0.05),
    "the everyday names, beyond import numpy": ("import numpy", "from tinytorch import Tensor, Linear, Adam", 0.05),
    "tinytorch --help, beyond a bare interpreter": (
        "pass",
        "import sys; from tinytorch.__main__ import main; sys.argv[1:] = ['--help']; main()",
        0.3,
    ),
}


def main() -> int:
    """Time every case and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=40)
    pairs = parser.parse_args().pairs
    for title, (baseline, candidate, target) in CASES.items():
        middle, low, high = interval([seconds(candidate) - seconds(baseline) for _ in range(pairs)])
        verdict = "met" if high <= target else "missed" if low > target else "undecided"
        print(f"{title:45} {middle:+.3f} s [{low:+.3f}, {high:+.3f}]  target {target:.2f} s  {verdict}", flush=True)
    return 0


def seconds(code: str) -> float:
    """Time one interpreter running `code`, from start to exit."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - start


def interval(differences: list[float]) -> tuple[float, float, float]:
    """Give the median and its exact 95 % sign-test interval; infinite if there are too few values."""
    ordered = sorted(differences)
    rank = int(stats.binom.ppf(0.025, len(ordered), 0.5))
    low, high = (ordered[rank - 1], ordered[-rank]) if rank else (-float("inf"), float("inf"))
    return statistics.median(ordered), low, high


if __name__ == "__main__":
    sys.exit(main())
