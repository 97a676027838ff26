"""A model against the same model made smaller or faster."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tinytorch.benchmarking.clock import CLOCK, SLEEPER, Clock, Sleeper
from tinytorch.benchmarking.doors.benchmark import SHAPE, Benchmark, Results
from tinytorch.benchmarking.doors.live import live_models
from tinytorch.benchmarking.doors.recommendations import balanced_scores, recommendations
from tinytorch.benchmarking.doors.result import BenchmarkResult
from tinytorch.benchmarking.statistics import sign_interval

__all__ = ["compare_optimization_techniques"]

RUNS = 60  # a round of each model, in turns: the standard session


def compare_optimization_techniques(
    base_model: Any,
    optimized_models: Sequence[Any],
    datasets: Sequence[Any],
    *,
    input_shape: Sequence[int] = SHAPE,
    clock: Clock = CLOCK,
    sleeper: Sleeper = SLEEPER,
) -> dict[str, Any]:
    """Measure a base model and what was made of it, all in turns in this process.

    Args:
        base_model: The one that others are compared with.
        optimized_models: The others.
        datasets: Labelled samples, for accuracy.
        input_shape: Of the random inputs that latency, memory and energy are measured on.
        clock: What tells the time.
        sleeper: What waits for an instant of that clock.

    Returns:
        `base_model` (its name), `base_metrics` and `optimized_results` (results by metric), `improvements` (ratios of
        base to optimized, the accuracy kept; none with a reason where something was not measured), `efficiency_metrics`
        and `recommendations`.
    """
    models = [base_model, *optimized_models]
    base, *others = [live.name for live in live_models(models)]
    benchmark = Benchmark(models, datasets, measurement_runs=RUNS, clock=clock, sleeper=sleeper)
    results = {
        "latency": benchmark.run_latency_benchmark(input_shape),
        "accuracy": benchmark.run_accuracy_benchmark(),
        "memory": benchmark.run_memory_benchmark(input_shape),
        "energy": benchmark.run_energy_benchmark(input_shape),
    }
    scores = balanced_scores(results)
    return {
        "base_model": base,
        "base_metrics": _of(base, results),
        "optimized_results": {name: _of(name, results) for name in others},
        "improvements": {name: _improvements(_of(base, results), _of(name, results)) for name in others},
        "efficiency_metrics": {name: _efficiency(_of(name, results), scores.get(name)) for name in others},
        "recommendations": recommendations(results),
    }


def _of(name: str, results: Mapping[str, Results]) -> dict[str, BenchmarkResult]:
    return {metric: found[name] for metric, found in results.items()}


def _improvements(base: Mapping[str, BenchmarkResult], other: Mapping[str, BenchmarkResult]) -> dict[str, Any]:
    return {
        **_speedup(base["latency"], other["latency"]),
        "memory_reduction": _ratio(base["memory"], other["memory"]),
        "accuracy_retention": _ratio(other["accuracy"], base["accuracy"]),
        "energy_reduction": _ratio(base["energy"], other["energy"]),
        "unmeasured": _reasons(base) | _reasons(other),
    }


def _speedup(base: BenchmarkResult, other: BenchmarkResult) -> dict[str, float | None]:
    """Compare round by round: what slows the machine down for a while slows both."""
    rounds = zip(base.values, other.values, strict=True)
    estimate = sign_interval([math.log(before / after) for before, after in rounds])
    ends = {"": estimate.value, "_low": estimate.low, "_high": estimate.high}
    return {f"latency_speedup{end}": None if value is None else math.exp(value) for end, value in ends.items()}


def _ratio(above: BenchmarkResult, below: BenchmarkResult) -> float | None:
    if not above.is_measured or not below.is_measured or not below.mean:
        return None
    return above.mean / below.mean


def _reasons(results: Mapping[str, BenchmarkResult]) -> dict[str, str]:
    return {metric: result.metadata["reason"] for metric, result in results.items() if not result.is_measured}


def _efficiency(results: Mapping[str, BenchmarkResult], score: float | None) -> dict[str, float | None]:
    accuracy = results["accuracy"]
    return {
        "accuracy_per_ms": _ratio(accuracy, results["latency"]),
        "accuracy_per_mb": _ratio(accuracy, results["memory"]),
        "balanced_score": score,
    }
