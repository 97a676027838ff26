"""Latencies of single calls: where they lie, and how far the tail reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinytorch.capstone.reporting.drawing import Area, Dot, Figure, Label, Line, Scale, Scene
from tinytorch.capstone.reporting.drawing.scene import fitted
from tinytorch.capstone.reporting.reading import ModelRead, Reading
from tinytorch.capstone.reporting.texts import brief, ends_text, seconds_text

__all__ = ["latency_figure"]

GUTTER, RIGHT, FOOT, LEGEND = 72, 16, 44, 22
HILL, GAP, TAIL = 120, 52, 170
BINS, MOST_POINTS = 240, 240
KERNEL = np.exp(-0.5 * (np.arange(-4, 5) / 1.5) ** 2)
SHARES = ((0, "all"), (1, "1 in 10"), (2, "1 in 100"), (3, "1 in 1,000"), (4, "1 in 10⁴"), (5, "1 in 10⁵"))
QUANTILES = (("p50", "latency_p50_seconds"), ("p90", "latency_p90_seconds"), ("p99", "latency_p99_seconds"))

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """One model's latencies, sorted, in seconds."""

    model: ModelRead
    sorted: Floats

    @property
    def colour(self) -> str:
        """The part that its marks play."""
        return "base" if self.model.part == "baseline" else "accent"


def latency_figure(reading: Reading) -> Figure | None:
    """Draw the distributions of all models whose samples were kept; none if none were."""
    samples = [Sample(model, np.sort(found)) for model in reading.models if len(found := model.latencies()) > 1]
    samples = [sample for sample in samples if sample.sorted[0] > 0]
    if not samples:
        return None
    summary = " ".join(_said(sample) for sample in samples)
    columns = ("Model", "Calls", "Shortest", "Median", "90th percentile", "99th percentile", "Longest")
    rows = tuple(_row(sample) for sample in samples)
    title = "How long single calls took, and how far the tail reaches"
    return Figure("latency", title, summary, lambda width: _draw(samples, width), columns, rows)


def _said(sample: Sample) -> str:
    median, longest = np.median(sample.sorted), sample.sorted[-1]
    return (
        f"{sample.model.name}: half of {len(sample.sorted):,} calls took at most {seconds_text(median)}, the longest "
        f"took {seconds_text(longest)}."
    )


def _row(sample: Sample) -> tuple[str, ...]:
    ends = (seconds_text(sample.sorted[0]), seconds_text(sample.sorted[-1]))
    middle = [_quantile(sample.model, name) for _, name in QUANTILES]
    return (sample.model.name, f"{len(sample.sorted):,}", ends[0], *middle, ends[1])


def _quantile(model: ModelRead, name: str) -> str:
    found, value = model.metrics.get(name), model.value(name)
    return seconds_text(value) if value is not None else ends_text(found, seconds_text) or "–"


def _draw(samples: Sequence[Sample], width: float) -> Scene:
    top = LEGEND * len(samples) + 8
    scene = Scene(width, top + HILL + GAP + TAIL + FOOT)
    _legend(scene, samples, width)
    ends = [float(end) for sample in samples for end in (sample.sorted[0], sample.sorted[-1])]
    across = Scale.around(ends, GUTTER, width - RIGHT, is_log=True)
    middle, bottom = top + HILL, top + HILL + GAP + TAIL
    scene.add(*across.across(bottom, top, lambda value: brief(seconds_text(value)), 54))
    scene.add(Label(0, top + 12, "how many", "muted"), Line(((GUTTER, middle), (width - RIGHT, middle)), "line"))
    for sample in samples:
        _hill(scene, sample, across, middle)
    _tails(scene, samples, across, (middle + GAP, bottom))
    scene.add(Label((GUTTER + width - RIGHT) / 2, bottom + 36, "time of one call", "muted", "middle"))
    return scene


def _legend(scene: Scene, samples: Sequence[Sample], width: float) -> None:
    for number, sample in enumerate(samples):
        y = 14 + LEGEND * number
        scene.add(Dot(5, y - 4, 5, sample.colour))
        text = f"{sample.model.name}, {len(sample.sorted):,} calls"
        scene.add(Label(18, y, fitted(text, width - 24), is_bold=sample.colour == "accent"))


def _hill(scene: Scene, sample: Sample, across: Scale, floor: float) -> None:
    """Draw where calls lie: a smoothed histogram of their logarithms, each model to its own height."""
    edges = np.geomspace(across.low, across.high, BINS + 1)
    counts = np.histogram(sample.sorted, edges)[0].astype(float)
    smooth = np.convolve(counts, KERNEL / KERNEL.sum(), mode="same")
    heights = smooth / smooth.max() * (HILL - 14)
    centres = np.sqrt(edges[1:] * edges[:-1])
    is_there = heights > 0.3
    line = [(across(c), floor - h) for c, h, near in zip(centres, heights, is_there, strict=True) if near]
    scene.add(Area([(line[0][0], floor), *line, (line[-1][0], floor)], f"{sample.colour}-soft"))
    scene.add(Line(line, sample.colour, 1.5))


def _tails(scene: Scene, samples: Sequence[Sample], across: Scale, place: tuple[float, float]) -> None:
    """Draw which share of the calls took longer, on a logarithmic scale: a tail of one call in a thousand is seen."""
    top, bottom = place
    most = max(len(sample.sorted) for sample in samples)
    up = Scale(0.5 / most, 1.0, bottom, top, is_log=True)
    scene.add(Label(0, top - 18, "took longer", "muted"))
    for power, text in SHARES:
        if 10.0**-power >= up.low:
            y = up(10.0**-power)
            scene.add(Line(((GUTTER, y), (across.stop, y)), "line"), Label(GUTTER - 6, y + 4, text, "muted", "end"))
    for sample in samples:
        scene.add(Line(_tail(sample.sorted, across, up), sample.colour, 2))
        scene.add(Dot(across(float(sample.sorted[-1])), up(1 / len(sample.sorted)), 3, sample.colour))


def _tail(values: Floats, across: Scale, up: Scale) -> list[tuple[float, float]]:
    """List places of the curve, closer together where few calls are left."""
    count = len(values)
    left = np.unique(np.geomspace(1, count, MOST_POINTS).astype(int))[::-1]  # calls that took at least so long
    return [(across(float(values[count - n])), up(n / count)) for n in left]
