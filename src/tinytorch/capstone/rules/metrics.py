"""The metrics of each model: computed again from its samples, and in an order that is possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tinytorch.capstone.documents import NOTHING, Problem, Steps
from tinytorch.capstone.rules.closeness import EXACT, follows, is_same, rounding, written
from tinytorch.capstone.rules.parts import inside, models

__all__ = [
    "check_batches",
    "check_intervals",
    "check_metrics",
    "check_order",
    "check_origins",
    "check_throughput",
    "declared_paths",
]

Object = dict[str, Any]

SEEN_BY_ALL = ("latency_mean_seconds", "throughput_single_samples_per_second")
ORDERED = tuple(f"latency_{name}_seconds" for name in ("min", "p50", "p90", "p99", "max"))
AROUND_THE_MEAN = tuple(f"latency_{name}_seconds" for name in ("min", "mean", "max"))
LATENCY_ESTIMATES = tuple(f"latency_{name}_seconds" for name in ("mean", "p50", "p90", "p99"))
ESTIMATES = ("accuracy", *LATENCY_ESTIMATES, "throughput_batch_samples_per_second")
SOURCES = {
    "accuracy": "samples.correct_count and samples.test_count",
    "throughput_batch_samples_per_second": "samples.batch_nanoseconds and protocol.batch_size",
}
LATENCIES = "samples.latency_nanoseconds"
MEMBERS = ("value", "low", "high", "confidence")
AGAIN = "Let `tinytorch run` compute it."


def check_metrics(submission: Object) -> Iterator[Problem]:
    """Accuracy, latencies and throughputs, with their intervals, follow from the samples."""
    from tinytorch.capstone.record.derived import derived_metrics

    for part, model in models(submission):
        metrics = inside(model, "metrics")
        if "samples" in model:
            for name, expected in derived_metrics(model, submission).items():
                if name in metrics:
                    source = SOURCES.get(name, LATENCIES)
                    yield from _differences((part, "metrics", name), metrics[name], expected, source)


def check_origins(submission: Object) -> Iterator[Problem]:
    """What follows from samples is called derived, and what nothing in the file shows is called declared."""
    for part, model in models(submission):
        metrics = inside(model, "metrics")
        shown_ones = _shown_by(inside(model, "samples"))
        for name in ESTIMATES:
            estimate = metrics.get(name)
            if not estimate or "origin" not in estimate:
                continue
            shown = name in shown_ones
            if estimate["origin"] != ("derived" if shown else "declared"):
                rule = (
                    f"derived, as {SOURCES.get(name, LATENCIES)} show it"
                    if shown
                    else "declared, as no samples show it"
                )
                yield Problem((part, "metrics", name, "origin"), rule, estimate["origin"], "Call it so.")


def check_batches(submission: Object) -> Iterator[Problem]:
    """Times of batches stand beside the number of samples in a batch."""
    size = inside(submission, "protocol").get("batch_size")
    for part, model in models(submission):
        if size is None and "batch_nanoseconds" in inside(model, "samples"):
            steps, rule = ("protocol", "batch_size"), f"there, as {part}.samples.batch_nanoseconds are"
            yield Problem(steps, rule, NOTHING, "Add it.")


def check_throughput(submission: Object) -> Iterator[Problem]:
    """The throughput of single samples is 1 over the mean latency, but for the rounding of declared numbers."""
    source, name = SEEN_BY_ALL
    for part, model in models(submission):
        metrics = inside(model, "metrics")
        mean, given = inside(metrics, source).get("value"), metrics.get(name)
        if mean is None or given is None or follows(given, 1 / mean, EXACT):
            continue
        is_measured = "latency_nanoseconds" in inside(model, "samples")
        if is_measured or not follows(given, 1 / mean, rounding(given, mean)):
            yield Problem((part, "metrics", name), f"{1 / mean!r}, which is 1 / {source}", given, AGAIN)


def check_order(submission: Object) -> Iterator[Problem]:
    """The percentiles rise, and they and the mean lie between the shortest and the longest time."""
    for part, model in models(submission):
        metrics = inside(model, "metrics")
        for names in (ORDERED, AROUND_THE_MEAN):
            values = [_value_of(metrics.get(name)) for name in names]
            if None in values or values != sorted(values):
                yield from _descents((part, "metrics"), metrics, names)


def check_intervals(submission: Object) -> Iterator[Problem]:
    """Each interval holds its value, and where there is no value a reason says why."""
    for part, model in models(submission):
        metrics = inside(model, "metrics")
        for name in ESTIMATES:
            estimate = metrics.get(name)
            if estimate and not _is_in_order(estimate):
                yield from _disorder((part, "metrics", name), estimate)


def declared_paths(submission: Object) -> list[str]:
    """List the estimates of a valid submission that nothing in it shows, as its author says.

    Example:
        >>> declared_paths({"baseline": {"metrics": {"accuracy": {"value": 0.9, "origin": "declared"}}}})
        ['$.baseline.metrics.accuracy']
    """
    return [
        f"$.{part}.metrics.{name}"
        for part, model in models(submission)
        for name in ESTIMATES
        if isinstance(estimate := inside(model, "metrics").get(name), dict) and estimate["origin"] == "declared"
    ]


def _differences(steps: Steps, given: Any, expected: Any, source: str) -> Iterator[Problem]:
    if not isinstance(expected, dict):
        if not is_same(given, expected):
            yield Problem(steps, f"{written(expected)}, which follows from {source}", given, AGAIN)
    elif given is None:
        yield Problem(steps, f"an estimate, which follows from {source}", None, AGAIN)
    else:
        for name in MEMBERS:
            if name in given:
                yield from _differences((*steps, name), given[name], expected[name], source)


def _descents(steps: Steps, metrics: Object, names: Sequence[str]) -> Iterator[Problem]:
    lower, least = "", 0.0
    for name in names:
        metric = metrics.get(name)
        value = _value_of(metric)
        if value is None:
            continue
        if least > value * (1 + EXACT):
            place = (*steps, name, "value") if isinstance(metric, dict) else (*steps, name)
            yield Problem(place, f"at least {lower}, {least!r}", value, "Compute both from the same samples.")
        lower, least = name, value


def _value_of(metric: Any) -> Any:
    return metric.get("value") if isinstance(metric, dict) else metric


def _shown_by(samples: Object) -> set[str]:
    """Name the estimates that samples show."""
    if not samples:
        return set()
    shown = {"accuracy"} if samples.keys() >= {"correct_count", "test_count"} else set()
    shown |= {"throughput_batch_samples_per_second"} if "batch_nanoseconds" in samples else set()
    return shown | (set(LATENCY_ESTIMATES) if "latency_nanoseconds" in samples else set())


def _is_in_order(estimate: Object) -> bool:
    """Say of most estimates, fast, that nothing is wrong with them."""
    value, low, high = estimate.get("value"), estimate.get("low"), estimate.get("high")
    return value is not None and (low is None or low <= value) and (high is None or value <= high)


def _disorder(steps: Steps, estimate: Object) -> Iterator[Problem]:
    value, low, high = estimate.get("value"), estimate.get("low"), estimate.get("high")
    middle = high if value is None else value
    if low is not None and middle is not None and low > middle + EXACT * abs(middle):
        yield Problem((*steps, "low"), f"at most {middle!r}", low, AGAIN)
    if value is not None and high is not None and high < value - EXACT * abs(value):
        yield Problem((*steps, "high"), f"at least {value!r}", high, AGAIN)
    if value is None and "value" in estimate and "reason" not in estimate:
        yield Problem((*steps, "reason"), "there where the value is null", NOTHING, "Say why there is none.")
