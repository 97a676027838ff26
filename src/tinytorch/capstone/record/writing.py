"""A record made of what a workflow has: reports, models, predictions, the data, the protocol, a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tinytorch.benchmarking.adapters.architectures import described
from tinytorch.capstone.record.derived import derived_accuracy_comparison
from tinytorch.capstone.record.identity import parameter_sha256
from tinytorch.capstone.record.migration import upgraded
from tinytorch.capstone.record.packing import pack_labels
from tinytorch.capstone.submission import Report, generate_submission
from tinytorch.errors import DTypeError

__all__ = ["Circumstances", "Measured", "data_of", "record_of"]

Object = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A model with what was measured of it.

    Attributes:
        report: Its name and its metrics.
        model: As it is stored, before it is compiled: what it is known by; none for one that cannot be looked into.
        predictions: (N,) the class that it gave each test sample; none where they were not kept.
        techniques: What it was made by, in order: name, claim and options of each.
        artifact: The file it is in, as `artifact_of` gives it; none where it was not kept.
        factory: Code that makes it, `package.module:make`, for a model that is not made of built-in layers.
    """

    report: Report
    model: Any = None
    predictions: NDArray[Any] | None = None
    techniques: Sequence[Mapping[str, Any]] = ()
    artifact: Mapping[str, Any] | None = None
    factory: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Circumstances:
    """What is true of the whole record.

    Attributes:
        author: Whose work it is.
        dataset: What the models were judged on, as `data_of` gives it.
        protocol: What was decided beforehand: preset, seed, margin of accuracy, command.
        comparison: The two models side by side, as `side_by_side.section` gives it.
        attempts: How many attempts preceded this one, as a ledger gives it.
        notes: What a reader should know.
    """

    author: str | None = None
    dataset: Mapping[str, Any] | None = None
    protocol: Mapping[str, Any] | None = None
    comparison: Mapping[str, Any] | None = None
    attempts: Mapping[str, Any] | None = None
    notes: Sequence[str] = ()


def record_of(
    baseline: Measured, optimized: Measured | None = None, circumstances: Circumstances | None = None
) -> Object:
    """Make a document of version 2; whatever follows from raw numbers is computed here.

    It is not judged yet: `save_submission` does that.

    Raises:
        StateError: If a report has no metrics yet.
        RangeError: If a metric that improvements need is missing, or is not a finite number, or is 0 where it divides.

    Example:
        >>> import numpy as np
        >>> from tinytorch.capstone import BenchmarkReport, SimpleMLP
        >>> report, model = BenchmarkReport("small"), SimpleMLP()
        >>> _ = report.benchmark_model(model, np.ones((4, 10)), np.array([0, 1, 2, 0]), num_runs=6)
        >>> made = record_of(Measured(report, model))
        >>> made["schema_version"], made["baseline"]["metrics"]["stored_bytes"]
        ('2.0.0', 1132)
    """
    around = circumstances or Circumstances()
    names = [technique["name"] for technique in optimized.techniques] if optimized else []
    first = generate_submission(baseline.report, optimized.report if optimized else None, around.author, names)
    made = upgraded(first)
    for name, measured in (("baseline", baseline), ("optimized", optimized)):
        if measured is not None:
            made[name] = _identified(made[name], measured)
    made["protocol"] = dict(around.protocol or {}) | made.get("protocol", {})
    given = {name: getattr(around, name) for name in ("dataset", "comparison", "attempts")}
    made |= {name: dict(value) for name, value in given.items() if value is not None}
    made |= {"notes": list(around.notes)} if around.notes else {}
    accuracy = derived_accuracy_comparison(made)
    return made | ({"accuracy_comparison": accuracy} if accuracy else {})


def data_of(name: str, labels: NDArray[Any], **known: Any) -> Object:
    """Describe the data that models were judged on, with the right class of each sample.

    Args:
        name: What the data set is called.
        labels: (N,) class indices from 0.
        known: What else a record's `dataset` has: version, split, split_seed, sha256, class_count.
    """
    return {"name": name} | known | {"sample_count": len(labels), "labels": pack_labels(labels)}


def _identified(part: Object, measured: Measured) -> Object:
    """Add to a model's metrics which model it is, and what it answered."""
    model = measured.model
    identity: Object = {
        "architecture": _architecture(model),
        "parameter_sha256": None if model is None or not hasattr(model, "state_dict") else parameter_sha256(model),
        "artifact": None if measured.artifact is None else dict(measured.artifact),
        "techniques": [dict(technique) for technique in measured.techniques],
    }
    identity |= {"factory": measured.factory} if measured.factory else {}
    samples = part.pop("samples", {})
    if measured.predictions is not None:
        samples["predictions"] = pack_labels(measured.predictions)
    return {"model_name": part["model_name"], **identity, "metrics": part["metrics"], "samples": samples}


def _architecture(model: Any) -> Object | None:
    try:
        return described(model)
    except DTypeError:  # of the user's own layers
        return None
