"""What statistics refuse: nothing at all, and what is no number."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinytorch.errors import RangeError, ShapeError, explain

__all__ = [
    "require_confidence",
    "require_count",
    "require_positive",
    "require_same_length",
    "require_sessions",
    "require_values",
]

SAMPLES = "the samples"


def require_values(values: Sequence[float], what: str = SAMPLES, least: int = 1) -> Sequence[float]:
    """Refuse too few values, and any that is no number.

    Raises:
        RangeError: If there are fewer than `least`, or one is NaN or infinite.

    Example:
        >>> require_values([1.0, 2.0])
        [1.0, 2.0]
    """
    if len(values) < least:
        rule = "at least one" if least == 1 else f"at least {least}"
        raise RangeError(explain(what, rule, len(values) or "none"))
    for index, value in enumerate(values):
        if not math.isfinite(value):
            raise RangeError(explain(what, "finite", value, at=f"index {index}"))
    return values


def require_positive(values: Sequence[float], what: str = SAMPLES, least: int = 1) -> Sequence[float]:
    """Refuse what has no logarithm.

    Raises:
        RangeError: If there are too few values, or one is not a finite number above 0.
    """
    for index, value in enumerate(require_values(values, what, least)):
        if value <= 0:
            raise RangeError(explain(what, "positive", value, at=f"index {index}"))
    return values


def require_sessions(sessions: Sequence[Sequence[float]], what: str = "the rounds of a session") -> list[list[float]]:
    """Refuse a run without sessions, a session without values, and any value that is no number.

    Returns:
        The same numbers as lists of floats, one a session.

    Raises:
        RangeError: If there are no sessions, one is empty, or a value is NaN or infinite.
    """
    if not len(sessions):
        raise RangeError(explain("the sessions", "at least one", "none"))
    return [[float(value) for value in require_values(session, what)] for session in sessions]


def require_same_length(first: Sequence[object], second: Sequence[object], what: str) -> None:
    """Refuse two sequences that do not go together.

    Raises:
        ShapeError: If their lengths differ.
    """
    if len(first) != len(second):
        raise ShapeError(explain(what, "of one length", f"{len(first)} and {len(second)}"))


def require_confidence(confidence: float) -> float:
    """Refuse a confidence that is no probability, or is certain.

    Raises:
        RangeError: If it is not in (0, 1).
    """
    if not 0 < confidence < 1:
        raise RangeError(explain("confidence", "in (0, 1)", confidence, remedy="95 % is 0.95."))
    return confidence


def require_count(what: str, value: int, least: int = 0) -> int:
    """Refuse what does not count things.

    Raises:
        RangeError: If it is not a whole number of at least `least`.
    """
    if isinstance(value, bool) or value != value // 1 or value < least:
        raise RangeError(explain(what, f"a whole number of at least {least}", value))
    return int(value)
