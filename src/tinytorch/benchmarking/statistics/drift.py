"""How a machine drifts under a measurement, and whether a yardstick may take the drift out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tinytorch.benchmarking.statistics.estimates import mean, sample_std
from tinytorch.benchmarking.statistics.inputs import require_positive, require_same_length, require_values
from tinytorch.errors import RangeError, explain

__all__ = ["HostSlope", "coefficient_of_variation", "host_slope", "normalized"]

LOWEST_SLOPE, HIGHEST_SLOPE = 0.9, 1.1
LEAST_CORRELATION = 0.95
FEWEST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class HostSlope:
    """How latency follows a yardstick on one machine, in logarithms.

    Attributes:
        slope: Of ln latency on ln yardstick; 1 where both slow down alike; none where the yardstick does not move.
        correlation: Of the two, in [-1, 1]; none where one of them does not move.
        may_normalize: Whether latency over yardstick may be published.
        reason: Why not; none where it may.
    """

    slope: float | None
    correlation: float | None
    may_normalize: bool
    reason: str | None = None


def coefficient_of_variation(values: Sequence[float]) -> float:
    """Divide the standard deviation by the mean: the spread as a share.

    Raises:
        RangeError: If there are no values, one is NaN or infinite, or their mean is not above 0.

    Example:
        >>> coefficient_of_variation([9.0, 10.0, 11.0])
        0.1
    """
    centre = mean(values)
    if centre <= 0:
        raise RangeError(explain("the mean", "above 0", centre))
    return sample_std(values) / centre


def host_slope(latencies: Sequence[float], yardsticks: Sequence[float]) -> HostSlope:
    """Regress ln latency on ln yardstick, one pair a round; normalizing takes a slope near 1 and a close fit.

    Raises:
        RangeError: If there are fewer than three rounds, or a time is not a finite number above 0.
        ShapeError: If there are not as many of one as of the other.

    Example:
        >>> host_slope([1.0, 2.0, 4.1], [10.0, 20.0, 40.0])
        HostSlope(slope=1.01..., correlation=0.99..., may_normalize=True, reason=None)
    """
    require_same_length(latencies, yardsticks, "latencies and yardsticks")
    y = _deviations(latencies, "the latencies")
    x = _deviations(yardsticks, "the yardsticks")
    xx, yy = math.fsum(a * a for a in x), math.fsum(b * b for b in y)
    xy = math.fsum(a * b for a, b in zip(x, y, strict=True))
    slope = xy / xx if xx else None
    correlation = xy / math.sqrt(xx * yy) if xx and yy else None
    reason = _objection(slope, correlation)
    return HostSlope(slope, correlation, reason is None, reason)


def normalized(latencies: Sequence[float], yardsticks: Sequence[float]) -> list[float]:
    """Divide each latency by the yardstick of its round.

    Raises:
        RangeError: If there are none, or a time is not a finite number above 0.
        ShapeError: If there are not as many of one as of the other.

    Example:
        >>> normalized([2.0, 6.0], [1.0, 2.0])
        [2.0, 3.0]
    """
    require_same_length(latencies, yardsticks, "latencies and yardsticks")
    require_values(latencies, "the latencies")
    require_positive(yardsticks, "the yardsticks")
    return [latency / yardstick for latency, yardstick in zip(latencies, yardsticks, strict=True)]


def _deviations(times: Sequence[float], what: str) -> list[float]:
    logs = [math.log(time) for time in require_positive(times, what, FEWEST_ROUNDS)]
    centre = mean(logs)
    return [value - centre for value in logs]


def _objection(slope: float | None, correlation: float | None) -> str | None:
    if slope is None or correlation is None:
        return "one of the two does not move"
    if not LOWEST_SLOPE <= slope <= HIGHEST_SLOPE:
        return f"the slope is {slope:.2f}, not in [{LOWEST_SLOPE}, {HIGHEST_SLOPE}]"
    if correlation <= LEAST_CORRELATION:
        return f"the correlation is {correlation:.2f}, not above {LEAST_CORRELATION}"
    return None
