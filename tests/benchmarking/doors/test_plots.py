"""Charts of results."""

import pytest

from tinytorch.benchmarking.doors.result import BenchmarkResult

pytest.importorskip("matplotlib")

from tinytorch.benchmarking.doors.plots import bars, frontier  # it needs matplotlib

UNKNOWN = BenchmarkResult("m", [0.0], {"measured": False, "reason": "none"})


def test_a_chart_has_one_bar_a_measured_model():
    """From zero, as long as the mean; those without one are named."""
    figure = bars({"a": BenchmarkResult("m", [1.0, 3.0]), "b": UNKNOWN}, "latency (ms)")
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [2.0]
    assert [bar.get_x() for bar in axes.patches] == [0.0]
    assert [text.get_text() for text in figure.texts] == ["not measured: b"]


def test_nothing_measured_is_no_chart():
    """An empty one would say zero."""
    assert bars({"b": UNKNOWN}, "x") is None


def test_the_frontier_joins_those_that_no_other_beats_in_both():
    """In the order of the axis across."""
    x = {"a": BenchmarkResult("m", [1.0]), "b": BenchmarkResult("m", [2.0]), "c": BenchmarkResult("m", [3.0])}
    y = {"a": BenchmarkResult("m", [0.5]), "b": BenchmarkResult("m", [0.4]), "c": BenchmarkResult("m", [0.9])}
    line = frontier(x, y, ("x", "y"), (False, True)).axes[0].lines[0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([1.0, 3.0], [0.5, 0.9])
