"""Several models, measured side by side in this process."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tinytorch.benchmarking.clock import CLOCK, SLEEPER, Clock, Sleeper
from tinytorch.benchmarking.doors.live import LiveModel, live_models
from tinytorch.benchmarking.doors.result import BenchmarkResult
from tinytorch.benchmarking.memory import inference_peaks, stored_bytes
from tinytorch.benchmarking.metrics.energy import measure_energy
from tinytorch.benchmarking.metrics.metric import Measured
from tinytorch.benchmarking.timing import Latency, Plan, measure_latencies
from tinytorch.errors import RangeError, explain

if TYPE_CHECKING:
    from tinytorch.perf.profiling import Profiler

__all__ = ["Benchmark", "unmeasured"]

Results = dict[str, BenchmarkResult]
SHAPE = (1, 28, 28)
BYTES_PER_MB = 1024**2


class Benchmark:
    """Models and data sets, and what can be measured of them in this process.

    For a claim that is to hold elsewhere, compare importable models in fresh processes with `compare`.

    Args:
        models: Whatever has `forward` or `predict`, or can be called.
        datasets: Labelled samples, for accuracy.
        warmup_runs: Untimed calls of each model, at least 0.
        measurement_runs: Timed calls of each model, at least 1.
        clock: What tells the time.
        sleeper: What waits for an instant of that clock.

    Attributes:
        results: What has been measured so far, by metric and model.
        system_info: `platform`, `processor`, `python_version` and `cpu_count`.

    Example:
        >>> from tinytorch import Linear
        >>> benchmark = Benchmark([Linear(4, 2)], [], measurement_runs=6)
        >>> benchmark.run_latency_benchmark(input_shape=(1, 4))["model_0"].count
        6
    """

    def __init__(
        self,
        models: Sequence[Any] = (),
        datasets: Sequence[Any] = (),
        warmup_runs: int = 5,
        measurement_runs: int = 10,
        *,
        clock: Clock = CLOCK,
        sleeper: Sleeper = SLEEPER,
    ) -> None:
        self._plan = Plan(runs=measurement_runs, warmup=warmup_runs, per_round=1)
        self._clock, self._sleeper = clock, sleeper
        self._live = live_models(models)
        self._profiler: Profiler | None = None
        self.models = list(models)
        self.datasets = list(datasets)
        self.warmup_runs = warmup_runs
        self.measurement_runs = measurement_runs
        self.results: dict[str, Results] = {}
        self.system_info: dict[str, Any] = {
            "platform": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "python_version": platform.python_version(),
            "cpu_count": os.cpu_count(),
        }

    @property
    def profiler(self) -> Profiler:
        """A profiler of this benchmark's own, on its clock."""
        if self._profiler is None:
            from tinytorch.perf.profiling import Profiler

            self._profiler = Profiler(clock=self._clock)
        return self._profiler

    def run_latency_benchmark(self, input_shape: Sequence[int] = SHAPE) -> Results:
        """Time every model, in turns: a change of the machine's speed meets all of them.

        Args:
            input_shape: Of the inputs, which are drawn at random. A model that takes only flat ones gets as many
                numbers in a row; its `used_shape` says so.

        Returns:
            Milliseconds of each timed call, by the model's name.
        """
        inputs = [live.fitting(input_shape) for live in self._live]
        with ExitStack() as stack:
            for live in self._live:
                stack.enter_context(live.adapter.inference())
            calls = [live.inference(drawn) for live, drawn in zip(self._live, inputs, strict=True)]
            latencies = measure_latencies(calls, self._plan, self._clock) if calls else []
        found: Results = {}
        for live, drawn, latency in zip(self._live, inputs, latencies, strict=True):
            notes = self._notes(input_shape) | {"used_shape": drawn.shape} | _timing(latency)
            found[live.name] = BenchmarkResult(f"{live.name}_latency_ms", latency.samples.milliseconds, notes)
        return self._keep("latency", found)

    def run_accuracy_benchmark(self) -> Results:
        """Find each model's accuracy on each data set.

        Returns:
            One ratio a data set, by the model's name; of a model that none could be measured of, 0.0 marked
            `measured: False`, with the reason.
        """
        return self._keep("accuracy", {live.name: self._accuracy(live) for live in self._live})

    def run_memory_benchmark(self, input_shape: Sequence[int] = SHAPE) -> Results:
        """Measure the bytes each model stores, and the most that an inference holds on top of them.

        Returns:
            Their sum in megabytes (1024^2 bytes), one value a pass, by the model's name.
        """
        return self._keep("memory", {live.name: self._memory(live, input_shape) for live in self._live})

    def run_energy_benchmark(self, input_shape: Sequence[int] = SHAPE) -> Results:
        """Measure the energy of an inference, where the machine has counters of it.

        Returns:
            Joules, by the model's name; without counters 0.0 marked `measured: False`, with the reason.
        """
        return self._keep("energy", {live.name: self._energy(live, input_shape) for live in self._live})

    def compare_models(self, metric: str = "latency") -> list[dict[str, Any]]:
        """Tabulate a metric, measuring it first if that has not been done.

        Args:
            metric: `latency`, `accuracy`, `memory` or `energy`.

        Raises:
            RangeError: If the metric is another; it is a `ValueError`.
        """
        runs: dict[str, Callable[[], Results]] = {
            "latency": self.run_latency_benchmark,
            "accuracy": self.run_accuracy_benchmark,
            "memory": self.run_memory_benchmark,
            "energy": self.run_energy_benchmark,
        }
        if metric not in runs:
            raise RangeError(explain("metric", f"one of {', '.join(runs)}", metric))
        results = self.results[metric] if metric in self.results else runs[metric]()
        return [_row(name, metric, result) for name, result in results.items()]

    def measure_latency(self, model: Any, x: Any, iterations: int = 100, warmup: int = 10) -> float:
        """Time one model on inputs of the caller's.

        Returns:
            The median, in milliseconds.
        """
        adapter = live_models([model])[0].adapter
        with adapter.inference():
            plan = Plan(runs=iterations, warmup=warmup)
            latency = measure_latencies([lambda: adapter.call(x)], plan, self._clock)[0]
        return BenchmarkResult("latency_ms", latency.samples.milliseconds).median

    def _accuracy(self, live: LiveModel) -> BenchmarkResult:
        name, found, reasons = f"{live.name}_accuracy", [], []
        for dataset in self.datasets:
            try:
                found.append(live.accuracy_on(dataset))
            except Exception as error:  # noqa: BLE001  the reason is kept, and the other models' values with it
                reasons.append(f"{type(error).__name__}: {error}")
        if not found:
            return unmeasured(name, "; ".join(reasons) or "there is no data set", self.system_info)
        notes = dict(self.system_info) | {"measured": True, "datasets": [how for _, how in found], "failures": reasons}
        return BenchmarkResult(name, [value for value, _ in found], notes)

    def _memory(self, live: LiveModel, shape: Sequence[int]) -> BenchmarkResult:
        drawn, stored = live.fitting(shape), stored_bytes(live.model)
        with live.adapter.inference():
            peaks = inference_peaks(live.inference(drawn))
        notes = self._notes(shape) | {"used_shape": drawn.shape, "stored_bytes": stored, "peak_bytes": peaks}
        values = [(stored + peak) / BYTES_PER_MB for peak in peaks]
        return BenchmarkResult(f"{live.name}_memory_mb", values, notes | {"measured": True})

    def _energy(self, live: LiveModel, shape: Sequence[int]) -> BenchmarkResult:
        name, drawn = f"{live.name}_energy_joules", live.fitting(shape)
        with live.as_case(drawn, clock=self._clock, sleeper=self._sleeper) as case:
            found = measure_energy(case)
        if not isinstance(found, Measured):
            return unmeasured(name, found.reason, self.system_info)
        notes = self._notes(shape) | {"measured": True, "raw": dict(found.raw)}
        return BenchmarkResult(name, found.raw["joules_per_call"], notes)

    def _notes(self, shape: Sequence[int]) -> dict[str, Any]:
        return {"input_shape": tuple(shape), **self.system_info}

    def _keep(self, metric: str, found: Results) -> Results:
        self.results[metric] = found
        return found


def unmeasured(name: str, reason: str, notes: dict[str, Any] | None = None) -> BenchmarkResult:
    """Stand in for a value that could not be measured: 0.0, marked as no measurement, with the reason."""
    return BenchmarkResult(name, [0.0], dict(notes or {}) | {"measured": False, "reason": reason})


def _timing(latency: Latency) -> dict[str, Any]:
    return {
        "measured": True,
        "protocol": "interleaved" if latency.variants > 1 else "alone",
        "first_call_ms": latency.first_call_ns / 1e6,
        "warmup_count": latency.warmup_count,
        "clock_cost_ns": latency.clock_cost_ns,
        "blas_threads": latency.blas_threads,
    }


def _row(name: str, metric: str, result: BenchmarkResult) -> dict[str, Any]:
    row = {
        "model": name,
        "metric": metric,
        "mean": result.mean,
        "std": result.std,
        "ci_lower": result.ci_lower,
        "ci_upper": result.ci_upper,
        "count": result.count,
        "measured": result.is_measured,
    }
    return row if result.is_measured else row | {"reason": result.metadata["reason"]}
