"""Every number of a record that follows from others, computed in one place: what writes a record and what judges it.

Each function takes a part of a document, gives what follows from it, and leaves out what cannot be had: a record
without raw samples has few numbers that follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.statistics import (
    Estimate,
    Samples,
    Standing,
    mean,
    non_inferiority,
    percentile,
    sample_std,
    t_interval,
    throughput_interval,
    wilson,
)
from tinytorch.capstone.provenance.inflation import best_of_inflation, standard_error
from tinytorch.capstone.record.packing import unpack_integers, unpack_labels
from tinytorch.capstone.verdicts import derived_certificate
from tinytorch.capstone.verdicts import derived_comparison as judged_comparison

__all__ = [
    "derived",
    "derived_accuracy_comparison",
    "derived_attempts",
    "derived_certificate",
    "derived_comparison",
    "derived_improvements",
    "derived_metrics",
    "derived_samples",
    "judged_answers",
    "value_of",
]

Object = dict[str, Any]
Part = Mapping[str, Any]

NANOSECONDS = 1e9
PERCENTILES = (50, 90, 99)


def derived(document: Part) -> Object:
    """Compute all that follows in a document: a part of one, of the same shape, that holds these numbers only.

    Example:
        >>> derived({"baseline": {"samples": {"correct_count": 1, "test_count": 2}}})["baseline"]["metrics"]["accuracy"]
        {'value': 0.5, 'low': 0.094..., 'high': 0.905..., 'confidence': 0.95, 'origin': 'derived'}
    """
    found: Object = {}
    labels = document.get("dataset", {}).get("labels")
    for part in ("baseline", "optimized"):
        if part in document:
            model = document[part]
            follows = {"samples": derived_samples(model, labels), "metrics": derived_metrics(model, document)}
            found[part] = {name: value for name, value in follows.items() if value}
    found["improvements"] = derived_improvements(document)
    found["comparison"] = derived_comparison(document.get("comparison") or {})
    found["accuracy_comparison"] = derived_accuracy_comparison(document)
    found["attempts"] = derived_attempts(document)
    return {name: value for name, value in found.items() if value}


def derived_samples(model: Part, labels: Part | None = None) -> Object:
    """Count the right answers among a model's predictions, where they and the labels were kept."""
    predictions = (model.get("samples") or {}).get("predictions")
    if predictions is None or labels is None:
        return {}
    right = _right(predictions, unpack_labels(labels))
    return {"correct_count": int(right.sum()), "test_count": len(right)}


def derived_metrics(model: Part, document: Part | None = None) -> Object:
    """Compute what follows from a model's samples: accuracy, latencies and throughputs, with their intervals.

    Args:
        model: The part `baseline` or `optimized`.
        document: The whole, whose protocol says how many samples a batch has.
    """
    samples, found = model.get("samples") or {}, {}
    if "test_count" in samples and samples.get("correct_count", samples["test_count"] + 1) <= samples["test_count"]:
        found["accuracy"] = _written(wilson(samples["correct_count"], samples["test_count"]))
    if "latency_nanoseconds" in samples:
        found |= _latency(unpack_integers(samples["latency_nanoseconds"]))
    size = ((document or {}).get("protocol") or {}).get("batch_size")
    if size and "batch_nanoseconds" in samples:
        times = Samples(tuple(unpack_integers(samples["batch_nanoseconds"]).tolist()))
        found["throughput_batch_samples_per_second"] = _written(throughput_interval(size, times))
    return found


def derived_improvements(document: Part) -> Object:
    """Compare two models' metrics: ratios of baseline to optimized, and the accuracy gained.

    Example:
        >>> before = {"stored_bytes": 4, "accuracy": {"value": 0.5}, "latency_mean_seconds": {"value": 0.5}}
        >>> after = before | {"stored_bytes": 1}
        >>> derived_improvements({"baseline": {"metrics": before}, "optimized": {"metrics": after}})
        {'speedup': 1.0, 'compression_ratio': 4.0, 'accuracy_delta': 0.0}
    """
    parts = [document.get(part, {}).get("metrics") or {} for part in ("baseline", "optimized")]
    found: Object = {}
    for name, source in (("speedup", "latency_mean_seconds"), ("compression_ratio", "stored_bytes")):
        before, after = (value_of(metrics.get(source)) for metrics in parts)
        if before is not None and after:
            found[name] = before / after
    before, after = (value_of(metrics.get("accuracy")) for metrics in parts)
    if before is not None and after is not None:
        found["accuracy_delta"] = after - before
    return found


