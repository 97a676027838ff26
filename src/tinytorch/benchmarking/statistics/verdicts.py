"""From a ratio to a verdict: faster, slower, equivalent, or undecided and what it would take to decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tinytorch.benchmarking.statistics.distributions import normal_quantile, student_quantile
from tinytorch.benchmarking.statistics.estimates import CONFIDENCE
from tinytorch.benchmarking.statistics.ratios import Ratio, paired_ratio
from tinytorch.errors import RangeError, explain

__all__ = ["MARGIN", "POWER", "Outcome", "Verdict", "holm", "judge", "judge_ratios"]

MARGIN = 0.02
POWER = 0.8
EQUIVALENCE_CONFIDENCE = 0.90  # two one-sided tests at 5 % are one interval at 90 %
MOST_SESSIONS = 10_000


class Outcome(StrEnum):
    """What a comparison found."""

    FASTER = "faster"
    SLOWER = "slower"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison found, what it rests on, and what it could have found.

    Attributes:
        outcome: Faster or slower where the 95 % interval excludes 1; else equivalent where the 90 % interval lies
            within the margin; else undecided.
        ratio: The speed-up with its 95 % interval.
        ratio90: The same with its 90 % interval.
        margin: How much slower or faster still counts as equivalent, as a share.
        minimum_detectable_effect: The change, as a share, that four in five such comparisons would call faster or
            slower; none where one session says nothing of it.
        sessions_to_decide: How many more sessions would decide in four of five cases, if the ratio is what it seems;
            none where it is decided, or 10,000 would not do.
        threshold: A difference, as a share, that the instrument itself makes; what lies within is not faster or slower.
        null_width: How far from 1, as a share, the instrument's interval for two identical variants reached; 0 where
            nobody asked. It changes no outcome, and no interval; `is_within_null` says what it means for one.
    """

    outcome: Outcome
    ratio: Ratio
    ratio90: Ratio
    margin: float
    minimum_detectable_effect: float | None
    sessions_to_decide: int | None
    threshold: float = 0.0
    null_width: float = 0.0

    @property
    def is_within_null(self) -> bool:
        """Whether it says faster or slower of a change no larger than what two identical variants may come out by."""
        is_change = self.outcome in {Outcome.FASTER, Outcome.SLOWER}
        return is_change and abs(math.log(self.ratio.value)) <= math.log1p(self.null_width)

    def sentence(self) -> str:
        """Say it in words.

        Example:
            >>> judge([[0.69, 0.70, 0.68, 0.71], [0.70, 0.69, 0.71, 0.69]]).sentence()
            'The candidate is faster: 2.004 times as fast, 95 % interval 1.974 to 2.034.'
        """
        return SENTENCES[self.outcome].format(self._interval(), margin=self.margin) + self._price() + self._doubt()

    def _interval(self) -> str:
        share, ratio = f"{self.ratio.confidence:.0%}".replace("%", " %"), self.ratio
        if ratio.low is None and ratio.high is None:
            return f"{ratio.value:.3f} times as fast, no interval ({ratio.reason})"
        low = "0" if ratio.low is None else f"{ratio.low:.3f}"
        high = "no end" if ratio.high is None else f"{ratio.high:.3f}"
        return f"{ratio.value:.3f} times as fast, {share} interval {low} to {high}"

    def _price(self) -> str:
        if self.outcome is not Outcome.UNDECIDED or self.minimum_detectable_effect is None:
            return ""
        seen = (
            f" A change of {100 * self.minimum_detectable_effect:.2g} % would be seen in four of five such comparisons"
        )
        more = self.sessions_to_decide
        return f"{seen}; about {more} more sessions would decide." if more else f"{seen}."

    def _doubt(self) -> str:
        if not self.is_within_null:
            return ""
        width = f"{100 * self.null_width:.2g} %"
        return f" Two identical variants may come out {width} apart here: see it a second time before you rely on it."


SENTENCES = {
    Outcome.FASTER: "The candidate is faster: {}.",
    Outcome.SLOWER: "The candidate is slower: {}.",
    Outcome.EQUIVALENT: "The two are equivalent within {margin:.1%}: {}.",
    Outcome.UNDECIDED: "The two cannot be told apart yet: {}.",
}


def judge(log_ratios: Sequence[Sequence[float]], margin: float = MARGIN, threshold: float | None = None) -> Verdict:
    """Judge a paired comparison.

    Args:
        log_ratios: One sequence a session, of ln(t_baseline / t_candidate) a round.
        margin: How much slower or faster still counts as equivalent, as a share above 0.
        threshold: A difference, as a share, that the instrument makes between two identical variants; a change must lie
            beyond it to be faster or slower. None asks for a change beyond 0.

    Raises:
        RangeError: If the sessions are not as `paired_ratio` has them, or a share is negative or no number.

    Example:
        >>> judge([[0.001, -0.001, 0.002, -0.002]] * 6).outcome
        <Outcome.EQUIVALENT: 'equivalent'>

    Source:
        D. J. Schuirmann (1987), A Comparison of the Two One-Sided Tests Procedure and the Power Approach for Assessing
        the Equivalence of Average Bioavailability.
    """
    wide, narrow = paired_ratio(log_ratios, CONFIDENCE), paired_ratio(log_ratios, EQUIVALENCE_CONFIDENCE)
    return judge_ratios(wide, narrow, margin, threshold)


