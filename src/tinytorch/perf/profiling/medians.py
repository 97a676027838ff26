"""Medians of a few dozen samples, with intervals by rank.

The same as `tinytorch.benchmarking.statistics.percentile` at 50, which stands below this floor; a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb

__all__ = ["CONFIDENCE", "Median", "median"]

CONFIDENCE = 0.95
TAIL = 40  # 1 / 40 of the probability lies beyond each end


@dataclass(frozen=True, slots=True)
class Median:
    """The middle of some samples.

    Attributes:
        value: The sample of rank ceil(n / 2); none of no samples.
        low: Where its 95 % interval begins; none with fewer than 6 samples, which do not bound it.
        high: Where it ends.
    """

    value: float | None
    low: float | None
    high: float | None

    def times(self, factor: float) -> Median:
        """Give the same in another unit; `factor` is above 0."""
        return Median(*(None if x is None else x * factor for x in (self.value, self.low, self.high)))


def median(values: Sequence[float]) -> Median:
    """Estimate the middle of what `values` were drawn from.

    Example:
        >>> median([3, 1, 2, 6, 5, 4])
        Median(value=3, low=1, high=6)
        >>> median([2, 1])
        Median(value=1, low=None, high=None)

    Source:
        G. J. Hahn, W. Q. Meeker (1991), Statistical Intervals, section 5.2.
    """
    if not values:
        return Median(None, None, None)
    ordered, n = sorted(values), len(values)
    middle, rank = ordered[(n + 1) // 2 - 1], _rank(n)
    return Median(middle, ordered[rank - 1], ordered[n - rank]) if rank else Median(middle, None, None)


@lru_cache
def _rank(n: int) -> int:
    """Find the smallest k such that P(B <= k) is at least 1 / 40 for n throws of a coin, in whole numbers."""
    total = 0
    for k in range(n + 1):
        total += comb(n, k)
        if total * TAIL >= 2**n:
            return k
    return n
