"""Accuracy: each model's with its interval, and their difference beside the loss that is allowed."""

from __future__ import annotations

from dataclasses import dataclass

from tinytorch.capstone.reporting.drawing import Box, Dot, Figure, Label, Line, Scale, Scene
from tinytorch.capstone.reporting.drawing.scene import fitted
from tinytorch.capstone.reporting.reading import Reading
from tinytorch.capstone.reporting.texts import brief, percent_text, points_text, share_text

__all__ = ["accuracy_figure"]

ROW, FOOT, HEAD = 46, 40, 6
INSET = 26


@dataclass(frozen=True, slots=True)
class Interval:
    """One interval to draw, with what it is called."""

    name: str
    value: float
    low: float
    high: float
    part: str


def accuracy_figure(reading: Reading) -> Figure | None:
    """Draw the accuracy of each model, and their difference where single answers were compared."""
    intervals = []
    for model in reading.models:
        found = model.metrics["accuracy"]
        if found.get("value") is None or found.get("low") is None or found.get("high") is None:
            continue
        part = "base" if model.part == "baseline" else "accent"
        intervals.append(Interval(model.name, found["value"], found["low"], found["high"], part))
    if not intervals:
        return None
    difference, margin = _difference(reading)
    summary = "; ".join(_said(one) for one in intervals)
    if difference:
        ends = f"{points_text(difference.low)} to {points_text(difference.high)}"
        summary += f"; difference {points_text(difference.value)} points, 95 % interval {ends}"
    rows: tuple[tuple[str, ...], ...] = tuple(
        (one.name, percent_text(one.value), percent_text(one.low), percent_text(one.high)) for one in intervals
    )
    if difference:
        texts = [f"{points_text(end)} points" for end in (difference.value, difference.low, difference.high)]
        rows = (*rows, (difference.name, *texts))
    columns = ("Model", "Accuracy", "95 % from", "to")
    title = "Accuracy with its 95 % interval"
    return Figure(
        "accuracy", title, f"{summary}.", lambda width: _draw(intervals, difference, margin, width), columns, rows
    )


def _said(one: Interval) -> str:
    return f"{one.name} {percent_text(one.value)}, 95 % interval {percent_text(one.low)} to {percent_text(one.high)}"


def _difference(reading: Reading) -> tuple[Interval | None, float]:
    found = reading.part("accuracy_comparison")
    if not found:
        return None, 0.0
    return Interval("Difference", found["difference"], found["low"], found["high"], "accent"), found["margin"]


def _draw(intervals: list[Interval], difference: Interval | None, margin: float, width: float) -> Scene:
    height = HEAD + ROW * len(intervals) + FOOT
    scene = Scene(width, height + (ROW + FOOT + 26 if difference else 0))
    ends = [end for one in intervals for end in (one.low, one.high)]
    scale = Scale.around(ends, INSET, width - INSET)
    scene.add(*scale.across(height - FOOT, HEAD, share_text, 68))
    for number, one in enumerate(intervals):
        _row(scene, scale, HEAD + ROW * number, one, percent_text(one.value))
    if difference:
        _panel(scene, difference, margin, height + 26, width)
    return scene


def _row(scene: Scene, scale: Scale, top: float, one: Interval, text: str) -> None:
    y = top + 32
    scene.add(Label(0, top + 14, fitted(one.name, scale.stop - 60)))
    scene.add(Label(scale.stop + INSET, top + 14, text, anchor="end", is_bold=True))
    scene.add(Line(((scale(one.low), y), (scale(one.high), y)), one.part, 2))
    for end in (one.low, one.high):
        scene.add(Line(((scale(end), y - 5), (scale(end), y + 5)), one.part, 2))
    scene.add(Dot(scale(one.value), y, 5, one.part))


def _panel(scene: Scene, one: Interval, margin: float, top: float, width: float) -> None:
    """Draw the difference over the zone that is allowed."""
    scale = Scale.around([one.low, one.high, 0.0, -margin], INSET, width - INSET)
    bottom = top + ROW
    edge = scale(-margin)
    scene.add(Box(edge, top + 20, scale.stop - edge, ROW - 20, "base-soft"))
    scene.add(*scale.across(bottom, top, lambda value: brief(points_text(value)), 52))
    scene.add(Line(((edge, top - 6), (edge, bottom)), "warn", 1.5, is_dashed=True))
    is_left = edge < width / 2
    place = (edge + (4 if is_left else -4), top - 8)
    scene.add(Label(*place, "allowed from here on", "warn", "start" if is_left else "end"))
    _row(scene, scale, top, one, f"{points_text(one.value)} points")
    scene.add(Label(width / 2, bottom + 34, "points of accuracy gained", "muted", "middle"))
