"""The table `tinytorch run` ends with: one row a metric, baseline beside optimized."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinytorch.cli import output

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["table"]

Metrics = Mapping[str, float | None]
TOO_FEW = "n too small"


@dataclass(frozen=True, slots=True)
class Row:
    """One metric as it is shown.

    Attributes:
        label: What a reader calls it.
        name: Its name in the submission.
        show: Its text.
        change: The words for a better and a worse optimized value; none where a ratio would mislead.
        more_is_better: Whether a larger value is the better one.
        missing: What stands for a value that is null.
    """

    label: str
    name: str
    show: Callable[[Any], str]
    change: tuple[str, str] | None = None
    more_is_better: bool = False
    missing: str = output.MISSING

    def text(self, metrics: Metrics) -> str:
        """Write the metric's value."""
        value = metrics.get(self.name)
        return self.missing if value is None else self.show(value)

    def difference(self, baseline: Metrics, optimized: Metrics) -> str:
        """Write how the optimized value compares with the baseline's."""
        before, after = baseline.get(self.name), optimized.get(self.name)
        if before is None or after is None:
            return ""
        if self.name == "accuracy":
            return f"{100 * (after - before):+.2f} points"
        if self.change is None or not before or not after:
            return ""
        return output.ratio(after / before if self.more_is_better else before / after, *self.change)


def _duration(seconds: float) -> str:
    return output.duration(1000 * seconds)


FASTER, SMALLER, MORE = ("faster", "slower"), ("smaller", "larger"), ("more", "less")

ROWS = (
    Row("accuracy", "accuracy", output.percent),
    Row("latency, mean", "latency_mean_seconds", _duration, FASTER),
    Row("latency, std", "latency_std_seconds", _duration),
    Row("latency, p50", "latency_p50_seconds", _duration, FASTER, missing=TOO_FEW),
    Row("latency, p99", "latency_p99_seconds", _duration, FASTER, missing=TOO_FEW),
    Row("throughput, 1 by 1", "throughput_single_samples_per_second", output.rate, MORE, more_is_better=True),
    Row("throughput, batch", "throughput_batch_samples_per_second", output.rate, MORE, more_is_better=True),
    Row("parameters", "parameter_count", output.count, ("fewer", "more")),
    Row("size as stored", "stored_bytes", output.bytes_, SMALLER),
    Row("peak memory", "peak_memory_bytes", output.bytes_, ("less", "more")),
)


def table(submission: Mapping[str, Any]) -> Table:
    """Lay out the metrics of a submission of either version, one column a model."""
    from rich import box
    from rich.table import Table

    from tinytorch.capstone.record import upgraded

    current = upgraded(submission)
    models = [current[part] for part in ("baseline", "optimized") if part in current]
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("", no_wrap=True)
    for model in models:
        made.add_column(model["model_name"], justify="right")
    if len(models) == 2:
        made.add_column("change", justify="right", style="bold")
    for cells in _cells([_values(model["metrics"]) for model in models]):
        made.add_row(*cells)
    return made


def _values(metrics: Mapping[str, Any]) -> Metrics:
    """Give each metric's number: its own, or that of its estimate."""
    from tinytorch.capstone.record.derived import value_of

    return {row.name: value_of(metrics[row.name]) for row in ROWS if row.name in metrics}


def _cells(models: list[Metrics]) -> list[list[str]]:
    rows = [row for row in ROWS if any(row.name in metrics for metrics in models)]
    changes = [[row.difference(*models)] if len(models) == 2 else [] for row in rows]
    texts = [[row.label, *(row.text(metrics) for metrics in models)] for row in rows]
    return [text + change for text, change in zip(texts, changes, strict=True)]
