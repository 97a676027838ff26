"""A scene as SVG: inside a page it takes the page's colours; alone it brings both sets and follows the reader's."""

from __future__ import annotations

from functools import singledispatch

from tinytorch.capstone.reporting.drawing.palette import DARK, FILLS, LIGHT, STROKES, rules, variables
from tinytorch.capstone.reporting.drawing.scene import MARGIN, Area, Box, Dot, Label, Line, Scene
from tinytorch.capstone.reporting.markup import Markup, element

__all__ = ["inline_svg", "lone_svg"]

FACES = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif"
NAMESPACE = "http://www.w3.org/2000/svg"


def inline_svg(scene: Scene, label: str, kind: str = "") -> Markup:
    """Write a scene for a page that has the colours: without a style of its own, so that a strict policy lets it in."""
    return _svg(scene, label, 0, class_=kind or None)


def lone_svg(scene: Scene, label: str) -> str:
    """Write a scene as a file of its own."""
    dark = f"@media (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}"
    sheet = f":root{{{variables(LIGHT)}}}{dark}svg{{background:var(--page);font-family:{FACES}}}{rules()}"
    style = element("style", Markup(sheet))
    size = {"width": f"{scene.width + 2 * MARGIN:g}", "height": f"{scene.height + 2 * MARGIN:g}"}
    return f"{_svg(scene, label, MARGIN, style, xmlns=NAMESPACE, **size)}\n"


def _svg(scene: Scene, label: str, margin: float, *before: Markup, **attributes: object) -> Markup:
    box = f"{0 - margin:g} {0 - margin:g} {scene.width + 2 * margin:g} {scene.height + 2 * margin:g}"
    marks = [_written(mark) for mark in scene.marks]
    # `viewBox` is the one attribute with a capital; `role` keeps the letters inside from being read one by one.
    return element("svg", *before, *marks, viewBox=box, role="img", aria_label=label, **attributes)


@singledispatch
def _written(mark: object) -> Markup:
    raise TypeError(mark)


@_written.register
def _(mark: Line) -> Markup:
    dash = "4 4" if mark.is_dashed else None
    width = None if mark.width == 1 else f"{mark.width:g}"
    path = _path(mark.points)
    return element("path", class_=STROKES[mark.part], d=path, stroke_width=width, stroke_dasharray=dash)


@_written.register
def _(mark: Area) -> Markup:
    return element("path", class_=FILLS[mark.part], d=f"{_path(mark.points)}Z")


@_written.register
def _(mark: Box) -> Markup:
    place = {"x": _number(mark.x), "y": _number(mark.y), "width": _number(mark.width), "height": _number(mark.height)}
    return element("rect", class_=FILLS[mark.part], **place)


@_written.register
def _(mark: Dot) -> Markup:
    kind = STROKES[mark.part] if mark.is_hollow else FILLS[mark.part]
    width = "2" if mark.is_hollow else None
    return element(
        "circle", class_=kind, cx=_number(mark.x), cy=_number(mark.y), r=_number(mark.radius), stroke_width=width
    )


@_written.register
def _(mark: Label) -> Markup:
    anchor = None if mark.anchor == "start" else mark.anchor
    look = {"text_anchor": anchor, "font_size": f"{mark.size:g}", "font_weight": "600" if mark.is_bold else None}
    return element("text", mark.text, class_=FILLS[mark.part], x=_number(mark.x), y=_number(mark.y), **look)


def _path(points: object) -> str:
    places = [f"{_number(x)} {_number(y)}" for x, y in points]  # type: ignore[attr-defined]
    return f"M{'L'.join(places)}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
