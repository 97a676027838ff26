"""A scene as PNG, drawn by matplotlib without pyplot's global state; it looks as the SVG does in light."""

from __future__ import annotations

from functools import singledispatch
from io import BytesIO
from typing import Any

from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Circle, Polygon, Rectangle
from matplotlib.patheffects import withStroke

from tinytorch.capstone.reporting.drawing.palette import LIGHT
from tinytorch.capstone.reporting.drawing.scene import MARGIN, Area, Box, Dot, Label, Line, Scene

__all__ = ["png"]

INCH = 96  # pixels of a style sheet
POINTS = 72 / INCH
SHARPNESS = 2  # pixels of the picture to one of the page


def png(scene: Scene) -> bytes:
    """Draw a scene."""
    width, height = scene.width + 2 * MARGIN, scene.height + 2 * MARGIN
    canvas = Canvas(figsize=(width / INCH, height / INCH), dpi=INCH * SHARPNESS, facecolor=LIGHT["page"])
    axes = canvas.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-MARGIN, scene.width + MARGIN), ylim=(scene.height + MARGIN, -MARGIN))
    axes.set_axis_off()
    for order, mark in enumerate(scene.marks):
        _draw(mark, axes, order)
    drawn = BytesIO()
    canvas.savefig(drawn, format="png", metadata={"Software": None})
    return drawn.getvalue()


@singledispatch
def _draw(mark: object, axes: Any, order: int) -> None:
    raise TypeError(mark, axes, order)


@_draw.register
def _(mark: Line, axes: Any, order: int) -> None:
    across, down = zip(*mark.points, strict=True)
    style = (0, (4, 4)) if mark.is_dashed else "-"
    axes.plot(across, down, color=LIGHT[mark.part], linewidth=mark.width * POINTS, linestyle=style, zorder=order)


@_draw.register
def _(mark: Area, axes: Any, order: int) -> None:
    axes.add_patch(Polygon(list(mark.points), facecolor=LIGHT[mark.part], edgecolor="none", zorder=order))


@_draw.register
def _(mark: Box, axes: Any, order: int) -> None:
    place = (mark.x, mark.y)
    axes.add_patch(Rectangle(place, mark.width, mark.height, facecolor=LIGHT[mark.part], linewidth=0, zorder=order))


@_draw.register
def _(mark: Dot, axes: Any, order: int) -> None:
    face, edge = ("none", LIGHT[mark.part]) if mark.is_hollow else (LIGHT[mark.part], "none")
    look = {"facecolor": face, "edgecolor": edge, "linewidth": 2 * POINTS}
    axes.add_patch(Circle((mark.x, mark.y), mark.radius, zorder=order, **look))


@_draw.register
def _(mark: Label, axes: Any, order: int) -> None:
    side = {"start": "left", "middle": "center", "end": "right"}[mark.anchor]
    look = {
        "color": LIGHT[mark.part],
        "fontsize": mark.size * POINTS,
        "fontweight": "bold" if mark.is_bold else "normal",
    }
    # The text of a record is no mathematics: a pair of dollars must not start any.
    drawn = axes.text(mark.x, mark.y, mark.text, ha=side, va="baseline", zorder=order, parse_math=False, **look)
    drawn.set_path_effects([withStroke(linewidth=3 * POINTS, foreground=LIGHT["page"])])
