"""A profile as one HTML page that needs nothing else: flame graphs, the roofline, and all numbers in a table.

It works offline, without scripts too, in light and dark, on a phone and by keyboard; every box has a name that is read
out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from tinytorch.perf.profiling.frames import FAMILIES, LAYER, OTHERS, Frame, frames_of
from tinytorch.perf.profiling.report import OpProfile, Profile
from tinytorch.perf.profiling.roofline_chart import roofline_svg
from tinytorch.perf.profiling.tables import COLUMNS, Column, headline, op_rows, roof_lines
from tinytorch.perf.profiling.texts import (
    bytes_text,
    count_text,
    interval_text,
    percent_text,
    time_text,
)

__all__ = ["flame_html"]

TEMPLATE = Path(__file__).with_name("flame.html")
FAMILY_NAMES = (LAYER, *FAMILIES, OTHERS)


def flame_html(profile: Profile) -> str:
    """Write the page.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> from tinytorch.perf.profiling import Conditions, Rounds, profile
        >>> page = flame_html(profile(Linear(4, 2), [[0.0] * 4], conditions=Conditions(Rounds(6, 0))))
        >>> page.startswith("<!doctype html>"), "http" in page.replace("http-equiv", "")
        (True, False)
    """
    first, *lines = headline(profile)
    parts = {
        "TITLE": escape(f"Profile of {profile.name}"),
        "SUMMARY": "".join(f"<p>{escape(line)}</p>" for line in (first, *lines)),
        "LEGEND": "".join(f'<li><span class="swatch {name}"></span>{name}</li>' for name in FAMILY_NAMES),
        "FLAMES": _flame(profile, "forward") + (_flame(profile, "backward") if profile.whole.backward else ""),
        "ROOFLINE": roofline_svg(profile),
        "ROOFS": "".join(f"<li>{escape(line)}</li>" for line in roof_lines(profile)),
        "TABLE": _table(COLUMNS, op_rows(profile)),
        "NOTES": "".join(f"<li>{escape(note)}</li>" for note in _notes(profile)),
    }
    page = TEMPLATE.read_text(encoding="utf-8")
    for name, part in parts.items():
        page = page.replace(f"<!--{name}-->", part)
    return page


def _notes(profile: Profile) -> Sequence[str]:
    known = [f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in profile.conditions.items()]
    medians = f"Times are medians of {profile.rounds} rounds in which everything took turns; intervals hold 95 %."
    return (medians, *profile.notes, *known)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _flame(profile: Profile, which: str) -> str:
    frames = frames_of(profile, backward=which == "backward")
    parts = "ops" if which == "forward" else "backward rules"
    total = frames[0].width or 1.0
    rows = max(frame.depth for frame in frames) + 1
    boxes = "".join(_box(profile, frame, total, which) for frame in frames if frame.width > 0)
    return (
        f'<section class="pass" id="{which}"><h3>{which.capitalize()}: {time_text(total)} in {parts}</h3>'
        f'<div class="flame" style="height:calc({rows} * var(--row))" role="group" '
        f'aria-label="Flame graph, {which} pass">{boxes}</div></section>'
    )


def _box(profile: Profile, frame: Frame, total: float, which: str) -> str:
    left, width = 100 * frame.left / total, 100 * frame.width / total
    label = escape(_said(profile, frame, total, which), quote=True)
    return (
        f'<button type="button" class="frame {frame.family}" data-left="{left:.5f}" data-width="{width:.5f}" '
        f'style="left:{left:.5f}%;width:{width:.5f}%;top:calc({frame.depth} * var(--row))" '
        f'aria-label="{label}" title="{label}">{escape(frame.name)}</button>'
    )


def _said(profile: Profile, frame: Frame, total: float, which: str) -> str:
    """Write what a box is, in one line that is shown and read out."""
    place = f"{frame.path}: {frame.name}" if frame.op is not None and frame.path else frame.name
    parts = [f"{place}, {time_text(frame.width)}, {percent_text(frame.width / total)} of the {which} pass"]
    if frame.op is not None:
        parts += _of_op(profile, frame.op, which)
    return "; ".join(parts)


def _of_op(profile: Profile, op: OpProfile, which: str) -> list[str]:
    if which == "backward":
        return [f"interval {interval_text(op.backward_time, time_text)}", f"{count_text(op.backward_flops)} FLOPs"]
    bound, roof = profile.bound(op), profile.share_of_roof(op)
    parts = [
        f"interval {interval_text(op.time, time_text)}",
        f"{count_text(op.cost.flops)} FLOPs",
        f"{bytes_text(op.cost.bytes_moved)} moved",
        f"{bytes_text(op.allocation.peak)} allocated",
    ]
    return [*parts, f"bound by {bound}, at {percent_text(roof.value)} of its roof"] if bound else parts


def _table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    kinds = ["number" if column.is_number else "text" for column in columns]
    head = "".join(f'<th scope="col" class="{kind}">{c.title}</th>' for c, kind in zip(columns, kinds, strict=True))
    body = "".join(f"<tr>{_cells(row, kinds)}</tr>" for row in rows)
    return f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"


def _cells(row: Sequence[str], kinds: Sequence[str]) -> str:
    first, *others = [escape(cell) for cell in row]
    cells = "".join(f'<td class="{kind}">{cell}</td>' for cell, kind in zip(others, kinds[1:], strict=True))
    return f'<th scope="row">{first}</th>{cells}'
