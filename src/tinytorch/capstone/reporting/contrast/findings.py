"""What was found of one metric of two submissions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Protocol", "Verdict"]

Verdict = Literal["better", "worse", "equal", "undecided", "refused"]
Protocol = Literal["exact", "paired", "sequential", "none"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One metric.

    Attributes:
        metric: What it is called.
        first: The first submission's value, with its interval.
        second: The second one's.
        verdict: What of the second beside the first: better, worse, equal, undecided, or refused.
        said: The same in words.
        protocol: How it was compared: exactly, answer by answer on the same questions, or from runs made apart.
        ratio: The second beside the first, above 1 where it is better; none where that has no meaning.
        low: The lower end of its interval; none where nothing bounds it.
        high: The upper end.
    """

    metric: str
    first: str
    second: str
    verdict: Verdict
    said: str
    protocol: Protocol = "none"
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
