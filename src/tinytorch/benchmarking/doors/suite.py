"""Everything at once: all metrics of several models, a report to read and pictures to look at."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinytorch.benchmarking.clock import CLOCK, SLEEPER, Clock, Sleeper
from tinytorch.benchmarking.doors.benchmark import SHAPE, Benchmark, Results
from tinytorch.benchmarking.doors.recommendations import interval, recommendations
from tinytorch.benchmarking.doors.result import BenchmarkResult
from tinytorch.errors import StateError, explain
from tinytorch.files import write_atomically

__all__ = ["BenchmarkSuite"]

METRICS = ("latency", "accuracy", "memory", "energy")
UNITS = {"latency": "ms", "accuracy": "ratio", "memory": "MB", "energy": "J"}
REPORT = "benchmark_report.md"


class BenchmarkSuite:
    """Measures everything, and writes it down.

    Args:
        models: Whatever has `forward` or `predict`, or can be called.
        datasets: Labelled samples, for accuracy.
        output_dir: Where reports and pictures go; made if it is not there.
        input_shape: Of the random inputs that latency, memory and energy are measured on.
        clock: What tells the time.
        sleeper: What waits for an instant of that clock.

    Attributes:
        benchmark: What does the measuring.
        results: Empty until `run_full_benchmark`.
    """

    def __init__(
        self,
        models: Sequence[Any],
        datasets: Sequence[Any],
        output_dir: str | os.PathLike[str] = "benchmark_results",
        *,
        input_shape: Sequence[int] = SHAPE,
        clock: Clock = CLOCK,
        sleeper: Sleeper = SLEEPER,
    ) -> None:
        self.models = list(models)
        self.datasets = list(datasets)
        self.output_dir = Path(output_dir)
        self.output_dir.mkdir(parents=True, exist_ok=True)
        self.benchmark = Benchmark(models, datasets, clock=clock, sleeper=sleeper)
        self.results: dict[str, Results] = {}
        self._shape = tuple(input_shape)

    def run_full_benchmark(self) -> dict[str, Results]:
        """Measure `latency`, `accuracy`, `memory` and `energy` of every model.

        Returns:
            By metric and then by model; what could not be measured is marked `measured: False`, with the reason.
        """
        benchmark = self.benchmark
        self.results = {
            "latency": benchmark.run_latency_benchmark(self._shape),
            "accuracy": benchmark.run_accuracy_benchmark(),
            "memory": benchmark.run_memory_benchmark(self._shape),
            "energy": benchmark.run_energy_benchmark(self._shape),
        }
        return self.results

    def generate_report(self) -> str:
        """Write what was measured as Markdown, to `benchmark_report.md` in the output folder too.

        Raises:
            StateError: If nothing has been measured yet.
        """
        text = "\n".join(_report(self._measured(), self.benchmark.system_info)) + "\n"
        write_atomically(self.output_dir / REPORT, text.encode())
        return text

    def plot_results(self, save_plots: bool = True) -> list[Any]:
        """Draw one chart a metric that was measured, with the intervals of the means.

        Args:
            save_plots: Whether to write them to the output folder, as `latency.png` and so on.

        Returns:
            The figures; none without matplotlib, which `pip install tinytorch[plots]` brings.

        Raises:
            StateError: If nothing has been measured yet.
        """
        results = self._measured()
        plots = _plots()
        if plots is None:
            return []
        figures = {metric: plots.bars(found, f"{metric} ({UNITS[metric]})") for metric, found in results.items()}
        drawn = {f"{metric}.png": figure for metric, figure in figures.items() if figure is not None}
        return self._saved(drawn, save=save_plots)

    def plot_pareto_frontier(self, x_metric: str = "latency", y_metric: str = "accuracy") -> list[Any]:
        """Draw two metrics against each other, and the line of the models that no other beats in both.

        The picture goes to the output folder, as `pareto_latency_accuracy.png` and so on.

        Returns:
            The figure; none without matplotlib, or where no model has both metrics measured.

        Raises:
            StateError: If nothing has been measured yet, or a metric is unknown.
        """
        results = self._measured()
        for metric in (x_metric, y_metric):
            if metric not in results:
                raise StateError(explain("the metric", f"one of {', '.join(results)}", metric))
        plots = _plots()
        if plots is None:
            return []
        labels = tuple(f"{metric} ({UNITS[metric]})" for metric in (x_metric, y_metric))
        more = tuple(metric == "accuracy" for metric in (x_metric, y_metric))
        figure = plots.frontier(results[x_metric], results[y_metric], labels, more)
        name = f"pareto_{x_metric}_{y_metric}.png"
        return self._saved({name: figure}, save=True) if figure is not None else []

    def _measured(self) -> dict[str, Results]:
        if not self.results:
            raise StateError(explain("the suite", "run first", "no results", remedy="Call run_full_benchmark()."))
        return self.results

    def _saved(self, figures: Mapping[str, Any], *, save: bool) -> list[Any]:
        for name, figure in figures.items() if save else ():
            figure.savefig(self.output_dir / name, dpi=150)
        return list(figures.values())


def _plots() -> Any:
    """Give the drawing module; none without matplotlib."""
    try:
        import matplotlib  # noqa: F401  ICN001 does not apply: only its presence is asked
    except ImportError:
        return None
    from tinytorch.benchmarking.doors import plots

    return plots


def _report(results: Mapping[str, Results], system: Mapping[str, Any]) -> Iterator[str]:
    yield "# Benchmark report"
    yield from ("", "## System Information", "")
    yield from (f"- {name}: {value}" for name, value in system.items())
    for metric, found in results.items():
        yield from ("", f"## {metric.capitalize()} ({UNITS[metric]})", "")
        yield from _table(found)
    yield from ("", "## Recommendations", "")
    yield from (f"- {text}" for text in recommendations(results).values())


def _table(results: Mapping[str, BenchmarkResult]) -> Iterator[str]:
    yield "| model | mean | std | 95 % interval of the mean | n |"
    yield "|---|---|---|---|---|"
    for name, result in results.items():
        if result.is_measured:
            ends = interval(result)
            text = "one value has none" if ends is None else f"{ends[0]:.4g} to {ends[1]:.4g}"
            yield f"| {name} | {result.mean:.4g} | {result.std:.2g} | {text} | {result.count} |"
        else:
            yield f"| {name} | not measured: {result.metadata['reason']} | | | |"
