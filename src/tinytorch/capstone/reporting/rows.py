"""The metrics of a report, one row each: how it is read, shown and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinytorch.capstone.reporting.reading import ModelRead
from tinytorch.capstone.reporting.texts import (
    MISSING,
    bytes_text,
    count_text,
    ends_text,
    percent_text,
    plain_ratio,
    points_text,
    rate_text,
    seconds_text,
    value_of,
)

__all__ = ["ROWS", "Cell", "Row", "rows_of"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as text, and its interval or why there is none."""

    value: str
    interval: str = ""

    def line(self) -> str:
        """Write both in one line."""
        return f"{self.value} ({self.interval})" if self.interval else self.value


@dataclass(frozen=True, slots=True)
class Row:
    """One metric.

    Attributes:
        label: What a reader calls it.
        metric: Its name in the record.
        text: Writes its value.
        words: For a better and a worse optimized value; none where a ratio would mislead.
        is_more_better: Whether a larger value is the better one.
    """

    label: str
    metric: str
    text: Callable[[float | None], str]
    words: tuple[str, str] | None = None
    is_more_better: bool = False

    def cell(self, model: ModelRead) -> Cell:
        """Write a model's value with its interval."""
        found = model.metrics.get(self.metric)
        value, ends = value_of(found), ends_text(found, self.text)
        if value is None and found is not None and not ends:
            return Cell("too few samples")
        return Cell(ends) if value is None and ends else Cell(self.text(value), ends)

    def change(self, baseline: ModelRead, optimized: ModelRead) -> str:
        """Say how the optimized value compares; nothing where it cannot be compared."""
        before, after = baseline.value(self.metric), optimized.value(self.metric)
        if before is None or after is None:
            return ""
        if self.metric == "accuracy":
            return f"{points_text(after - before)} points"
        if self.words is None or not before or not after:
            return ""
        return _in_words(after / before if self.is_more_better else before / after, self.words)


def _in_words(ratio: float, words: tuple[str, str]) -> str:
    if plain_ratio(ratio) == "1.00":
        return "the same"
    return f"{plain_ratio(ratio)}× {words[0]}" if ratio > 1 else f"{plain_ratio(1 / ratio)}× {words[1]}"


SHORTER, LESS, MORE = ("shorter", "longer"), ("less", "more"), ("more", "less")

ROWS = (
    Row("Accuracy", "accuracy", percent_text),
    Row("Latency, mean", "latency_mean_seconds", seconds_text, SHORTER),
    Row("Latency, median", "latency_p50_seconds", seconds_text, SHORTER),
    Row("Latency, p90", "latency_p90_seconds", seconds_text, SHORTER),
    Row("Latency, p99", "latency_p99_seconds", seconds_text, SHORTER),
    Row("Latency, std. deviation", "latency_std_seconds", seconds_text),
    Row("Latency, first call", "first_call_seconds", seconds_text),
    Row("Throughput, one by one", "throughput_single_samples_per_second", rate_text, MORE, is_more_better=True),
    Row("Throughput, in batches", "throughput_batch_samples_per_second", rate_text, MORE, is_more_better=True),
    Row("Parameters", "parameter_count", count_text, ("fewer", "more")),
    Row("Size as stored", "stored_bytes", bytes_text, ("smaller", "larger")),
    Row("Peak memory", "peak_memory_bytes", bytes_text, LESS),
)


def rows_of(models: tuple[ModelRead, ...]) -> list[tuple[str, list[Cell], str]]:
    """Lay out the metrics that a model has: the label, a cell for each model, and the change if there are two."""
    found = []
    for row in ROWS:
        cells = [row.cell(model) for model in models]
        if any(cell.value != MISSING for cell in cells):
            found.append((row.label, cells, row.change(*models) if len(models) == 2 else ""))
    return found
