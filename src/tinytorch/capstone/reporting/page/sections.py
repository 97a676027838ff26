"""The sections of a report, in order; each writes itself, or nothing where it has nothing to say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinytorch.capstone.reporting.drawing import Figure, inline_svg
from tinytorch.capstone.reporting.markup import Markup, element, joined
from tinytorch.capstone.reporting.page.background import attempts, checks, environment, notes, techniques
from tinytorch.capstone.reporting.page.part import Part
from tinytorch.capstone.reporting.page.tables import table
from tinytorch.capstone.reporting.rows import rows_of
from tinytorch.capstone.reporting.sentences import accuracy_sentence, certificate_sentences
from tinytorch.capstone.reporting.texts import prose

__all__ = ["SECTIONS", "Part", "Section"]

LARGE, SMALL = 760.0, 320.0  # the widths of the text on a wide page and on a phone

LATENCIES = (
    "Each call was timed alone, one sample at a time. Above, where the calls lie, each model to its own height; below, "
    "the share of calls that took longer: one step down is ten times rarer. Time is on a logarithmic scale."
)
SESSIONS = (
    "Every session is a pair of fresh processes in which both models took turns. A stroke is a round, a dot the "
    "session's median. The last rows are what follows for all, and what the same instrument says of two copies."
)
TRADED = (
    "Speed is that of the comparison side by side, where there was one. Lines are 95 % intervals, where one is known."
)
UNDRAWN = "No single calls were recorded: their distribution cannot be drawn."
UNLAYERED = (
    "What each layer holds or takes is not recorded: neither an architecture whose layers are known, nor a model file "
    "beside the record, nor a profile."
)


@dataclass(frozen=True, slots=True)
class Section:
    """One section.

    Attributes:
        name: Its place in the page.
        short: What the list at the top calls it.
        title: Its heading.
        write: Writes what stands below the heading; nothing where there is nothing to say.
    """

    name: str
    short: str
    title: str
    write: Callable[[Part], Markup | None]


def _metrics(part: Part) -> Markup:
    models = part.reading.models
    columns = ["Metric", *(model.name for model in models), *(["Change"] if len(models) == 2 else [])]
    rows = [[label, *cells, *([change] if len(models) == 2 else [])] for label, cells, change in rows_of(models)]
    caption = "Intervals are at 95 % and of this run of this process; sizes and counts are exact."
    names = ("Metric", *(model.part.capitalize() for model in models), "Change")
    return table(prose(caption), columns, rows, short=names[: len(columns)])


def _speed(part: Part) -> Markup | None:
    if part.reading.optimized is None:
        return None
    figure = part.figures.get("speedup")
    words = element("p", prose(" ".join(certificate_sentences(part.reading))))
    if figure is None:
        return element("p", "The two models were not compared side by side in fresh processes.")
    heading = element("h3", "What the instrument is worth")
    return joined(element("p", SESSIONS), drawn(figure), heading, words)


def _latency(part: Part) -> Markup:
    figure = part.figures.get("latency")
    return element("p", UNDRAWN) if figure is None else joined(element("p", LATENCIES), drawn(figure))


def _accuracy(part: Part) -> Markup:
    figure = part.figures.get("accuracy")
    return joined(element("p", prose(accuracy_sentence(part.reading))), None if figure is None else drawn(figure))


def _tradeoff(part: Part) -> Markup | None:
    figure = part.figures.get("tradeoff")
    return None if figure is None else joined(element("p", prose(TRADED)), drawn(figure))


def _layers(part: Part) -> Markup:
    figure = part.figures.get("layers")
    if figure is None:
        return element("p", UNLAYERED)
    sources = [f"{name}: from {source}." for name, source in part.sources()]
    timed = any(row[-1] != "–" for row in figure.rows)
    said = "" if timed else " What a layer takes of a call is not recorded."
    return joined(drawn(figure), element("p", " ".join(sources), said, class_="note"))


def drawn(figure: Figure) -> Markup:
    """Write a figure with its caption and its numbers; a narrow page gets a drawing of its own."""
    sizes = [
        inline_svg(figure.draw(width), figure.summary, kind) for width, kind in ((LARGE, "large"), (SMALL, "small"))
    ]
    numbers = table(f"{figure.title}.", figure.columns, figure.rows)
    below = element("details", element("summary", "The numbers of this figure"), numbers)
    return element("figure", element("figcaption", figure.title), *sizes, below)


SECTIONS = (
    Section("metrics", "Numbers", "All numbers", _metrics),
    Section("speed", "Speed", "Speed, side by side", _speed),
    Section("latency", "Latency", "Latency of single calls", _latency),
    Section("accuracy", "Accuracy", "Accuracy", _accuracy),
    Section("tradeoff", "Trade-off", "Speed, size and accuracy together", _tradeoff),
    Section("layers", "Layers", "Layer by layer", _layers),
    Section("techniques", "Techniques", "How the model was made", techniques),
    Section("attempts", "Attempts", "How many attempts it took", attempts),
    Section("environment", "Environment", "Where and how it was measured", environment),
    Section("notes", "Notes", "Notes of the author", notes),
    Section("check", "Check it", "How to check this", checks),
)
