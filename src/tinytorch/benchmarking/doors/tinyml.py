"""Four tasks for small devices, as a standard set of shapes and targets.

The tasks' data do not travel with the package. Without data of the caller's, a model is run on random inputs, which
tell its latency and nothing about its accuracy; that is then not measured, and no model complies.

Source:
    C. Banbury et al. (2021), MLPerf Tiny Benchmark, for the tasks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tinytorch.benchmarking.clock import CLOCK, Clock
from tinytorch.benchmarking.doors.datasets import as_array
from tinytorch.benchmarking.doors.live import LiveModel, live_models
from tinytorch.benchmarking.doors.result import BenchmarkResult
from tinytorch.benchmarking.scenarios.offline import offline
from tinytorch.benchmarking.statistics import percentile, wilson
from tinytorch.benchmarking.timing import Plan, measure_latency
from tinytorch.errors import RangeError, ShapeError, explain
from tinytorch.files import write_atomically

__all__ = ["Task", "TinyMLPerf"]

NO_LABELS = "accuracy needs labelled samples; the inputs were random"


@dataclass(frozen=True, slots=True)
class Task:
    """One task, and what a model must reach.

    Attributes:
        input_shape: Of one sample, with its axis of 1.
        target_accuracy: The least share of samples that must be right.
        max_latency_ms: The longest an inference may take.
    """

    input_shape: tuple[int, ...]
    target_accuracy: float
    max_latency_ms: float


TASKS = {
    "keyword_spotting": Task((1, 16000), 0.90, 100.0),
    "visual_wake_words": Task((1, 96, 96, 3), 0.80, 200.0),
    "anomaly_detection": Task((1, 640), 0.85, 50.0),
    "image_classification": Task((1, 32, 32, 3), 0.75, 150.0),
}


class TinyMLPerf:
    """Runs models on the four tasks.

    Args:
        random_seed: What inputs are drawn from where none are given; the global random state is left alone.
        clock: What tells the time.

    Attributes:
        benchmarks: The tasks, by name, as dictionaries.

    Example:
        >>> from tinytorch import Linear
        >>> result = TinyMLPerf().run_standard_benchmark(Linear(640, 2), "anomaly_detection", num_runs=10)
        >>> result["accuracy_measured"], result["accuracy"], result["compliant"]
        (False, 0.0, False)
    """

    def __init__(self, random_seed: int = 42, *, clock: Clock = CLOCK) -> None:
        self.random_seed = random_seed
        self.benchmarks = {name: _entry(task) for name, task in TASKS.items()}
        self._clock = clock

    def run_standard_benchmark(
        self, model: Any, benchmark_name: str, num_runs: int = 100, *, inputs: Any = None, labels: Any = None
    ) -> dict[str, Any]:
        """Run a model on a task.

        Args:
            model: Whatever has `forward` or `predict`, or can be called; its name is shown and means nothing.
            benchmark_name: One of `benchmarks`.
            num_runs: How many inferences to time; 368 are the fewest that give a p99.
            inputs: (N, ...) samples of the task; random ones of the task's shape where none are given.
            labels: (N,) their classes; without them accuracy is not measured.

        Returns:
            The numbers by name. A percentile that `num_runs` are too few for is none, and `..._at_least` bounds it.
            `measured` says whether all that compliance rests on was measured, `reason` what was not.

        Raises:
            RangeError: If there is no such task; it is a `ValueError`.
            ShapeError: If the inputs and the labels do not fit each other.
        """
        if benchmark_name not in TASKS:
            raise RangeError(explain("benchmark_name", f"one of {', '.join(TASKS)}", benchmark_name))
        task, live = TASKS[benchmark_name], live_models([model])[0]
        samples, classes = _data(inputs, labels)
        one = samples[:1] if samples is not None else live.fitting(task.input_shape, self.random_seed)
        found = {
            "benchmark_name": benchmark_name,
            "model_name": live.name,
            **_accuracy(live, samples, classes),
            **self._timing(live, one, num_runs),
            "target_accuracy": task.target_accuracy,
            "target_latency_ms": task.max_latency_ms,
            "inputs": "given" if samples is not None else "random",
            "num_runs": num_runs,
            "random_seed": self.random_seed,
        }
        return found | _judged(found, task)

    def run_all_benchmarks(self, model: Any) -> dict[str, dict[str, Any]]:
        """Run a model on every task; of one whose inputs it does not take, the record says `error` and no numbers."""
        return {name: self._attempt(model, name) for name in TASKS}

    def generate_compliance_report(
        self, results: Mapping[str, Mapping[str, Any]], output_path: str | os.PathLike[str] = "tinymlperf_report.json"
    ) -> str:
        """Write results as JSON, and a summary beside them whose name ends in `_summary.md`.

        Args:
            results: By the task's name, as `run_all_benchmarks` gives them.
            output_path: Where the JSON goes.

        Returns:
            The summary.
        """
        place = Path(output_path)
        record = {"random_seed": self.random_seed, "results": results, "compliant": _complies(results)}
        write_atomically(place, json.dumps(record, indent=2, allow_nan=False).encode())
        text = _summary(results)
        write_atomically(place.with_name(f"{place.stem}_summary.md"), text.encode())
        return text

    def _attempt(self, model: Any, name: str) -> dict[str, Any]:
        try:
            return self.run_standard_benchmark(model, name)
        except Exception as error:  # noqa: BLE001  whatever a model raises at a shape it was not made for
            reason = f"{type(error).__name__}: {error}"
            return {"benchmark_name": name, "measured": False, "compliant": False, "error": reason, "reason": reason}

    def _timing(self, live: LiveModel, sample: NDArray[Any], runs: int) -> dict[str, Any]:
        with live.adapter.inference():
            call = live.inference(sample)
            times = measure_latency(call, Plan(runs=runs), self._clock).samples.milliseconds
            streamed = offline(lambda _: call, sizes=(1,), clock=self._clock).best.samples_per_second
        result = BenchmarkResult("latency_ms", times)
        found: dict[str, Any] = {
            "mean_latency_ms": result.mean,
            "std_latency_ms": result.std,
            "mean_latency_ms_high": result.ci_upper,
            "max_latency_ms": result.max_val,
            "throughput_fps": streamed.value,
        }
        for percent in (50, 90, 99):
            estimate = percentile(times, percent)
            found[f"p{percent}_latency_ms"] = estimate.value
            if estimate.value is None:
                found[f"p{percent}_latency_ms_at_least"] = estimate.low
        return found


def _entry(task: Task) -> dict[str, Any]:
    return {
        "input_shape": task.input_shape,
        "target_accuracy": task.target_accuracy,
        "max_latency_ms": task.max_latency_ms,
    }


def _data(inputs: Any, labels: Any) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    samples = None if inputs is None else as_array(inputs)
    classes = None if labels is None else as_array(labels)
    if classes is not None and (samples is None or classes.shape != samples.shape[:1] or not len(classes)):
        rule = "of shape (N,), one for each of N inputs"
        raise ShapeError(explain("labels", rule, f"the shape {classes.shape}"))
    return samples, classes


def _accuracy(live: LiveModel, samples: NDArray[Any] | None, labels: NDArray[Any] | None) -> dict[str, Any]:
    if samples is None or labels is None:
        return {"accuracy": 0.0, "accuracy_measured": False, "accuracy_reason": NO_LABELS}
    outcomes = live.outcomes(samples)
    estimate = wilson(int(outcomes.is_right(labels).sum()), len(labels))
    return {
        "accuracy": estimate.value,
        "accuracy_measured": True,
        "accuracy_low": estimate.low,
        "accuracy_high": estimate.high,
    }


def _judged(found: Mapping[str, Any], task: Task) -> dict[str, Any]:
    measured = found["accuracy_measured"]
    accurate = bool(measured and found["accuracy"] >= task.target_accuracy)
    fast = found["mean_latency_ms_high"] <= task.max_latency_ms
    judged = {"accuracy_met": accurate, "latency_met": fast, "compliant": accurate and fast, "measured": measured}
    return judged if measured else judged | {"reason": found["accuracy_reason"]}


def _complies(results: Mapping[str, Mapping[str, Any]]) -> bool:
    return bool(results) and all(result["compliant"] for result in results.values())


def _summary(results: Mapping[str, Mapping[str, Any]]) -> str:
    done = sum(bool(result["compliant"]) for result in results.values())
    lines = [
        "# TinyMLPerf compliance",
        "",
        f"{done} of {len(results)} tasks complied with.",
        "",
        "| task | accuracy | target | mean latency (ms) | target | complies |",
        "|---|---|---|---|---|---|",
        *(_line(name, result) for name, result in results.items()),
    ]
    reasons = [f"- {name}: {result['reason']}" for name, result in results.items() if "reason" in result]
    return "\n".join([*lines, *(["", "Not measured:", "", *reasons] if reasons else [])]) + "\n"


def _line(name: str, result: Mapping[str, Any]) -> str:
    if "error" in result:
        return f"| {name} | – | – | – | – | no: it could not be run |"
    accuracy = f"{result['accuracy']:.1%}" if result["accuracy_measured"] else "not measured"
    latency = f"{result['mean_latency_ms']:.3f}"
    limits = f"{result['target_accuracy']:.0%}", f"{result['target_latency_ms']:g}"
    verdict = "yes" if result["compliant"] else "no"
    return f"| {name} | {accuracy} | {limits[0]} | {latency} | {limits[1]} | {verdict} |"