def derived_comparison(comparison: Part) -> Object:
    """Judge a comparison again from its log ratios; with it, what follows of its certificate."""
    found = judged_comparison(comparison)
    certificate = derived_certificate(comparison.get("certificate") or {})
    return found | ({"certificate": certificate} if certificate else {})


def derived_attempts(document: Part) -> Object:
    """Compute what choosing the best of so many attempts would add, where the comparison's log ratios were kept."""
    attempts, comparison = document.get("attempts") or {}, document.get("comparison") or {}
    if "preceding" not in attempts or "log_ratios" not in comparison:
        return {}
    error = standard_error(comparison["log_ratios"])
    return {} if error is None else {"best_of_inflation": best_of_inflation(attempts["preceding"] + 1, error)}


def derived_accuracy_comparison(document: Part) -> Object:
    """Compare two models' answers to the same questions: exact McNemar, and Tango's interval of the difference.

    It takes the labels, the predictions of both models, and the margin that the protocol names.
    """
    labels, margin = document.get("dataset", {}).get("labels"), (document.get("protocol") or {}).get("accuracy_margin")
    parts = [(document.get(part, {}).get("samples") or {}) for part in ("baseline", "optimized")]
    if labels is None or margin is None or not all("predictions" in samples for samples in parts):
        return {}
    truth = unpack_labels(labels)
    baseline, optimized = (_right(samples["predictions"], truth) for samples in parts)
    if not len(truth) or not len(baseline) == len(optimized) == len(truth):
        return {}
    return _paired(baseline, optimized, margin)


def value_of(metric: Any) -> float | None:
    """Give the number that a metric is: itself, or the value of its estimate."""
    return metric.get("value") if isinstance(metric, Mapping) else metric


def _paired(baseline: NDArray[np.bool_], optimized: NDArray[np.bool_], margin: float) -> Object:
    counts = {
        "both_right": int((baseline & optimized).sum()),
        "only_baseline": int((baseline & ~optimized).sum()),
        "only_optimized": int((~baseline & optimized).sum()),
        "both_wrong": int((~baseline & ~optimized).sum()),
    }
    return counts | judged_answers(tuple(counts.values()), margin)


def judged_answers(counts: tuple[int, ...], margin: float) -> Object:
    """Compare two models by how many questions both, only the baseline, only the optimized one, and neither got right.

    Example:
        >>> judged_answers((90, 5, 5, 0), 0.01)["difference"]
        0.0
    """
    both, lost, gained, neither = counts
    found = non_inferiority(both, lost, gained, neither, margin)
    return {
        "mcnemar_p": found.p_value,
        "difference": found.difference.value,
        "low": found.difference.low,
        "high": found.difference.high,
        "confidence": found.difference.confidence,
        "margin": margin,
        "is_non_inferior": found.standing is Standing.NON_INFERIOR,
    }


def _right(predictions: Part, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say of each prediction whether it is right; of none, where there are more or fewer of them than labels."""
    given = unpack_labels(predictions)
    return given == labels if len(given) == len(labels) else np.zeros(0, bool)


def _latency(nanoseconds: NDArray[np.int64]) -> Object:
    seconds = (nanoseconds / NANOSECONDS).tolist()
    average = t_interval(seconds)
    found: Object = {
        "latency_mean_seconds": _written(average),
        "latency_std_seconds": sample_std(seconds),
        "latency_min_seconds": min(seconds),
        "latency_max_seconds": max(seconds),
        "throughput_single_samples_per_second": 1 / mean(seconds),
    }
    for percent in PERCENTILES:
        found[f"latency_p{percent}_seconds"] = _written(percentile(seconds, percent))
    return found


def _written(estimate: Estimate) -> Object:
    """Write an estimate as a record keeps it."""
    found: Object = {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "confidence": estimate.confidence,
        "origin": "derived",
    }
    return found | ({"reason": estimate.reason} if estimate.reason else {})
