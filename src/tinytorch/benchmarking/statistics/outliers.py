"""Rounds that something disturbed: removed only for a cause that was recorded, never for their value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinytorch.benchmarking.statistics.estimates import CONFIDENCE
from tinytorch.benchmarking.statistics.inputs import require_same_length, require_sessions
from tinytorch.benchmarking.statistics.ratios import Ratio, paired_ratio

__all__ = ["Cleaned", "clean", "in_either"]

Marks = Sequence[Sequence[bool]]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A ratio of all rounds, and of those that nothing recorded disturbed.

    Attributes:
        all_rounds: Of every round.
        undisturbed: Of the rounds without a cause; none where fewer than two sessions have one left.
        removed: How many rounds are left out in that.
        removed_by: The same by cause; a round with two causes counts for both.
    """

    all_rounds: Ratio
    undisturbed: Ratio | None
    removed: int
    removed_by: dict[str, int]


def clean(
    log_ratios: Sequence[Sequence[float]], causes: Mapping[str, Marks], confidence: float = CONFIDENCE
) -> Cleaned:
    """Estimate a ratio twice: with every round, and without those in which a cause was recorded.

    Args:
        log_ratios: One sequence a session, of ln(t_baseline / t_candidate) a round.
        causes: By name, such as `"gc"`: for each round of each session, whether it happened inside either member. A
            round goes as a whole, so that neither variant gains.
        confidence: How often each interval holds the true speed-up.

    Raises:
        RangeError: If the sessions are not as `paired_ratio` has them.
        ShapeError: If a cause does not have one mark a round.

    Example:
        >>> found = clean([[0.1, 0.9, 0.1], [0.1, 0.1, 0.1]], {"gc": [[False, True, False], [False] * 3]})
        >>> found.removed, found.removed_by
        (1, {'gc': 1})
    """
    sessions = require_sessions(log_ratios)
    for name, marks in causes.items():
        _require_marks(sessions, marks, name)
    disturbed = [_any_cause(causes, index, len(session)) for index, session in enumerate(sessions)]
    kept = [
        [value for value, marked in zip(session, marks, strict=True) if not marked]
        for session, marks in zip(sessions, disturbed, strict=True)
    ]
    left = [session for session in kept if session]
    return Cleaned(
        all_rounds=paired_ratio(sessions, confidence),
        undisturbed=paired_ratio(left, confidence) if len(left) > 1 else None,
        removed=_count(disturbed),
        removed_by={name: _count(marks) for name, marks in causes.items()},
    )


def in_either(baseline: Marks, candidate: Marks) -> list[list[bool]]:
    """Mark the rounds in which a cause was recorded for either variant.

    Raises:
        ShapeError: If the two do not have one mark a round each.

    Example:
        >>> in_either([[True, False]], [[False, False]])
        [[True, False]]
    """
    _require_marks(baseline, candidate, "the marks of both variants")
    return [
        [bool(first or second) for first, second in zip(one, other, strict=True)]
        for one, other in zip(baseline, candidate, strict=True)
    ]


def _any_cause(causes: Mapping[str, Marks], session: int, rounds: int) -> list[bool]:
    return [any(marks[session][index] for marks in causes.values()) for index in range(rounds)]


def _count(marks: Marks) -> int:
    return sum(sum(map(bool, session)) for session in marks)


def _require_marks(sessions: Sequence[Sequence[object]], marks: Marks, name: str) -> None:
    require_same_length(sessions, marks, name)
    for session, row in zip(sessions, marks, strict=True):
        require_same_length(session, row, name)
