"""The figures of a report: each is drawn from a submission, says what it shows, and has its numbers as a table."""

from __future__ import annotations

from collections.abc import Callable

from tinytorch.capstone.reporting.charts.accuracy import accuracy_figure
from tinytorch.capstone.reporting.charts.latency import latency_figure
from tinytorch.capstone.reporting.charts.layers import layers_figure
from tinytorch.capstone.reporting.charts.speedup import speedup_figure
from tinytorch.capstone.reporting.charts.tradeoff import tradeoff_figure
from tinytorch.capstone.reporting.drawing.scene import Figure
from tinytorch.capstone.reporting.reading import Reading

__all__ = ["FIGURES", "drawn_figures"]

FIGURES: dict[str, Callable[[Reading], Figure | None]] = {
    "speedup": speedup_figure,
    "latency": latency_figure,
    "accuracy": accuracy_figure,
    "tradeoff": tradeoff_figure,
    "layers": layers_figure,
}


def drawn_figures(reading: Reading) -> dict[str, Figure]:
    """Draw what a submission has the numbers for."""
    found = {name: make(reading) for name, make in FIGURES.items()}
    return {name: figure for name, figure in found.items() if figure is not None}
