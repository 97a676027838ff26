"""The rules of version 1: numbers beside raw samples follow from them, those that a person wrote may be rounded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from tinytorch.capstone.documents import Problem, Steps
from tinytorch.capstone.metrics import IMPROVEMENTS, ORDERED, Improvement, derived, improvements
from tinytorch.capstone.rules.closeness import (
    EXACT,
    LAST_BITS,
    ROUNDED,
    follows,
    half_unit,
    is_near,
    is_same,
    rounding,
    written,
)
from tinytorch.capstone.rules.dates import check_timestamp
from tinytorch.capstone.verdicts import derived_certificate, derived_comparison

__all__ = ["RULES"]

Object = dict[str, Any]
Rule = Callable[[Object], Iterator[Problem]]

ROUNDED_DELTA = 0.0005  # absolute: the same for a difference of ratios, half a tenth of a point
SOURCES = {"half_width": "low and high", "within_certificate": "log_ratios and certificate"}
OTHER_SOURCE: dict[Steps, str] = {
    ("comparison",): "log_ratios and margin",
    ("comparison", "certificate"): "its log_ratios",
}
AGAIN = "Let `tinytorch run` compute it."


def check_counts(submission: Object) -> Iterator[Problem]:
    """Refuse more right answers than there were questions."""
    for steps, metrics in _models(submission):
        correct, total = metrics.get("correct_count", 0), metrics.get("test_count", math.inf)
        if correct > total:
            yield Problem((*steps, "correct_count"), f"at most test_count, {total}", correct, "Count again.")


def check_derived(submission: Object) -> Iterator[Problem]:
    """Compute again what follows from raw numbers, and compare."""
    for steps, metrics in _models(submission):
        for name, expected in derived(metrics).items():
            if name in metrics and not follows(metrics[name], expected, _slack(metrics, name)):
                yield _contradiction((*steps, name), metrics[name], expected)


def check_throughput(submission: Object) -> Iterator[Problem]:
    """Hold the throughput to the mean latency, where there are no samples to compute both from."""
    name, source = "throughput_samples_per_sec", "latency_ms_mean"
    for steps, metrics in _models(submission):
        if name in metrics and source in metrics:
            expected = 1000 / metrics[source]
            if not follows(metrics[name], expected, _slack(metrics, name, source)):
                yield _contradiction((*steps, name), metrics[name], expected)


def check_order(submission: Object) -> Iterator[Problem]:
    """Refuse a p90 below the p50, and a mean outside of the extremes."""
    for steps, metrics in _models(submission):
        for names in (ORDERED, ("latency_ms_min", "latency_ms_mean", "latency_ms_max")):
            there = [name for name in names if metrics.get(name) is not None]
            for lower, upper in pairwise(there):
                if metrics[lower] > metrics[upper] * (1 + EXACT):
                    rule = f"at least {lower}, {metrics[lower]!r}"
                    yield Problem((*steps, upper), rule, metrics[upper], "Compute both from the same samples.")


def check_improvements(submission: Object) -> Iterator[Problem]:
    """Compute the improvements again from the two models' metrics."""
    claimed = submission.get("improvements", {})
    models = dict(_models(submission))
    baseline, optimized = (models.get((part, "metrics"), {}) for part in ("baseline", "optimized"))
    expected = improvements(baseline, optimized)
    for improvement in IMPROVEMENTS:
        name = improvement.name
        if name in claimed and name in expected:
            slack = _claim_slack(improvement, claimed[name], baseline, optimized)
            if not is_near(claimed[name], expected[name], slack):
                yield _contradiction(("improvements", name), claimed[name], expected[name])


def check_comparison(submission: Object) -> Iterator[Problem]:
    """Judge the comparison of the two models, and its null run, again from their raw log ratios, and compare."""
    claimed = submission.get("comparison", {})
    null = claimed.get("certificate") or {}
    parts: tuple[tuple[Steps, Object, Object], ...] = (
        (("comparison",), claimed, derived_comparison(claimed)),
        (("comparison", "certificate"), null, derived_certificate(null)),
    )
    for steps, given, expected in parts:
        for name, value in expected.items():
            if name in given and not is_same(given[name], value):
                rule = f"{written(value)}, which follows from {SOURCES.get(name, OTHER_SOURCE[steps])}"
                yield Problem((*steps, name), rule, given[name], AGAIN)


def _models(submission: Object) -> Iterator[tuple[Steps, Object]]:
    for part in ("baseline", "optimized"):
        if "metrics" in submission.get(part, {}):
            yield (part, "metrics"), submission[part]["metrics"]


def _claim_slack(improvement: Improvement, claimed: float, baseline: Object, optimized: Object) -> float:
    """Say how far, absolutely, rounding by hand may have moved an improvement."""
    source, measured = improvement.source, _is_measured(baseline) and _is_measured(optimized)
    half = 0.0 if measured else half_unit(claimed)
    if source == "accuracy":
        return min(half, ROUNDED_DELTA) + LAST_BITS
    relative = half / claimed + _slack(baseline, source) + _slack(optimized, source)
    return claimed * min(relative, EXACT if measured else ROUNDED)


def _slack(metrics: Object, *names: str) -> float:
    """Say how far, relatively, rounding may have moved what is computed from these metrics."""
    if _is_measured(metrics):
        return EXACT
    return rounding(*(metrics[name] for name in names))


def _is_measured(metrics: Object) -> bool:
    return "latency_samples_ns" in metrics


def _contradiction(steps: Steps, given: object, expected: float | None) -> Problem:
    rule = f"{written(expected)}, which follows from the other metrics"
    return Problem(steps, rule, given, "Let the report compute it.")


RULES: tuple[Rule, ...] = (
    check_timestamp,
    check_counts,
    check_derived,
    check_throughput,
    check_order,
    check_improvements,
    check_comparison,
)
