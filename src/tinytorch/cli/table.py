"""The table `tinytorch run` ends with: one row a metric, baseline beside optimized."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinytorch.cli import output

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["table"]

Metrics = Mapping[str, Any]
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


FASTER, SMALLER, MORE = ("faster", "slower"), ("smaller", "larger"), ("more", "less")

ROWS = (
    Row("accuracy", "accuracy", output.percent),
    Row("latency, mean", "latency_ms_mean", output.duration, FASTER),
    Row("latency, std", "latency_ms_std", output.duration),
    Row("latency, p50", "latency_ms_p50", output.duration, FASTER, missing=TOO_FEW),
    Row("latency, p99", "latency_ms_p99", output.duration, FASTER, missing=TOO_FEW),
    Row("throughput, 1 by 1", "throughput_samples_per_sec", output.rate, MORE, more_is_better=True),
    Row("throughput, batch", "batch_throughput_samples_per_sec", output.rate, MORE, more_is_better=True),
    Row("parameters", "parameter_count", output.count, ("fewer", "more")),
    Row("size as stored", "model_size_bytes", output.bytes_, SMALLER),
    Row("peak memory", "peak_memory_bytes", output.bytes_, ("less", "more")),
)


def table(submission: Mapping[str, Any]) -> Table:
    """Lay out the metrics of a submission, one column a model."""
    from rich import box
    from rich.table import Table

    models = [submission[part] for part in ("baseline", "optimized") if part in submission]
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("", no_wrap=True)
    for model in models:
        made.add_column(model["model_name"], justify="right")
    if len(models) == 2:
        made.add_column("change", justify="right", style="bold")
    for cells in _cells([model["metrics"] for model in models]):
        made.add_row(*cells)
    return made


def _cells(models: list[Metrics]) -> list[list[str]]:
    rows = [row for row in ROWS if any(row.name in metrics for metrics in models)]
    changes = [[row.difference(*models)] if len(models) == 2 else [] for row in rows]
    texts = [[row.label, *(row.text(metrics) for metrics in models)] for row in rows]
    return [text + change for text, change in zip(texts, changes, strict=True)]
