"""Everything at once, in a folder of its own."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tinytorch.benchmarking.doors import suite as module
from tinytorch.benchmarking.doors.result import BenchmarkResult
from tinytorch.benchmarking.doors.suite import BenchmarkSuite
from tinytorch.errors import StateError

X, Y = np.eye(4, dtype=np.float32), np.array([0, 1, 2, 0])


@pytest.fixture
def suite(clock, tmp_path):
    """Make a suite of two models of known speeds."""

    def model(name, duration):
        return SimpleNamespace(name=name, forward=lambda x: clock.pass_time(duration) or x)

    models = [model("quick", 1_000_000), model("slow", 3_000_000)]
    made = BenchmarkSuite(models, [(X, Y)], tmp_path / "made" / "out", input_shape=(1, 4), clock=clock, sleeper=clock)
    made.run_full_benchmark()
    return made


def test_the_folder_is_made(suite):
    """With all that lead to it."""
    assert suite.output_dir.is_dir()


def test_every_metric_has_every_model(suite):
    """Measured or not."""
    names = {metric: list(found) for metric, found in suite.results.items()}
    assert names == {metric: ["quick", "slow"] for metric in ("latency", "accuracy", "memory", "energy")}
    assert [result.mean for result in suite.results["latency"].values()] == [1.0, 3.0]
    assert all(isinstance(result, BenchmarkResult) for found in suite.results.values() for result in found.values())


def test_the_report_is_written_as_it_is_returned(suite):
    """With the two headings of the contract."""
    text = suite.generate_report()
    assert (suite.output_dir / "benchmark_report.md").read_text() == text
    assert all(heading in text for heading in ("## System Information", "## Recommendations", "## Latency (ms)"))


def test_the_report_says_what_was_not_measured_and_why(suite):
    """And no number stands there."""
    suite.results["energy"] = {"quick": BenchmarkResult("e", [0.0], {"measured": False, "reason": "no counters"})}
    assert "| quick | not measured: no counters | | | |" in suite.generate_report()


def test_the_report_recommends_what_was_measured_best(suite):
    """And says where two cannot be told apart."""
    text = suite.generate_report()
    assert "Where latency is critical: quick; no other comes close." in text
    assert "Where accuracy must be preserved: quick; not to be told from slow." in text


def test_before_measuring_there_is_nothing_to_write(tmp_path):
    """Neither reports nor pictures."""
    empty = BenchmarkSuite([], [], tmp_path)
    for ask in (empty.generate_report, empty.plot_results, empty.plot_pareto_frontier):
        with pytest.raises(StateError, match="run_full_benchmark"):
            ask()


def test_one_picture_a_measured_metric_is_saved(suite):
    """One of what was not measured would show zeros."""
    pytest.importorskip("matplotlib")
    suite.results["energy"] = {"quick": BenchmarkResult("e", [0.0], {"measured": False, "reason": "no counters"})}
    figures = suite.plot_results()
    assert len(figures) == 3
    assert sorted(path.name for path in suite.output_dir.glob("*.png")) == ["accuracy.png", "latency.png", "memory.png"]


def test_pictures_need_not_be_saved(suite):
    """A notebook shows the figures."""
    pytest.importorskip("matplotlib")
    assert suite.plot_results(save_plots=False)
    assert list(suite.output_dir.glob("*.png")) == []


def test_the_frontier_is_one_picture(suite):
    """Named after its metrics."""
    pytest.importorskip("matplotlib")
    assert len(suite.plot_pareto_frontier()) == 1
    assert [path.name for path in suite.output_dir.glob("*.png")] == ["pareto_latency_accuracy.png"]


def test_a_frontier_of_what_was_not_measured_is_none(suite):
    """There are no points to draw."""
    pytest.importorskip("matplotlib")
    suite.results["energy"] = {"quick": BenchmarkResult("e", [0.0], {"measured": False, "reason": "no counters"})}
    assert suite.plot_pareto_frontier("energy", "accuracy") == []


def test_an_unknown_axis_is_refused(suite):
    """It lists what there is."""
    with pytest.raises(StateError, match="latency, accuracy, memory, energy"):
        suite.plot_pareto_frontier("beauty")


def test_without_matplotlib_drawing_does_nothing(suite, monkeypatch):
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert (suite.plot_results(), suite.plot_pareto_frontier()) == ([], [])
    assert module._plots() is None
