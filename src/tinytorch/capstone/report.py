"""A benchmark report: one model, measured on one machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.clock import CLOCK, Clock, utc_now
from tinytorch.benchmarking.environment import collect_environment
from tinytorch.benchmarking.memory import count_elements, inference_peak_bytes, stored_bytes
from tinytorch.benchmarking.timing import Latency, Plan, measure_latencies
from tinytorch.capstone.metrics import CORE, derived
from tinytorch.capstone.subjects import BATCH, HeldOut, Subject, held_out
from tinytorch.errors import RangeError, explain

__all__ = ["BenchmarkReport", "benchmark_together"]

Judged = tuple[dict[str, Any], NDArray[np.int64]]

BATCHES = 20  # enough batch means to see whether the throughput is steady
LEAST_WARMUP = 10


class BenchmarkReport:
    """What a model was measured to be worth, and on what machine.

    Args:
        model_name: What readers call the model.
        clock: What tells the time; another one makes a test's numbers exact.

    Attributes:
        model_name: As given.
        metrics: Empty until `benchmark_model`. Six names have been there from the first: `parameter_count`,
            `model_size_mb` (bytes as stored / 1024^2), `accuracy` (a ratio), `latency_ms_mean`, `latency_ms_std` and
            `throughput_samples_per_sec` (1000 / mean); `schema/submission.v1.json` describes all the others.
        system_info: `platform`, `python_version`, `numpy_version`, and the rest of the environment's record.
        predictions: (N,) the class that the model gave each test sample; none until `benchmark_model`.
        timestamp: When the report was made or, later, when the model was measured: ISO 8601, UTC.

    Example:
        >>> import numpy as np
        >>> from tinytorch.capstone import SimpleMLP
        >>> report = BenchmarkReport("small")
        >>> metrics = report.benchmark_model(SimpleMLP(), np.ones((4, 10)), np.array([0, 1, 2, 0]), num_runs=6)
        >>> metrics["parameter_count"], metrics["model_size_bytes"], metrics["num_runs"]
        (283, 1132, 6)
    """

    def __init__(self, model_name: str = "model", *, clock: Clock = CLOCK) -> None:
        self.model_name = model_name
        self.metrics: dict[str, Any] = {}
        self.predictions: NDArray[np.int64] | None = None
        self.system_info = collect_environment()
        self.timestamp = utc_now()
        self.clock = clock

    def benchmark_model(self, model: Any, X_test: Any, y_test: Any, num_runs: int = 100) -> dict[str, Any]:
        """Measure a model, and keep the metrics.

        Latency is that of the first sample alone, each call timed by itself with one BLAS thread, after a warm-up that
        is counted and left out. A model that shows no parameters has 0 of them here, and no submission will take it.

        Args:
            model: Whatever has `forward(x)`, or can be called, and gives (N, C) scores.
            X_test: (N, ...) tensor or array.
            y_test: (N,) class indices from 0.
            num_runs: How many calls to time. 368 are the fewest that give a p99.

        Returns:
            The metrics, by name.

        Raises:
            ShapeError, DTypeError, DataError, RangeError: If the data, the model's outputs or `num_runs` are unusable.
        """
        benchmark_together([self], [model], X_test, y_test, num_runs)
        return self.metrics

    def __repr__(self) -> str:
        return f"BenchmarkReport({self.model_name!r}, {len(self.metrics)} metrics)"


def benchmark_together(
    reports: Sequence[BenchmarkReport], models: Sequence[Any], X_test: Any, y_test: Any, num_runs: int = 100
) -> None:
    """Measure several models in turns, and fill the report of each; the first report's clock tells the time.

    Models timed one after the other may meet a machine at two speeds; taking turns, they meet the same.

    Raises:
        ShapeError, DTypeError, DataError, RangeError: As `BenchmarkReport.benchmark_model` does.
    """
    if isinstance(num_runs, bool) or not isinstance(num_runs, int | np.integer) or num_runs < 1:
        raise RangeError(explain("num_runs", "a whole number of at least 1", num_runs))
    data = held_out(X_test, y_test)
    subjects = [Subject(model, data) for model in models]
    with ExitStack() as stack:
        for subject in subjects:
            stack.enter_context(subject.judged())
        measured = _measured(subjects, data, int(num_runs), reports[0].clock)
    for report, (metrics, predictions) in zip(reports, measured, strict=True):
        report.metrics, report.predictions = metrics, predictions
        report.timestamp = utc_now()


def _measured(subjects: Sequence[Subject], data: HeldOut, runs: int, clock: Clock) -> list[Judged]:
    singly = Plan(runs=runs, warmup=max(LEAST_WARMUP, runs // 10))
    latencies = measure_latencies([subject.inference() for subject in subjects], singly, clock)
    size = min(BATCH, len(data.labels))
    batchwise = Plan(runs=BATCHES, warmup=1, per_round=1)
    batches = measure_latencies([subject.inference(0, size) for subject in subjects], batchwise, clock)
    raw = [_timing(latency) | _batches(batch, size) for latency, batch in zip(latencies, batches, strict=True)]
    return [_metrics(subject, data, timing) for subject, timing in zip(subjects, raw, strict=True)]


def _timing(latency: Latency) -> dict[str, Any]:
    return {
        "warmup_count": latency.warmup_count,
        "first_call_ms": latency.first_call_ns / 1e6,
        "clock_cost_ns": latency.clock_cost_ns,
        "blas_threads": latency.blas_threads,
        "timing_protocol": "interleaved" if latency.variants > 1 else "alone",
        "latency_samples_ns": list(latency.samples.nanoseconds),
    }


def _batches(latency: Latency, size: int) -> dict[str, Any]:
    return {"batch_size": size, "batch_samples_ns": list(latency.samples.nanoseconds)}


def _metrics(subject: Subject, data: HeldOut, timing: dict[str, Any]) -> Judged:
    predictions = subject.predictions()
    raw = timing | {
        "parameter_count": count_elements(subject.model),
        "model_size_bytes": stored_bytes(subject.model),
        "peak_memory_bytes": inference_peak_bytes(subject.inference()),
        "correct_count": int((predictions == data.labels).sum()),
        "test_count": len(data.labels),
    }
    found = raw | derived(raw)
    samples = [name for name, value in found.items() if isinstance(value, list)]
    last_come_samples = [name for name in found if name not in samples] + samples
    return {name: found[name] for name in (*CORE, *last_come_samples)}, predictions
