"""Sizes of two models: counts, so that every difference is one."""

from __future__ import annotations

from collections.abc import Iterator

from tinytorch.capstone.reporting.contrast.findings import Finding
from tinytorch.capstone.reporting.reading import Reading
from tinytorch.capstone.reporting.rows import ROWS, Row
from tinytorch.capstone.reporting.texts import plain_ratio

__all__ = ["size_findings"]

SIZES = ("stored_bytes", "parameter_count", "peak_memory_bytes")


def size_findings(first: Reading, second: Reading) -> Iterator[Finding]:
    """Compare what both have counted."""
    for row in ROWS:
        if row.metric in SIZES:
            yield from _counted(row, first.subject.value(row.metric), second.subject.value(row.metric))


def _counted(row: Row, before: float | None, after: float | None) -> Iterator[Finding]:
    if before is None or after is None:
        return
    texts, words = (row.text(before), row.text(after)), row.words or ("smaller", "larger")
    if before == after:
        yield Finding(row.label, *texts, "equal", "the same", "exact", 1.0)
    elif not before or not after:
        better = after < before
        yield Finding(row.label, *texts, "better" if better else "worse", words[not better], "exact")
    else:
        ratio, better = before / after, after < before
        said = f"{plain_ratio(ratio if better else 1 / ratio)} times {words[not better]}"
        yield Finding(row.label, *texts, "better" if better else "worse", said, "exact", ratio)
