"""The metrics of a report, by where they come from: what was measured, and what follows from it.

Each derivation is one function. The report calls it to fill itself, the validator calls it again to find out whether
the numbers in a file still follow from the raw ones beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinytorch.benchmarking.statistics import (
    Estimate,
    Samples,
    mean,
    percentile,
    sample_std,
    t_interval,
    throughput_interval,
    wilson,
)

__all__ = [
    "BYTES_PER_MB",
    "CORE",
    "DERIVATIONS",
    "IMPROVEMENTS",
    "ORDERED",
    "Derivation",
    "Improvement",
    "derived",
    "improvements",
]

Metrics = Mapping[str, Any]

BYTES_PER_MB = 1024**2
CORE = (
    "parameter_count",
    "model_size_mb",
    "accuracy",
    "latency_ms_mean",
    "latency_ms_std",
    "throughput_samples_per_sec",
)
PERCENTILES = (50, 90, 99)
ORDERED = ("latency_ms_min", *(f"latency_ms_p{percent}" for percent in PERCENTILES), "latency_ms_max")


@dataclass(frozen=True, slots=True)
class Derivation:
    """Metrics that follow from other metrics.

    Attributes:
        sources: The names of the metrics it starts from.
        derive: Takes their values, in this order, and gives the metrics that follow.
    """

    sources: tuple[str, ...]
    derive: Callable[..., dict[str, float | None]]


@dataclass(frozen=True, slots=True)
class Improvement:
    """One way to compare two models.

    Attributes:
        name: What a submission calls it.
        source: The metric it compares.
        compare: Takes the baseline's value and the optimized model's.
    """

    name: str
    source: str
    compare: Callable[[float, float], float]


def derived(metrics: Metrics) -> dict[str, float | None]:
    """Compute every metric that follows from the raw ones in `metrics`."""
    found: dict[str, float | None] = {}
    for derivation in DERIVATIONS:
        if all(name in metrics for name in derivation.sources):
            found |= derivation.derive(*(metrics[name] for name in derivation.sources))
    return found


def improvements(baseline: Metrics, optimized: Metrics) -> dict[str, float]:
    """Compare two models, in whatever metrics both have: ratios of baseline to optimized, and the accuracy gained.

    Example:
        >>> before = {"latency_ms_mean": 2.0, "model_size_mb": 1.0, "accuracy": 0.5}
        >>> improvements(before, before | {"latency_ms_mean": 1.0})
        {'speedup': 2.0, 'compression_ratio': 1.0, 'accuracy_delta': 0.0}
    """
    return {
        improvement.name: improvement.compare(baseline[improvement.source], optimized[improvement.source])
        for improvement in IMPROVEMENTS
        if improvement.source in baseline and improvement.source in optimized
    }


def _latency(nanoseconds: Sequence[int]) -> dict[str, float | None]:
    times = Samples(tuple(nanoseconds)).milliseconds
    average = mean(times)
    found: dict[str, float | None] = {
        "latency_ms_mean": average,
        **_ends("latency_ms_mean", t_interval(times)),
        "latency_ms_std": sample_std(times),
        "throughput_samples_per_sec": 1000 / average,  # one by one; the measured batch throughput has its own name
        "latency_ms_min": min(times),
        "latency_ms_max": max(times),
        "num_runs": len(times),
    }
    for percent in PERCENTILES:
        found |= _percentile(times, percent)
    return found


def _percentile(times: Sequence[float], percent: int) -> dict[str, float | None]:
    name, estimate = f"latency_ms_p{percent}", percentile(times, percent)
    if estimate.value is not None:
        return {name: estimate.value, **_ends(name, estimate)}
    return {name: None, f"{name}_low": None, f"{name}_high": None, f"{name}_at_least": estimate.low}


def _ends(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _accuracy(correct: int, total: int) -> dict[str, float | None]:
    if correct > total:  # only a file can say so, and the validator has a rule for it
        return {}
    estimate = wilson(int(correct), int(total))
    return {"accuracy": estimate.value, "accuracy_low": estimate.low, "accuracy_high": estimate.high}


def _batches(nanoseconds: Sequence[int], size: int) -> dict[str, float | None]:
    name, estimate = "batch_throughput_samples_per_sec", throughput_interval(size, Samples(tuple(nanoseconds)))
    return {name: estimate.value, **_ends(name, estimate)}


def _size(stored: int) -> dict[str, float | None]:
    return {"model_size_mb": stored / BYTES_PER_MB}


DERIVATIONS = (
    Derivation(("model_size_bytes",), _size),
    Derivation(("correct_count", "test_count"), _accuracy),
    Derivation(("latency_samples_ns",), _latency),
    Derivation(("batch_samples_ns", "batch_size"), _batches),
)

IMPROVEMENTS = (
    Improvement("speedup", "latency_ms_mean", lambda before, after: before / after),
    Improvement("compression_ratio", "model_size_mb", lambda before, after: before / after),
    Improvement("accuracy_delta", "accuracy", lambda before, after: after - before),
)
