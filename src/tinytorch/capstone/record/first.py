"""From version 1 to version 2: seconds for milliseconds, bytes for megabytes, estimates for loose ends of intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tinytorch.benchmarking.statistics import CONFIDENCE
from tinytorch.capstone.record.canonical import LARGEST_INTEGER
from tinytorch.capstone.record.derived import derived_improvements, derived_metrics
from tinytorch.capstone.record.packing import pack_integers
from tinytorch.capstone.record.resource import resource_of

__all__ = ["second_of_first"]

Object = dict[str, Any]
Part = Mapping[str, Any]

KEPT = ("tinytorch_version", "submission_type", "notes", "comparison")
MOVED = {"schema_version", "timestamp", "student_name", "system_info", "dataset", "baseline", "optimized"}
NEW = {"author", "environment", "protocol", "accuracy_comparison", "attempts", "extensions"}
PROTOCOL = ("timing_protocol", "blas_threads", "warmup_count", "batch_size")
UNSAID = "version 1 does not say why"
# name: (its name in version 1, the power of ten that its unit is shifted by)
NUMBERS = {
    "latency_std_seconds": ("latency_ms_std", -3),
    "latency_min_seconds": ("latency_ms_min", -3),
    "latency_max_seconds": ("latency_ms_max", -3),
    "throughput_single_samples_per_second": ("throughput_samples_per_sec", 0),
    "first_call_seconds": ("first_call_ms", -3),
    "clock_cost_seconds": ("clock_cost_ns", -9),
}
ESTIMATES = {
    "accuracy": ("accuracy", 0),
    "latency_mean_seconds": ("latency_ms_mean", -3),
    "latency_p50_seconds": ("latency_ms_p50", -3),
    "latency_p90_seconds": ("latency_ms_p90", -3),
    "latency_p99_seconds": ("latency_ms_p99", -3),
    "throughput_batch_samples_per_second": ("batch_throughput_samples_per_sec", 0),
}
SAMPLES = {"latency_samples_ns": "latency_nanoseconds", "batch_samples_ns": "batch_nanoseconds"}
COUNTS = ("correct_count", "test_count")
SAME = ("parameter_count", "peak_memory_bytes")
OF_A_MODEL = {"model_name", "metrics", "techniques_applied"}
TAKEN = {"architecture", "factory", "parameter_sha256", "artifact", "techniques", "samples", "extensions"}
RENAMED = {"stored_bytes", *NUMBERS, *ESTIMATES} - {"accuracy"}
SIZES = ("model_size_bytes", "model_size_mb")


def second_of_first(document: Part) -> Object:
    """Write a valid document of version 1 as one of version 2.

    What follows from raw samples is computed again, to all digits; what was written by hand is `declared`. Members that
    neither version knows stay where they were; those whose names version 2 has taken move to `extensions`.
    """
    protocol = _protocol(document)
    made: Object = {"schema_version": "2.0.0"}
    made |= {name: deepcopy(document[name]) for name in KEPT[:2] if name in document}
    made["timestamp"] = _utc(document["timestamp"])
    if "student_name" in document:
        made["author"] = {"name": document["student_name"]}
    made["environment"] = _environment(document["system_info"])
    dataset, unfit = _dataset(document)
    made |= {"dataset": dataset} if dataset else {}
    made |= {"protocol": protocol} if protocol else {}
    for part in ("baseline", "optimized"):
        if part in document:
            made[part] = _model(document[part], protocol)
    if "optimized" in document:
        said = document.get("improvements", {})
        made["improvements"] = deepcopy(dict(said)) | derived_improvements(made)
    made |= {name: deepcopy(document[name]) for name in KEPT[2:] if name in document}
    return made | _unknown(document, unfit)


def _protocol(document: Part) -> Object:
    metrics, comparison = document["baseline"]["metrics"], document.get("comparison", {})
    found = {name: comparison[name] for name in ("preset", "seed") if name in comparison}
    return found | {name: metrics[name] for name in PROTOCOL if name in metrics}


def _utc(text: str) -> str:
    """Write a time in UTC with a Z; without an offset it is UTC already."""
    given = datetime.fromisoformat(text)
    moment = (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _environment(system_info: Part) -> Object:
    found: Object = {"resource": resource_of(system_info), "system_info": deepcopy(dict(system_info))}
    git = system_info.get("git")
    if isinstance(git, Mapping) and _is_hex(git.get("commit"), 40, 64) and isinstance(git.get("is_dirty"), bool):
        digest = git.get("dirty_sha256")
        found["git"] = {"commit": git["commit"], "is_dirty": git["is_dirty"]}
        found["git"] |= {"dirty_sha256": digest if _is_hex(digest, 64) else None}
    return found


def _is_hex(value: Any, *lengths: int) -> bool:
    return isinstance(value, str) and len(value) in lengths and set(value) <= set("0123456789abcdef")


def _dataset(document: Part) -> tuple[Object, Object]:
    """Take over a description of the data that version 2 could have given; any other one is given apart, whole."""
    given = deepcopy(dict(document.get("dataset", {})))
    if "name" in given and all(_is_kept(name, value) for name, value in given.items()):
        return given, {}
    return {}, {"dataset": given} if given else {}


def _is_kept(name: str, value: Any) -> bool:
    if name in {"name", "version", "split"}:
        return isinstance(value, str) and bool(value)
    if name == "split_seed":
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_INTEGER
    return _is_hex(value, 64) if name == "sha256" else name not in {"sample_count", "class_count", "labels"}


def _model(part: Part, protocol: Part) -> Object:
    applied = [{"name": name} for name in part.get("techniques_applied", [])]
    samples, metrics = dict(_samples(part["metrics"])), part["metrics"]
    made = {"model_name": part["model_name"], "techniques": applied, "metrics": _metrics(metrics, protocol)}
    made |= {"samples": samples} if samples else {}
    made["metrics"] |= derived_metrics(made, {"protocol": {"batch_size": metrics.get("batch_size")}})
    others = {name: deepcopy(part[name]) for name in part if name not in OF_A_MODEL | TAKEN}
    unfit = {name: deepcopy(part[name]) for name in part if name in TAKEN}
    unfit |= {name: deepcopy(metrics[name]) for name in metrics if name in RENAMED}
    return made | others | ({"extensions": {"version_1": unfit}} if unfit else {})


def _samples(metrics: Part) -> Iterator[tuple[str, Any]]:
    for name in COUNTS:
        if name in metrics:
            yield name, metrics[name]
    for name, renamed in SAMPLES.items():
        if name in metrics:
            yield renamed, pack_integers(metrics[name])


def _metrics(metrics: Part, protocol: Part) -> Object:
    made: Object = {name: metrics[name] for name in SAME if name in metrics}
    made["stored_bytes"] = metrics.get("model_size_bytes") or max(1, round(metrics["model_size_mb"] * 1024**2))
    for name, (old, shift) in ESTIMATES.items():
        if old in metrics:
            made[name] = _estimate(metrics, old, shift)
    made |= {name: _shifted(metrics[old], shift) for name, (old, shift) in NUMBERS.items() if old in metrics}
    return made | {name: deepcopy(metrics[name]) for name in metrics if not _is_known(name, metrics, protocol)}


def _is_known(name: str, metrics: Part, protocol: Part) -> bool:
    """Say whether version 2 has a place for a metric: what differs between two models has none in the protocol."""
    if name in PROTOCOL:
        return bool(protocol.get(name, UNSAID) == metrics[name])
    if name == "num_runs":
        return "latency_samples_ns" in metrics
    simple = {*RENAMED, *SAME, *SIZES, *COUNTS, *SAMPLES, *(old for old, _ in NUMBERS.values())}
    ends = {f"{old}{end}" for old, _ in ESTIMATES.values() for end in ("", "_low", "_high", "_at_least")}
    return name in simple | ends


def _estimate(metrics: Part, name: str, shift: int) -> Object:
    value = metrics[name]
    low = metrics.get(f"{name}_low" if value is not None else f"{name}_at_least")
    ends = {"low": _shifted(low, shift), "high": _shifted(metrics.get(f"{name}_high"), shift)}
    made = {"value": _shifted(value, shift), **ends, "confidence": CONFIDENCE, "origin": "declared"}
    return made | ({} if value is not None else {"reason": UNSAID})


def _shifted(value: float | None, shift: int) -> float | None:
    """Move the point of a number and keep its digits: 0.3 ms are 0.0003 s, and not a last bit less."""
    return None if value is None else float(Decimal(repr(value)).scaleb(shift)) if shift else value


def _unknown(document: Part, unfit: Object) -> Object:
    known = {*KEPT, *MOVED, "improvements"}
    others = {name: deepcopy(document[name]) for name in document if name not in known | NEW}
    unfit = unfit | {name: deepcopy(document[name]) for name in document if name in NEW}
    return others | ({"extensions": {"version_1": unfit}} if unfit else {})
