"""Percentiles of latencies: order statistics with intervals by rank, never an interpolation.

Where the samples are too few for a two-sided interval the percentile is unknown, and the one-sided bound that they do
allow takes its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from tinytorch.benchmarking.statistics.distributions import binomial_quantile
from tinytorch.benchmarking.statistics.estimates import CONFIDENCE, Estimate, t_interval
from tinytorch.benchmarking.statistics.inputs import require_confidence, require_positive, require_values
from tinytorch.errors import RangeError, explain

__all__ = ["fewest_samples", "percentile", "percentile_of_sessions"]


def percentile(values: Sequence[float], percent: float, confidence: float = CONFIDENCE) -> Estimate:
    """Estimate the percentile `percent` by the order statistic of rank ceil(n p), with its binomial interval.

    A two-sided interval needs n of at least 6, 36 and 368 for 50, 90 and 99. With fewer the value is unknown, and `low`
    is the one-sided lower bound, or none where not even that can be had.

    Raises:
        RangeError: If there are no values, one is NaN or infinite, or `percent` is not in (0, 100).

    Example:
        >>> percentile(range(1, 101), 50)
        Estimate(value=50, low=40, high=61, confidence=0.95, reason=None)
        >>> percentile(range(1, 101), 99)
        Estimate(value=None, low=97, high=None, confidence=0.95, reason='p99 needs 368 values, there are 100')

    Source:
        G. J. Hahn, W. Q. Meeker (1991), Statistical Intervals, section 5.2.
    """
    ordered, n = sorted(require_values(values)), len(values)
    low, high = _ranks(n, percent, confidence)
    if low < 1 or high > n:
        bound = binomial_quantile(1 - confidence, n, percent / 100)
        reason = f"p{percent:g} needs {fewest_samples(percent, confidence)} values, there are {n}"
        return Estimate(None, ordered[bound - 1] if bound else None, None, confidence, reason)
    return Estimate(ordered[_rank(n, percent) - 1], ordered[low - 1], ordered[high - 1], confidence)


def percentile_of_sessions(
    sessions: Sequence[Sequence[float]], percent: float, confidence: float = CONFIDENCE
) -> Estimate:
    """Estimate a percentile of latencies that were taken in several fresh processes.

    The binomial ranks of all calls together hold where calls are independent; processes differ by more than that. So
    the interval is widened, where that is wider, to Student's t over the sessions' own percentiles, in logarithms.

    Raises:
        RangeError: If there are no sessions, one is empty, or a latency is not a finite number above 0.

    Example:
        >>> percentile_of_sessions([[1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 5.0]], 50)
        Estimate(value=3.0, low=0.18..., high=32..., confidence=0.95, reason=None)

    Source:
        T. Kalibera, R. Jones (2013), Rigorous Benchmarking in Reasonable Time: repeat where the variance lives.
    """
    groups = [list(require_positive(session, "the latencies")) for session in sessions]
    pooled = percentile([value for group in groups for value in group], percent, confidence)
    if pooled.value is None:
        return pooled
    if len(groups) < 2:
        return Estimate(pooled.value, None, None, confidence, "one session says nothing about another")
    logs = t_interval([math.log(_order_statistic(group, percent)) for group in groups], confidence)
    return _hull(pooled, logs)


def fewest_samples(percent: float, confidence: float = CONFIDENCE) -> int:
    """Say how many samples a two-sided interval of the percentile `percent` takes.

    Raises:
        RangeError: If `percent` is not in (0, 100), or `confidence` not in (0, 1).

    Example:
        >>> [fewest_samples(percent) for percent in (50, 90, 95, 99, 99.9)]
        [6, 36, 72, 368, 3688]
    """
    _require_percent(percent)
    rarer = min(percent, 100 - percent) / 100
    n = math.ceil(math.log((1 - require_confidence(confidence)) / 2) / math.log1p(-rarer))
    while not _is_bounded(n, percent, confidence):  # the other end needs its rank too
        n += 1
    return n


def _hull(pooled: Estimate, logs: Estimate) -> Estimate:
    """Take the wider of the ends of both intervals."""
    bounds = [bound for bound in (pooled.low, pooled.high) if bound is not None]
    bounds += [math.exp(bound) for bound in (logs.low, logs.high) if bound is not None]
    return Estimate(pooled.value, min(bounds), max(bounds), pooled.confidence)


def _order_statistic(values: Sequence[float], percent: float) -> float:
    return sorted(values)[_rank(len(values), percent) - 1]


def _rank(n: int, percent: float) -> int:
    return math.ceil(n * Fraction(str(percent)) / 100)  # in floats, 100 * 0.07 is above 7


def _ranks(n: int, percent: float, confidence: float) -> tuple[int, int]:
    _require_percent(percent)
    alpha = 1 - require_confidence(confidence)
    low = binomial_quantile(alpha / 2, n, percent / 100)
    return low, binomial_quantile(1 - alpha / 2, n, percent / 100) + 1


def _is_bounded(n: int, percent: float, confidence: float) -> bool:
    low, high = _ranks(n, percent, confidence)
    return low >= 1 and high <= n


def _require_percent(percent: float) -> None:
    if not 0 < percent < 100:
        raise RangeError(explain("percent", "in (0, 100)", percent, remedy="The median is 50."))
