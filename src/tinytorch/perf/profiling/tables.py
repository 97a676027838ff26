"""A profile as text: a table with a row for each op or each layer, and what stands around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tinytorch.core.tensor import MB_TO_BYTES
from tinytorch.perf.profiling.texts import (
    MISSING,
    bytes_text,
    count_text,
    interval_text,
    percent_text,
    rate_text,
    time_text,
)

if TYPE_CHECKING:
    from tinytorch.perf.profiling.medians import Median
    from tinytorch.perf.profiling.report import OpProfile, Profile
    from tinytorch.perf.profiling.roofline import RoofProfile

__all__ = [
    "COLUMNS",
    "LAYER_COLUMNS",
    "Column",
    "fitting",
    "headline",
    "layer_rows",
    "op_rows",
    "roof_lines",
    "summary",
    "text_table",
]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Attributes:
        title: Its head.
        is_number: Whether it is set to the right.
        rank: How soon it is left out where there is no room: the highest first, 0 never.
    """

    title: str
    is_number: bool = True
    rank: int = 0


COLUMNS = (
    Column("layer", is_number=False),
    Column("op", is_number=False),
    Column("time"),
    Column("95 % interval", rank=7),
    Column("share", rank=1),
    Column("backward"),
    Column("of roof"),
    Column("95 % interval", rank=8),
    Column("bound", is_number=False),
    Column("FLOPs", rank=2),
    Column("bytes", rank=5),
    Column("peak", rank=6),
    Column("parameters", rank=3),
    Column("shape", is_number=False, rank=4),
)


def op_rows(profile: Profile) -> list[tuple[str, ...]]:
    """Write one row for each op, in the order of the graph."""
    return [_op_row(profile, op) for op in profile.ops]


def _op_row(profile: Profile, op: OpProfile) -> tuple[str, ...]:
    roof = profile.share_of_roof(op)
    return (
        op.layer or MISSING,
        op.op,
        time_text(op.time.value),
        interval_text(op.time, time_text),
        percent_text(profile.share_of_time(op)),
        time_text(op.backward_time.value),
        percent_text(roof.value),
        interval_text(roof, percent_text),
        profile.bound(op) or MISSING,
        count_text(op.cost.flops),
        bytes_text(op.cost.bytes_moved),
        bytes_text(op.allocation.peak),
        f"{op.parameters:,}" if op.parameters else "",
        "×".join(map(str, op.shape)) or "1",
    )


LAYER_COLUMNS = (
    Column("layer", is_number=False),
    Column("kind", is_number=False),
    Column("time"),
    Column("share"),
    Column("backward"),
    Column("ops", rank=1),
    Column("FLOPs", rank=2),
    Column("bytes", rank=3),
    Column("parameters"),
)


def layer_rows(profile: Profile) -> list[tuple[str, ...]]:
    """Write one row for each layer that did an op itself, in the order of their first; times are sums of medians."""
    kinds = {scope.path: scope.kind for scope in profile.scopes}
    paths = dict.fromkeys(op.layer for op in profile.ops)
    groups = {path: [op for op in profile.ops if op.layer == path] for path in paths}
    return [_layer_row(profile, path, kinds.get(path, MISSING), ops) for path, ops in groups.items()]


def _layer_row(profile: Profile, path: str, kind: str, ops: Sequence[OpProfile]) -> tuple[str, ...]:
    parameters = sum(op.parameters for op in ops)
    back = [op.backward_time.value for op in ops if op.backward_time.value is not None]
    return (
        path or MISSING,
        kind,
        time_text(sum(op.time.value or 0 for op in ops)),
        percent_text(sum(profile.share_of_time(op) for op in ops)),
        time_text(sum(back)) if back else MISSING,
        str(len(ops)),
        count_text(sum(op.cost.flops for op in ops)),
        bytes_text(sum(op.cost.bytes_moved for op in ops)),
        f"{parameters:,}" if parameters else "",
    )


