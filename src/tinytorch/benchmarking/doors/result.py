"""The values of one metric, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tinytorch.benchmarking.statistics import mean, sample_std, t_interval
from tinytorch.errors import DTypeError, RangeError, explain

__all__ = ["BenchmarkResult"]


@dataclass
class BenchmarkResult:
    """The values that a metric took, run by run.

    Attributes:
        metric_name: What was measured, with its unit, such as `small_latency_ms`.
        values: One a run, at least one, finite.
        metadata: Whatever else is to be known. `measured: False` with a `reason` marks a value that stands for none.

    Raises:
        RangeError: If there are no values, or one is not finite; it is a `ValueError`.

    Example:
        >>> result = BenchmarkResult("latency_ms", [1.0, 2.0, 3.0])
        >>> print(result)
        latency_ms: 2.0000 ± 1.0000 (n=3)
        >>> round(result.ci_lower, 3), round(result.ci_upper, 3)
        (-0.484, 4.484)
    """

    metric_name: str
    values: Sequence[float]
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.values):
            raise RangeError(explain("values", "at least one", "none", at=self.metric_name))
        self.values = [_number(value, self.metric_name) for value in self.values]

    @property
    def mean(self) -> float:
        """The arithmetic mean."""
        return mean(self.values)

    @property
    def median(self) -> float:
        """The middle value, or the mean of the two in the middle."""
        return median(self.values)

    @property
    def std(self) -> float:
        """The sample standard deviation, n-1 in the divisor; 0.0 of a single value."""
        return sample_std(self.values)

    @property
    def min_val(self) -> float:
        """The smallest value."""
        return min(self.values)

    @property
    def max_val(self) -> float:
        """The largest value."""
        return max(self.values)

    @property
    def count(self) -> int:
        """The number of values."""
        return len(self.values)

    @property
    def ci_lower(self) -> float:
        """The lower end of the 95 % interval of the mean by Student's t; the mean itself of a single value."""
        return self._interval()[0]

    @property
    def ci_upper(self) -> float:
        """The upper end of the same interval."""
        return self._interval()[1]

    @property
    def is_measured(self) -> bool:
        """Whether the values were measured, and do not stand for something that could not be."""
        return bool(self.metadata.get("measured", True))

    def _interval(self) -> tuple[float, float]:
        estimate = t_interval(self.values)
        if estimate.low is None or estimate.high is None:  # one value says nothing about the spread
            return self.mean, self.mean
        return estimate.low, estimate.high

    def to_dict(self) -> dict[str, Any]:
        """Give everything by name, as it travels in a file."""
        return {
            "metric_name": self.metric_name,
            "values": list(self.values),
            "mean": self.mean,
            "std": self.std,
            "median": self.median,
            "min": self.min_val,
            "max": self.max_val,
            "count": self.count,
            "ci_lower": self.ci_lower,
            "ci_upper": self.ci_upper,
            "metadata": dict(self.metadata),
        }

    def __str__(self) -> str:
        return f"{self.metric_name}: {self.mean:.4f} ± {self.std:.4f} (n={self.count})"


def _number(value: object, name: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise DTypeError(explain("a value", "a number", value, at=name)) from error
    if not math.isfinite(number):
        raise RangeError(explain("a value", "finite", value, at=name))
    return number
