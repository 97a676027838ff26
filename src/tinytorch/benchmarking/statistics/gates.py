"""A gate: it fails a change only for a slow-down that is proven, larger than allowed, and seen twice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tinytorch.benchmarking.statistics.estimates import CONFIDENCE
from tinytorch.benchmarking.statistics.ratios import Ratio, paired_p_value, paired_ratio
from tinytorch.errors import RangeError, explain

__all__ = ["Gate", "Passage", "gate", "gates"]

Rounds = Sequence[Sequence[float]]


class Passage(StrEnum):
    """What a gate says: confirm asks for one repetition in new sessions."""

    PASS = "pass"  # noqa: S105  not a password
    CONFIRM = "confirm"
    FAIL = "fail"
    UNKNOWN = "unknown"  # too little was measured to bound it, at first or in the repetition


@dataclass(frozen=True, slots=True)
class Gate:
    """What a gate said, and why.

    Attributes:
        passage: Pass, fail, confirm, or unknown.
        slow_down: How much slower the candidate seems, as a share: 0.05 is 5 % more time; negative where it is
            faster, none where nothing was measured.
        slow_down_low: The lower bound of that, which is what counts; none where nothing bounds it.
        allowed: The larger of the budget and of what the instrument cannot tell from nothing, as a share.
    """

    passage: Passage
    slow_down: float | None
    slow_down_low: float | None
    allowed: float


def gate(ratio: Ratio, budget: float, half_width: float = 0.0, confirmation: Ratio | None = None) -> Gate:
    """Judge a slow-down against what is allowed.

    Args:
        ratio: The speed-up of the change over what was before.
        budget: The slow-down that is allowed, as a share of at least 0.
        half_width: Of the interval that the instrument gives two identical variants, as a share: the certificate's.
        confirmation: The same comparison in new sessions, where the first one did not pass.

    Raises:
        RangeError: If a share is negative or no number, or a ratio has no interval: nothing was shown then.

    Example:
        >>> from tinytorch.benchmarking.statistics import paired_ratio
        >>> slow = paired_ratio([[-0.10, -0.11, -0.09, -0.10]] * 6)
        >>> gate(slow, budget=0.05).passage, gate(slow, budget=0.05, confirmation=slow).passage
        (<Passage.CONFIRM: 'confirm'>, <Passage.FAIL: 'fail'>)
    """
    allowed = _allowed(budget, half_width)
    low = _slow_down_low(ratio)
    return Gate(_passage(low, allowed, confirmation), 1 / ratio.value - 1, low, allowed)


def gates(
    candidates: Sequence[Rounds], budget: float, half_width: float = 0.0, confirmation: Sequence[Rounds] | None = None
) -> list[Gate]:
    """Judge several candidates' slow-downs, so that all gates together raise a false alarm no oftener than one.

    The clearest slow-down is bounded at a confidence of 1 - 0.05 / n for n candidates, the next at 1 - 0.05 / (n - 1),
    and so on, until one is not shown to be larger than allowed. A repetition corrects for those alone that it is about.

    Args:
        candidates: Of each, one sequence a session of ln(t_baseline / t_candidate) a round; empty if it has none.
        budget: The slow-down that is allowed, as a share of at least 0.
        half_width: As `gate` has it.
        confirmation: The same in new sessions, where a first time not all passed; empty for what was lost in them.

    Returns:
        A gate for each. What has no bound, at first or in the repetition that it needs, is unknown.

    Raises:
        RangeError: If a share is negative or no number, or there are not as many in the repetition.

    Example:
        >>> slow = [[-0.10, -0.11, -0.09, -0.10]] * 6
        >>> [str(found.passage) for found in gates([slow, [[0.0, 0.01, -0.01, 0.0]] * 6], budget=0.05)]
        ['confirm', 'pass']

    Source:
        S. Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure.
    """
    allowed = _allowed(budget, half_width)
    if confirmation is not None and len(confirmation) != len(candidates):
        raise RangeError(explain("the repetition", f"of {len(candidates)} candidates", len(confirmation)))
    bounds = _bounded(candidates, allowed)
    flagged = [place for place, bound in enumerate(bounds) if bound is not None and bound > allowed]
    again = _bounded([confirmation[place] for place in flagged], allowed) if confirmation is not None else []
    second = dict(zip(flagged, again, strict=False))
    return [
        Gate(_stepped(bound, allowed, place, second, confirmation), _slow_down(rounds), bound, allowed)
        for place, (rounds, bound) in enumerate(zip(candidates, bounds, strict=True))
    ]


def _stepped(
    bound: float | None,
    allowed: float,
    place: int,
    second: Mapping[int, float | None],
    confirmation: Sequence[Rounds] | None,
) -> Passage:
    if bound is None:
        return Passage.UNKNOWN
    if bound <= allowed:
        return Passage.PASS
    if confirmation is None:
        return Passage.CONFIRM
    repeated = second[place]
    if repeated is None:
        return Passage.UNKNOWN
    return Passage.FAIL if repeated > allowed else Passage.PASS


def _bounded(candidates: Sequence[Rounds], allowed: float) -> list[float | None]:
    """Bound each slow-down from below, by Holm's steps; those of which nothing is known count among the number too."""
    shifted = [[[value + math.log1p(allowed) for value in rounds] for rounds in one] for one in candidates]
    clearest = sorted(range(len(candidates)), key=lambda place: _p_value(shifted[place]))
    found: list[float | None] = [None] * len(candidates)
    left = len(candidates)
    for place in clearest:
        found[place] = low = _low_at(candidates[place], 1 - (1 - CONFIDENCE) / left)
        left -= low is not None and low > allowed
    return found


def _p_value(shifted: Rounds) -> float:
    """Say how clearly a candidate is slower than allowed."""
    if not shifted or paired_ratio(shifted).value >= 1:
        return 1.0
    return paired_p_value(shifted)


def _low_at(rounds: Rounds, confidence: float) -> float | None:
    """Bound a slow-down; what is bounded at 95 % only has the whole way down."""
    if not rounds or paired_ratio(rounds).high is None:
        return None
    high = paired_ratio(rounds, confidence).high
    return -1.0 if high is None else 1 / high - 1


def _slow_down(rounds: Rounds) -> float | None:
    return 1 / paired_ratio(rounds).value - 1 if rounds else None


def _allowed(budget: float, half_width: float) -> float:
    for name, share in (("budget", budget), ("half_width", half_width)):
        if not 0 <= share < math.inf:
            raise RangeError(explain(name, "a share of at least 0", share))
    return max(budget, half_width)


def _passage(low: float, allowed: float, confirmation: Ratio | None) -> Passage:
    if low <= allowed:
        return Passage.PASS
    if confirmation is None:
        return Passage.CONFIRM
    return Passage.FAIL if _slow_down_low(confirmation) > allowed else Passage.PASS


def _slow_down_low(ratio: Ratio) -> float:
    if ratio.high is None:
        reason = ratio.reason or "no reason given"
        raise RangeError(explain("a gate's ratio", "bounded above", reason, remedy="Measure more sessions."))
    return 1 / ratio.high - 1
