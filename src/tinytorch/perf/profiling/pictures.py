"""A profile as a picture: where the time goes, the slowest ops, and the roofline; needs matplotlib.

A figure is made on its own, without touching pyplot's global state.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from tinytorch.perf.profiling.frames import FAMILIES, LAYER, OTHERS, Frame, family_of, frames_of
from tinytorch.perf.profiling.report import OpProfile, Profile
from tinytorch.perf.profiling.roofline_chart import roofline_points
from tinytorch.perf.profiling.tables import headline
from tinytorch.perf.profiling.texts import percent_text, rate_text, time_text

__all__ = ["COLOURS", "picture"]

COLOURS = {
    LAYER: "#e4e8ec",
    "product": "#f58a4b",
    "normalization": "#5a9bf0",
    "reduction": "#9a7bea",
    "movement": "#e87fb0",
    OTHERS: "#5cb85c",
}
SLOWEST = 10
LETTER = 0.0052  # of the picture's width, at the size of the labels
TEXT = 8


def picture(profile: Profile) -> Figure:
    """Draw a profile.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> from tinytorch.perf.profiling import Conditions, Rounds, profile
        >>> figure = picture(profile(Linear(4, 2), [[0.0] * 4], conditions=Conditions(Rounds(6, 0))))
        >>> [axes.get_title(loc="left") for axes in figure.axes]
        ['where the time goes', 'the slowest ops', 'the roofline']
    """
    frames = frames_of(profile)
    rows = max(frame.depth for frame in frames) + 1
    bars = min(len(profile.ops), SLOWEST)
    heights = (1.1 + 0.3 * rows, 2.2 + 0.28 * bars)
    figure = Figure(figsize=(12, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=heights)
    above, below = (figure.add_subfigure(grid[place]) for place in (0, 1))
    above.suptitle(headline(profile)[0], x=0.01, ha="left", fontsize=12, fontweight="bold")
    _flame(above.subplots(), frames, rows)
    left, right = below.subplots(1, 2)
    _slowest(left, profile)
    _roofline(right, profile)
    return figure


def _flame(axes: Any, frames: list[Frame], rows: int) -> None:
    total = frames[0].width or 1.0
    for frame in frames:
        colour = COLOURS[frame.family]
        axes.barh(frame.depth, frame.width, 0.94, left=frame.left, color=colour, edgecolor="white", linewidth=0.6)
        room = int(frame.width / total / LETTER)
        if room > 2:
            label = frame.name if len(frame.name) <= room else f"{frame.name[: room - 1]}…"
            axes.text(frame.left + 0.003 * total, frame.depth, label, va="center", fontsize=TEXT, clip_on=True)
    axes.set(xlim=(0, total), ylim=(rows - 0.5, -0.5), yticks=[])
    axes.xaxis.set_major_formatter(lambda value, _: time_text(value))
    axes.tick_params(labelsize=TEXT)
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.set_title("where the time goes", loc="left", fontsize=10)
    handles = [axes.barh(0, 0, color=COLOURS[name], label=name) for name in (*FAMILIES, OTHERS)]
    axes.legend(handles=handles, ncols=5, loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=TEXT)


def _slowest(axes: Any, profile: Profile) -> None:
    ops = sorted(profile.ops, key=lambda op: op.time.value or 0, reverse=True)[:SLOWEST]
    names = [f"{op.layer} {op.op}".strip() for op in ops]
    places = range(len(ops))
    for place, op in zip(places, ops, strict=True):
        _bar(axes, place, op, profile)
    axes.set_yticks(list(places), names, fontsize=TEXT)
    axes.invert_yaxis()
    axes.margins(x=0.22)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(lambda value, _: time_text(value))
    axes.tick_params(axis="x", labelsize=TEXT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("the slowest ops", loc="left", fontsize=10)
    axes.set_xlabel("median and its 95 % interval; what share of its roof each reaches", fontsize=TEXT)


def _bar(axes: Any, place: int, op: OpProfile, profile: Profile) -> None:
    time, bound = op.time, profile.bound(op)
    value = time.value or 0.0
    low, high = (value if end is None else end for end in (time.low, time.high))
    colour = COLOURS[family_of(op.op)]
    axes.barh(place, value, 0.7, color=colour, xerr=[[value - low], [high - value]], capsize=3)
    if bound is not None:
        text = f"{percent_text(profile.share_of_roof(op).value)}, {bound}"
        axes.annotate(text, (high, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=TEXT)


def _roofline(axes: Any, profile: Profile) -> None:
    for _, family, (x, y) in roofline_points(profile):
        axes.plot(x, y * 1e9, "o", color=COLOURS[family], markeredgecolor="black", markeredgewidth=0.5, markersize=6)
    axes.set(xscale="log", yscale="log")
    peak = profile.roofline.product.rate.value or 1.0
    streams = [roof for roof in profile.roofs if roof.kind == "memory"]
    left = axes.get_xlim()[0] if axes.lines else 0.1
    right = max(axes.get_xlim()[1], 4 * max(peak / (roof.rate.value or 1.0) for roof in streams))
    axes.plot([left, right], [1e9 * peak] * 2, color="black", linewidth=1)
    axes.annotate(f"{rate_text(peak, 'FLOP')}", (right, 1e9 * peak), **_beside("right"))
    for roof in streams:
        rate = roof.rate.value or 1.0
        axes.plot([left, peak / rate], [1e9 * rate * left, 1e9 * peak], color="black", linewidth=1)
        axes.annotate(rate_text(rate, "B"), (left, 1e9 * rate * left), **_beside("left"))
    axes.set_xlim(left, right)
    axes.set_xlabel("FLOPs per byte moved", fontsize=TEXT)
    axes.set_ylabel("FLOPs per second", fontsize=TEXT)
    axes.tick_params(labelsize=TEXT)
    axes.grid(visible=True, linewidth=0.4)
    axes.set_title("the roofline", loc="left", fontsize=10)


def _beside(side: str) -> dict[str, Any]:
    """Place a label at the end of a line, on a ground of its own."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.5}
    place = {"xytext": (4 if side == "left" else -4, 3), "textcoords": "offset points", "ha": side, "va": "bottom"}
    return place | {"fontsize": TEXT - 1, "bbox": box, "zorder": 3}
