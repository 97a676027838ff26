"""A gate: it fails a change only for a slow-down that is proven, larger than allowed, and seen twice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from tinytorch.benchmarking.statistics.ratios import Ratio
from tinytorch.errors import RangeError, explain

__all__ = ["Gate", "Passage", "gate"]


class Passage(StrEnum):
    """What a gate says: confirm asks for one repetition in new sessions."""

    PASS = "pass"  # noqa: S105  not a password
    CONFIRM = "confirm"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Gate:
    """What a gate said, and why.

    Attributes:
        passage: Pass, fail, or confirm.
        slow_down: How much slower the candidate seems, as a share: 0.05 is 5 % more time; negative where it is faster.
        slow_down_low: The lower bound of that, which is what counts.
        allowed: The larger of the budget and of what the instrument cannot tell from nothing, as a share.
    """

    passage: Passage
    slow_down: float
    slow_down_low: float
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
    for name, share in (("budget", budget), ("half_width", half_width)):
        if not 0 <= share < math.inf:
            raise RangeError(explain(name, "a share of at least 0", share))
    allowed = max(budget, half_width)
    low = _slow_down_low(ratio)
    return Gate(_passage(low, allowed, confirmation), 1 / ratio.value - 1, low, allowed)


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
