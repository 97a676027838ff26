"""What a metric is, and what measuring one gives: a value with its interval, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.statistics import Estimate

__all__ = ["Finding", "Measured", "Metric", "Unavailable"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric that was measured.

    Attributes:
        metric: Its name.
        unit: What the estimates count, unless a part says otherwise.
        estimate: The value, and the interval it is known to.
        parts: What else the same measurement found, by name.
        raw: What everything above was computed from, in terms of JSON.
    """

    metric: str
    unit: str
    estimate: Estimate
    parts: Mapping[str, Estimate] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)

    is_measured: Literal[True] = True

    def to_dict(self) -> dict[str, Any]:
        """Give everything by name, as it travels in a file."""
        return {
            "metric": self.metric,
            "unit": self.unit,
            "measured": True,
            **_ends(self.estimate),
            "parts": {name: _ends(part) for name, part in self.parts.items()},
            "raw": dict(self.raw),
        }


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A metric that could not be measured; it has no value, and least of all 0.

    Attributes:
        metric: Its name.
        reason: What it would have needed, in a sentence.
    """

    metric: str
    reason: str

    is_measured: Literal[False] = False

    def to_dict(self) -> dict[str, Any]:
        """Say by name that there is nothing, and why."""
        return {"metric": self.metric, "measured": False, "value": None, "reason": self.reason}


Finding = Measured | Unavailable


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that can be measured of a model.

    Attributes:
        name: As it stands in records, with `_` and the unit after it.
        unit: `seconds`, `bytes`, `joules`, `samples_per_second`, `ratio` or `count`.
        better: Whether less or more of it is better.
        bounds: The smallest and the largest value there can be.
        measure: Takes a case, and finds the value or the reason why there is none.
    """

    name: str
    unit: str
    better: Literal["less", "more"]
    bounds: tuple[float, float]
    measure: Callable[[Case], Finding]


def _ends(estimate: Estimate) -> dict[str, Any]:
    ends = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "confidence": estimate.confidence}
    return ends if estimate.reason is None else ends | {"reason": estimate.reason}
