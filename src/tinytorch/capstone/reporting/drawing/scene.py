"""What a drawing is: marks at places, each with the part it plays; what colour that is, the writers know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["MARGIN", "Area", "Box", "Dot", "Figure", "Label", "Line", "Mark", "Point", "Scene", "fitted", "width_of"]

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]
MARGIN = 16.0  # pixels around a drawing that is a file of its own
LETTER = 0.54  # the mean width of a letter, as a share of its size, in the sans-serif faces of the common systems


@dataclass(frozen=True, slots=True)
class Line:
    """A stroke through points.

    Attributes:
        points: Places in pixels, y downwards, as everywhere here.
        part: What it stands for: a name in `palette.PARTS`.
        width: Of the stroke, in pixels.
        is_dashed: Whether it is broken.
    """

    points: Sequence[Point]
    part: str
    width: float = 1.0
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Area:
    """A filled polygon."""

    points: Sequence[Point]
    part: str


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    part: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A disc; hollow, a ring."""

    x: float
    y: float
    radius: float
    part: str
    is_hollow: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text, at its base line; its outline in the page's colour keeps it readable over other marks."""

    x: float
    y: float
    text: str
    part: str = "ink"
    anchor: Anchor = "start"
    size: float = 12.0
    is_bold: bool = False


Mark = Line | Area | Box | Dot | Label


@dataclass(slots=True)
class Scene:
    """A drawing of a size, in pixels; marks that come later lie above."""

    width: float
    height: float
    marks: list[Mark] = field(default_factory=list)

    def add(self, *marks: Mark) -> None:
        """Put marks above what there is."""
        self.marks.extend(marks)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a report.

    Attributes:
        name: Of its file.
        title: What it shows, as its heading.
        summary: What a reader who cannot see it should know; one or two sentences.
        draw: Draws it at a width.
        columns: The heads of the table of its numbers.
        rows: The rows of that table, text by text; the first names the row.
    """

    name: str
    title: str
    summary: str
    draw: Callable[[float], Scene]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def width_of(text: str, size: float = 12.0) -> float:
    """Estimate how wide a text is, in pixels."""
    return LETTER * size * len(text)


def fitted(text: str, width: float, size: float = 12.0) -> str:
    """Cut a text to a width.

    Example:
        >>> fitted("digits-mlp-128", 60), fitted("short", 60)
        ('digits-m…', 'short')
    """
    room = max(2, int(width / (LETTER * size)))
    return text if len(text) <= room else f"{text[: room - 1]}…"
