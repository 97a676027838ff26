"""From samples to estimates: a value, and the interval that holds the true one with the confidence it names.

What the samples do not bound is none, and the reason stands beside it: no interval is ever made up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from tinytorch.benchmarking.statistics.distributions import sign_rank, student_quantile
from tinytorch.benchmarking.statistics.inputs import require_confidence, require_count, require_values
from tinytorch.errors import RangeError, explain

__all__ = [
    "CONFIDENCE",
    "FEWEST_BATCHES",
    "Estimate",
    "Samples",
    "batch_means",
    "mean",
    "sample_std",
    "sign_interval",
    "t_interval",
    "throughput",
    "throughput_interval",
]

CONFIDENCE = 0.95
FEWEST_BATCHES = 20


@dataclass(frozen=True, slots=True)
class Samples:
    """What a clock said, call by call, in the order of the calls; kept, so that every statistic can be had again.

    Attributes:
        nanoseconds: At least one, each an integer: the clock counts whole nanoseconds.
    """

    nanoseconds: tuple[int, ...]

    def __post_init__(self) -> None:
        require_values(self.nanoseconds)

    @property
    def milliseconds(self) -> list[float]:
        """The same durations in the unit of a report."""
        return [duration / 1e6 for duration in self.nanoseconds]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the interval that holds the true one.

    Attributes:
        value: The point estimate; none where the samples are too few to give it.
        low: The lower end; with `value` unknown, the one-sided lower bound.
        high: The upper end; none where the samples do not bound it.
        confidence: How often such an interval holds the true value.
        reason: Why an end or the value is missing; none where nothing is.
    """

    value: float | None
    low: float | None
    high: float | None
    confidence: float = CONFIDENCE
    reason: str | None = None


def mean(values: Sequence[float]) -> float:
    """Average `values`, summed without rounding, so that every machine gets the same answer.

    Raises:
        RangeError: If there are no values, or one is NaN or infinite.

    Example:
        >>> mean([0.1] * 10)
        0.1
    """
    return math.fsum(require_values(values)) / len(values)


def sample_std(values: Sequence[float]) -> float:
    """Estimate the standard deviation with n-1 in the divisor; 0.0 for a single value.

    Raises:
        RangeError: If there are no values, or one is NaN or infinite.

    Example:
        >>> sample_std([1.0, 3.0]) == 2**0.5
        True
    """
    centre = mean(values)
    squares = math.fsum((value - centre) ** 2 for value in values)
    return math.sqrt(squares / max(len(values) - 1, 1))


def t_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Estimate the mean of what independent `values` come from, with Student's t; one value bounds nothing.

    Raises:
        RangeError: If there are no values, one is NaN or infinite, or `confidence` is not in (0, 1).

    Example:
        >>> t_interval([1.0, 2.0, 3.0])
        Estimate(value=2.0, low=-0.484..., high=4.484..., confidence=0.95, reason=None)

    Source:
        Student (1908), The Probable Error of a Mean.
    """
    centre, spread = mean(values), sample_std(values)
    require_confidence(confidence)
    if len(values) < 2:
        return Estimate(centre, None, None, confidence, "one value has no spread")
    half = student_quantile((1 + confidence) / 2, len(values) - 1) * spread / math.sqrt(len(values))
    return Estimate(centre, centre - half, centre + half, confidence)


def sign_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Estimate the median of what independent `values` come from, with the exact interval of the sign test.

    It supposes nothing about their distribution. At 95 % it takes six values; with fewer, both ends are none.

    Raises:
        RangeError: If there are no values, one is NaN or infinite, or `confidence` is not in (0, 1).

    Example:
        >>> sign_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        Estimate(value=3.5, low=1.0, high=6.0, confidence=0.95, reason=None)

    Source:
        W. J. Dixon, A. M. Mood (1946), The Statistical Sign Test.
    """
    ordered = sorted(require_values(values))
    rank = sign_rank(len(ordered), require_confidence(confidence))
    if not rank:
        return Estimate(median(ordered), None, None, confidence, f"{len(ordered)} values do not bound a median")
    return Estimate(median(ordered), ordered[rank - 1], ordered[-rank], confidence)


def batch_means(values: Sequence[float], confidence: float = CONFIDENCE, batches: int = FEWEST_BATCHES) -> Estimate:
    """Estimate the mean of a series whose neighbours depend on each other, from the means of its batches.

    The series is cut, in its order, into `batches` runs of equal length (some one longer, where it does not divide);
    their means are nearly independent where a batch is long beside the dependence. A series of fewer values than
    batches keeps its mean and gets no interval.

    Raises:
        RangeError: If there are no values, one is NaN or infinite, or `batches` is less than 20.

    Example:
        >>> batch_means([1.0, 3.0] * 50)
        Estimate(value=2.0, low=1.90..., high=2.09..., confidence=0.95, reason=None)

    Source:
        A. M. Law (2015), Simulation Modeling and Analysis, section 9.5.3.
    """
    require_count("the batches", batches, FEWEST_BATCHES)
    average, n = mean(values), len(values)
    if n < batches:
        return Estimate(average, None, None, confidence, f"{n} values make no {batches} batches")
    edges = [n * index // batches for index in range(batches + 1)]
    means = [mean(values[start:stop]) for start, stop in pairwise(edges)]
    half = student_quantile((1 + require_confidence(confidence)) / 2, batches - 1) * sample_std(means)
    half /= math.sqrt(batches)
    return Estimate(average, average - half, average + half, confidence)


def throughput(batch_size: int, samples: Samples) -> float:
    """Say how many samples a second went through, given the durations of whole batches.

    Raises:
        RangeError: If no time has passed.
    """
    total = sum(samples.nanoseconds)
    if total <= 0:
        raise RangeError(explain("the time that batches took", "positive", f"{total} ns"))
    return batch_size * len(samples.nanoseconds) * 1e9 / total


def throughput_interval(batch_size: int, samples: Samples, confidence: float = CONFIDENCE) -> Estimate:
    """Estimate the throughput in samples a second, with the interval that batch means of the durations give.

    Raises:
        RangeError: If no time has passed.

    Example:
        >>> throughput_interval(8, Samples((1_000_000, 3_000_000) * 50))
        Estimate(value=4000.0, low=3816..., high=4201..., confidence=0.95, reason=None)
    """
    rate, time = throughput(batch_size, samples), batch_means(samples.nanoseconds, confidence)
    if time.low is None or time.high is None:
        return Estimate(rate, None, None, confidence, time.reason)
    if time.low <= 0:
        return Estimate(rate, batch_size * 1e9 / time.high, None, confidence, "the time may be any small one")
    return Estimate(rate, batch_size * 1e9 / time.high, batch_size * 1e9 / time.low, confidence)
