"""How many times faster: the ratio of two variants, and the interval that processes and rounds both agree with.

A round gives one difference, d = ln(t_baseline / t_candidate). A session is one fresh process a variant, and gives the
median of its rounds; the mean over sessions is the estimate. Its interval is the hull of two, since either alone fails:
Student's t over few sessions is narrow by chance, and the sign test over all rounds does not see what processes differ
by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

from tinytorch.benchmarking.statistics.distributions import binomial_at_most, student_at_most
from tinytorch.benchmarking.statistics.estimates import (
    CONFIDENCE,
    Estimate,
    mean,
    sample_std,
    sign_interval,
    t_interval,
)
from tinytorch.benchmarking.statistics.inputs import require_count, require_sessions

__all__ = ["Protocol", "Ratio", "autocorrelation", "block_size", "blocked", "paired_p_value", "paired_ratio"]

Protocol = Literal["paired", "sequential"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times faster the candidate is than the baseline; 2.0 takes half the time.

    Attributes:
        value: The speed-up, above 0.
        low: The lower end of its interval, above 0; none where the measurements do not bound it.
        high: The upper end; none where the measurements do not bound it.
        confidence: How often such an interval holds the true speed-up.
        sessions: How many; of two reports measured apart, the smaller number.
        rounds: Of all sessions together, as measured; 0 where reports were measured apart.
        session_sd: The standard deviation of a session's log ratio; 0.0 for a single session.
        autocorrelation: Of neighbouring rounds inside sessions, in [-1, 1]; 0.0 where reports were measured apart.
        rounds_per_block: How many rounds were made one, because neighbours depend on each other; 1 where they do not.
        protocol: Whether both variants met the same moments, or were measured apart.
        reason: Why an end is missing; none where none is.
    """

    value: float
    low: float | None
    high: float | None
    confidence: float
    sessions: int
    rounds: int
    session_sd: float
    autocorrelation: float
    rounds_per_block: int
    protocol: Protocol
    reason: str | None = None

    @property
    def log_half_width(self) -> float | None:
        """How far the interval reaches from the value, in logarithms: the farther of its ends."""
        if self.low is None or self.high is None:
            return None
        return max(math.log(self.high / self.value), math.log(self.value / self.low))

    @property
    def half_width(self) -> float | None:
        """The same as a share: 0.01 where the interval reaches 1 % up or down."""
        return None if self.log_half_width is None else math.expm1(self.log_half_width)

    def lies_above(self, bound: float) -> bool:
        """Say whether the whole interval does; never where its lower end is unknown."""
        return self.low is not None and self.low > bound

    def lies_below(self, bound: float) -> bool:
        """Say whether the whole interval does; never where its upper end is unknown."""
        return self.high is not None and self.high < bound


def paired_ratio(log_ratios: Sequence[Sequence[float]], confidence: float = CONFIDENCE) -> Ratio:
    """Estimate the speed-up from the rounds of every session.

    With one session, or with fewer rounds in all than the sign test takes, nothing is bounded: the ends are none.

    Args:
        log_ratios: One sequence a session, of ln(t_baseline / t_candidate) a round.
        confidence: How often the interval holds the true speed-up.

    Raises:
        RangeError: If there are no sessions, one is empty, a value is NaN or infinite, or `confidence` not in (0, 1).

    Example:
        >>> ratio = paired_ratio([[0.69, 0.70, 0.68, 0.71], [0.70, 0.69, 0.71, 0.69]])
        >>> f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
        '2.00 [1.97, 2.03]'

    Source:
        T. Kalibera, R. Jones (2013), Rigorous Benchmarking in Reasonable Time.
        W. J. Dixon, A. M. Mood (1946), The Statistical Sign Test.
    """
    sessions = require_sessions(log_ratios)
    correlation, size = autocorrelation(sessions), block_size(sessions)
    blocks = blocked(sessions, size)
    medians = _medians(blocks)
    over_sessions = t_interval(medians, confidence)
    over_rounds = sign_interval([value for block in blocks for value in block], confidence)
    low, high, reason = _hull(over_sessions, over_rounds)
    return Ratio(
        value=math.exp(mean(medians)),
        low=low,
        high=high,
        confidence=confidence,
        sessions=len(sessions),
        rounds=sum(map(len, sessions)),
        session_sd=sample_std(medians),
        autocorrelation=correlation,
        rounds_per_block=size,
        protocol="paired",
        reason=reason,
    )