def headline(profile: Profile) -> list[str]:
    """Say in a few lines what the whole model is and takes."""
    shapes = ", ".join("×".join(map(str, shape)) or "1" for shape in profile.inputs)
    stored = bytes_text(profile.stored_bytes)
    first = f"{profile.name} on {shapes}: {profile.parameters:,} parameters, {stored} as stored"
    return [first, _forward_line(profile), *_backward_line(profile)]


def _forward_line(profile: Profile) -> str:
    parts = (
        f"Forward {_timed(profile.time)}",
        f"{count_text(profile.cost.flops)} FLOPs",
        f"{bytes_text(profile.cost.bytes_moved)} moved",
        f"{bytes_text(profile.whole.allocation.peak)} allocated at most",
        f"{percent_text(max(profile.between_ops().value or 0, 0))} of the time between ops",
    )
    return ", ".join(parts)


def _backward_line(profile: Profile) -> list[str]:
    if profile.backward_time.value is None:
        return []
    forward, back = _timed(profile.recorded_time), _timed(profile.backward_time)
    flops = count_text(profile.backward_flops)
    between = percent_text(max(profile.between_rules().value or 0, 0))
    return [
        f"In training forward {forward}, backward {back}, {flops} FLOPs backward, {between} of that time between rules"
    ]


def _timed(found: Median) -> str:
    ends = f" ({interval_text(found, time_text)})" if found.low is not None else ""
    return f"{time_text(found.value)}{ends}"


def roof_lines(profile: Profile) -> list[str]:
    """Say what the machine did at best in the same rounds."""
    return [f"{roof.name}: {_rate(roof)}" for roof in profile.roofs]


def _rate(roof: RoofProfile) -> str:
    text = partial(rate_text, unit={"compute": "FLOP", "memory": "B"}[roof.kind])
    ends = f" ({interval_text(roof.rate, text)})" if roof.rate.low is not None else ""
    return f"{text(roof.rate.value)}{ends}"


def fitting(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int, gap: int = 2) -> list[int]:
    """Say which columns to show so that a row is no wider than `width`, `gap` between two; what must stay, stays.

    Example:
        >>> fitting((Column("op"), Column("peak", rank=1)), [("relu", "12.5 KiB")], 10)
        [0]
    """
    titles = [column.title for column in columns]
    widths = [max(map(len, cells)) for cells in zip(titles, *rows, strict=True)]
    shown = list(range(len(columns)))
    for place in sorted(shown, key=lambda place: -columns[place].rank):
        if sum(widths[one] + gap for one in shown) - gap > width and columns[place].rank:
            shown.remove(place)
    return shown


def text_table(profile: Profile) -> str:
    """Write the whole profile as plain text."""
    rows = [tuple(column.title for column in COLUMNS), *op_rows(profile)]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([*headline(profile), "", *lines, "", "roofs", *(f"  {line}" for line in roof_lines(profile))])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if column.is_number else cell.ljust(width)
        for cell, width, column in zip(row, widths, COLUMNS, strict=True)
    ]
    return "  ".join(cells).rstrip()


def summary(name: str, found: Mapping[str, Any]) -> str:
    """Write what `Profiler.profile_forward_pass` found, a line for each kind of thing."""
    lines = (
        ("parameters", f"{found['parameters']:,}"),
        ("FLOPs per sample", count_text(found["flops"])),
        ("latency, median", f"{time_text(found['latency_ms'] * 1e6)} for a batch of {found['batch_size']}"),
        ("speed", f"{rate_text(found['gflops_per_second'], 'FLOP')}, {_of_peak(found)}"),
        ("peak memory", bytes_text(found["peak_memory_mb"] * MB_TO_BYTES)),
        ("bound by", f"{found['bottleneck']}, at {percent_text(found['roof_share'])} of its roof"),
    )
    width = max(len(label) for label, _ in lines)
    return "\n".join([name, *(f"  {label.ljust(width)}  {text}" for label, text in lines)])


def _of_peak(found: Mapping[str, Any]) -> str:
    return f"{percent_text(found['computational_efficiency'])} of a matrix product's here"
