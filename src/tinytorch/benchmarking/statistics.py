"""From samples to estimates: pure functions, no clock, no machine, no randomness.

A percentile is an order statistic, never an interpolation. Where the samples are too few for a two-sided interval its
value is unknown, and the one-sided bound that they do allow takes its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tinytorch.errors import RangeError, explain

__all__ = ["CONFIDENCE", "Estimate", "Samples", "mean", "percentile", "sample_std", "throughput", "wilson"]

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Samples:
    """What a clock said, call by call, in the order of the calls; kept, so that every statistic can be had again.

    Attributes:
        nanoseconds: At least one, each an integer: the clock counts whole nanoseconds.
    """

    nanoseconds: tuple[int, ...]

    def __post_init__(self) -> None:
        _require_some(self.nanoseconds)

    @property
    def milliseconds(self) -> list[float]:
        """The same durations in the unit of a report."""
        return [duration / 1e6 for duration in self.nanoseconds]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the interval that holds the true one with confidence 0.95.

    Attributes:
        value: The point estimate; none where the samples are too few for both ends of the interval.
        low: The lower end; with `value` unknown, the one-sided lower bound.
        high: The upper end; none where the samples do not bound it.
    """

    value: float | None
    low: float | None
    high: float | None


def mean(values: Sequence[float]) -> float:
    """Average `values`, summed without rounding, so that every machine gets the same answer.

    Raises:
        RangeError: If there are no values.

    Example:
        >>> mean([0.1] * 10)
        0.1
    """
    _require_some(values)
    return math.fsum(values) / len(values)


def sample_std(values: Sequence[float]) -> float:
    """Estimate the standard deviation with n-1 in the divisor; 0.0 for a single value.

    Raises:
        RangeError: If there are no values.

    Example:
        >>> sample_std([1.0, 3.0]) == 2**0.5
        True
    """
    centre = mean(values)
    squares = math.fsum((value - centre) ** 2 for value in values)
    return math.sqrt(squares / max(len(values) - 1, 1))


def percentile(values: Sequence[float], percent: float) -> Estimate:
    """Estimate the percentile `percent` by the order statistic of rank ceil(n p), with its binomial interval.

    A two-sided interval needs n of at least 6, 36 and 368 for 50, 90 and 99. With fewer the value is unknown, and `low`
    is the one-sided lower bound, or none where not even that can be had.

    Raises:
        RangeError: If there are no values, or `percent` is not in (0, 100).

    Example:
        >>> percentile(range(1, 101), 50)
        Estimate(value=50, low=40, high=61)
        >>> percentile(range(1, 101), 99)
        Estimate(value=None, low=97, high=None)

    Source:
        G. J. Hahn, W. Q. Meeker (1991), Statistical Intervals, section 5.2.
    """
    _require_some(values)
    if not 0 < percent < 100:
        raise RangeError(explain("percent", "in (0, 100)", percent, remedy="The median is 50."))
    ordered = sorted(values)
    alpha = 1 - CONFIDENCE
    low = _quantile_rank(alpha / 2, len(ordered), percent)
    high = _quantile_rank(1 - alpha / 2, len(ordered), percent) + 1
    if low < 1 or high > len(ordered):
        bound = _quantile_rank(alpha, len(ordered), percent)
        return Estimate(None, ordered[bound - 1] if bound else None, None)
    rank = math.ceil(len(ordered) * Fraction(str(percent)) / 100)  # in floats, 100 * 0.07 is above 7
    return Estimate(ordered[rank - 1], ordered[low - 1], ordered[high - 1])


def wilson(successes: int, trials: int) -> Estimate:
    """Estimate a probability from `successes` out of `trials`, with Wilson's score interval.

    Raises:
        RangeError: If there are no trials, or more successes than trials, or fewer than none.

    Example:
        >>> wilson(350, 359)
        Estimate(value=0.974..., low=0.953..., high=0.986...)

    Source:
        E. B. Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise RangeError(explain("successes", "between 0 and the number of trials", f"{successes} of {trials}"))
    from scipy.special import ndtri

    z = float(ndtri((1 + CONFIDENCE) / 2))
    share = successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    # At 0 and at 1 the formula is exact, but its rounding may step over the end.
    return Estimate(share, max(centre - half, 0.0), min(centre + half, 1.0))


def throughput(batch_size: int, samples: Samples) -> float:
    """Say how many samples a second went through, given the durations of whole batches.

    Raises:
        RangeError: If no time has passed.
    """
    total = sum(samples.nanoseconds)
    if total <= 0:
        raise RangeError(explain("the time that batches took", "positive", f"{total} ns"))
    return batch_size * len(samples.nanoseconds) * 1e9 / total


def _quantile_rank(probability: float, n: int, percent: float) -> int:
    """Find the smallest k whose binomial distribution function reaches `probability`: scipy.stats' ppf, without it."""
    from scipy.special import bdtr  # scipy.stats says the same, and takes ten times as long to import

    cumulative = bdtr(np.arange(n + 1, dtype=float), n, percent / 100)
    return int(np.searchsorted(cumulative, probability))


def _require_some(values: Sequence[float]) -> None:
    if not len(values):
        raise RangeError(explain("the samples", "at least one", "none"))