def paired_p_value(log_ratios: Sequence[Sequence[float]]) -> float:
    """Find the smallest alpha at which the interval of `paired_ratio` excludes 1; 1.0 where none does.

    It is the larger of the p-values of Student's t and of the sign test, both two-sided, both for the side on which
    the mean lies. A round of exactly 0 counts against it.

    Raises:
        RangeError: If there are no sessions, one is empty, or a value is NaN or infinite.

    Example:
        >>> paired_p_value([[0.69, 0.70, 0.68, 0.71], [0.70, 0.69, 0.71, 0.69]])
        0.0078125
    """
    blocks = _independent(require_sessions(log_ratios))
    medians = _medians(blocks)
    centre, spread = mean(medians), sample_std(medians)
    if len(medians) < 2:
        return 1.0
    pooled = [value for block in blocks for value in block]
    against = sum(value <= 0 if centre > 0 else value >= 0 for value in pooled)
    by_sign = 2 * binomial_at_most(against, len(pooled))
    distance = abs(centre) * math.sqrt(len(medians)) / spread if spread else math.inf
    return min(1.0, max(by_sign, 2 * student_at_most(-distance, len(medians) - 1)))


def autocorrelation(sessions: Sequence[Sequence[float]]) -> float:
    """Estimate how much a round resembles the next one of its session: at lag 1, over all sessions together.

    Every session is taken about its own mean, since sessions do differ. 0.0 where nothing varies.

    Raises:
        RangeError: If there are no sessions, one is empty, or a value is NaN or infinite.

    Example:
        >>> autocorrelation([[1.0, -1.0, 1.0, -1.0]])
        -0.75

    Source:
        G. E. P. Box, G. M. Jenkins (1970), Time Series Analysis, section 2.1.
    """
    products, squares = 0.0, 0.0
    for session in require_sessions(sessions):
        centre = mean(session)
        rest = [value - centre for value in session]
        products += math.fsum(earlier * later for earlier, later in pairwise(rest))
        squares += math.fsum(value * value for value in rest)
    return products / squares if squares else 0.0


def block_size(sessions: Sequence[Sequence[float]]) -> int:
    """Say how many rounds to make one: 1, unless neighbours depend on each other.

    They do where their autocorrelation r is above 2/√n, twice its standard error, for the n rounds of all sessions that
    it is estimated from; then ⌈(1+r)/(1-r)⌉ make a block, but never more than the shortest session has. A limit for the
    rounds of one session would let a dependence of 0.2 pass in sessions of 60, and the sign test with it: looked at
    after every round, it then raises 6 to 8 % false alarms where it promises 5.

    Raises:
        RangeError: If there are no sessions, one is empty, or a value is NaN or infinite.

    Example:
        >>> block_size([[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]])
        7

    Source:
        M. S. Bartlett (1946), On the Theoretical Specification and Sampling Properties of Autocorrelated Time-Series:
        (1+r)/(1-r) neighbours of a first-order process tell as much as one that is independent.
    """
    correlation = autocorrelation(sessions)
    lengths = [len(session) for session in sessions]
    if correlation <= 2 / math.sqrt(sum(lengths)):
        return 1
    return min(math.ceil((1 + correlation) / (1 - correlation)), *lengths)


def blocked(sessions: Sequence[Sequence[float]], size: int) -> list[list[float]]:
    """Replace every `size` neighbouring rounds by their median; the last block of a session takes the rest too.

    Raises:
        RangeError: If `size` is not a whole number above 0, there are no sessions, or one is empty.

    Example:
        >>> blocked([[1.0, 2.0, 9.0, 4.0, 5.0, 6.0, 8.0]], 3)
        [[2.0, 5.5]]
    """
    require_count("the rounds of a block", size, 1)
    return [_blocks(session, size) for session in require_sessions(sessions)]


def _blocks(session: list[float], size: int) -> list[float]:
    starts = range(0, max(len(session) - size, 0) + 1, size)
    stops = [*starts[1:], len(session)]
    return [median(session[start:stop]) for start, stop in zip(starts, stops, strict=True)]


def _independent(sessions: list[list[float]]) -> list[list[float]]:
    return blocked(sessions, block_size(sessions))


def _medians(sessions: list[list[float]]) -> list[float]:
    return [median(session) for session in sessions]


def _hull(first: Estimate, second: Estimate) -> tuple[float | None, float | None, str | None]:
    """Join two intervals of logarithms; what one of them does not bound, the hull does not bound either."""
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return None, None, first.reason or second.reason
    return math.exp(min(first.low, second.low)), math.exp(max(first.high, second.high)), None