def judge_ratios(ratio: Ratio, ratio90: Ratio, margin: float = MARGIN, threshold: float | None = None) -> Verdict:
    """Judge a ratio of any protocol, given with its 95 % and with its 90 % interval.

    Raises:
        RangeError: If `margin` is not above 0, or `threshold` negative, or either is no number.
    """
    floor = threshold or 0.0
    if not (0 < margin < math.inf and 0 <= floor < math.inf):
        raise RangeError(explain("margin and threshold", "shares, the margin above 0", f"{margin} and {threshold}"))
    outcome = _outcome(ratio, ratio90, margin, floor)
    spread = _spread(ratio)
    return Verdict(
        outcome=outcome,
        ratio=ratio,
        ratio90=ratio90,
        margin=margin,
        minimum_detectable_effect=_detectable(spread, ratio.sessions),
        sessions_to_decide=_more_sessions(ratio, spread, margin, floor) if outcome is Outcome.UNDECIDED else None,
        threshold=floor,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct the p-values of several comparisons, so that all together raise a false alarm no oftener than one.

    Raises:
        RangeError: If a p-value is not in [0, 1].

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]

    Source:
        S. Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure.
    """
    for index, value in enumerate(p_values):
        if not 0 <= value <= 1:
            raise RangeError(explain("a p-value", "in [0, 1]", value, at=f"index {index}"))
    corrected, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = largest
    return corrected


def _outcome(ratio: Ratio, ratio90: Ratio, margin: float, floor: float) -> Outcome:
    if ratio.lies_above(1 + floor):
        return Outcome.FASTER
    if ratio.lies_below(1 / (1 + floor)):
        return Outcome.SLOWER
    if ratio90.lies_above(1 / (1 + margin)) and ratio90.lies_below(1 + margin):
        return Outcome.EQUIVALENT
    return Outcome.UNDECIDED


def _spread(ratio: Ratio) -> float | None:
    """Say what a session spreads by, in logarithms: at least what would make the interval as wide as it is."""
    if ratio.sessions < 2 or ratio.log_half_width is None:
        return None
    per_session = ratio.log_half_width * math.sqrt(ratio.sessions) / _t(CONFIDENCE, ratio.sessions)
    return max(ratio.session_sd, per_session)


def _detectable(spread: float | None, sessions: int) -> float | None:
    """Find the change, as a share, that a second such comparison finds in four of five cases.

    The textbook's (t_.975 + t_.80) s / √P takes s for the true spread. With six sessions s is off by a third, once here
    and once in the second comparison, and the power at that change is 0.70, not 0.80. So this is the k of
    k - t_.975 = z_.80 √(1 + (t_.975² + k²) / 2f), f = P - 1: both spreads' own errors stand beside that of the mean.

    Source:
        J. Cohen (1988), Statistical Power Analysis for the Behavioral Sciences: the textbook's.
        The rest is derived from var(s) ≈ σ² / 2f; `benchmarks/coverage.py` shows the power it has.
    """
    if spread is None:
        return None
    freedom, t, z = sessions - 1, _t(CONFIDENCE, sessions), normal_quantile(POWER)
    doubt = z * z / (2 * freedom)
    reach = (t + math.sqrt(doubt * t * t + (1 - doubt) * (z * z + doubt * t * t))) / (1 - doubt)
    return math.expm1(reach * spread / math.sqrt(sessions))


def _more_sessions(ratio: Ratio, spread: float | None, margin: float, floor: float) -> int | None:
    """Find how many more sessions either test takes at the effect that was seen."""
    if spread is None:
        return None
    effect = abs(math.log(ratio.value))
    beyond, room = effect - math.log1p(floor), math.log1p(margin) - effect
    for sessions in range(ratio.sessions + 1, MOST_SESSIONS):
        if beyond >= _reach(CONFIDENCE, sessions) * spread or room >= _reach(EQUIVALENCE_CONFIDENCE, sessions) * spread:
            return sessions - ratio.sessions
    return None


def _reach(confidence: float, sessions: int) -> float:
    """Say how many sessions' spreads lie between no effect and one that a test of `sessions` finds in four of five."""
    return (_t(confidence, sessions) + student_quantile(POWER, sessions - 1)) / math.sqrt(sessions)


def _t(confidence: float, sessions: int) -> float:
    return student_quantile((1 + confidence) / 2, sessions - 1)
