"""The record of a submission, version 2: the source that the published schema, its page and both formats follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import JsonValue, model_validator
from pydantic import StringConstraints as Pattern

from tinytorch.capstone.documents import plain
from tinytorch.capstone.record.comparisons import AccuracyComparison, Attempts, Comparison, Improvements
from tinytorch.capstone.record.data import Dataset, Protocol
from tinytorch.capstone.record.fields import Absent, Part, Rule, Text
from tinytorch.capstone.record.machine import Environment
from tinytorch.capstone.record.models import Model

__all__ = ["Author", "Record"]

Version = Annotated[
    str,
    Pattern(pattern=r"^2\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})$"),
    Rule("a version from '2.0.0' up to below 3", "Upgrade tinytorch to check a newer submission."),
]
Moment = Annotated[
    str,
    Pattern(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"),
    Rule("an ISO 8601 date and time in UTC", "Write it as 2026-01-31T12:00:00Z."),
]


class Author(Part):
    """Whose work it is."""

    name: Text
    """What they are called."""


class Record(Part):
    """What one model, or two, were measured to be worth, and on what machine.

    Example:
        >>> metrics = {
        ...     "parameter_count": 283,
        ...     "stored_bytes": 1132,
        ...     "accuracy": {"value": 0.92, "low": None, "high": None, "confidence": 0.95, "origin": "declared"},
        ...     "latency_std_seconds": 0.00001,
        ...     "throughput_single_samples_per_second": 4000,
        ... }
        >>> metrics["latency_mean_seconds"] = metrics["accuracy"] | {"value": 0.00025}
        >>> made = {
        ...     "schema_version": "2.0.0",
        ...     "submission_type": "capstone_benchmark",
        ...     "tinytorch_version": "0.1.0",
        ...     "timestamp": "2026-01-31T12:00:00Z",
        ...     "environment": {"system_info": {"platform": "Linux", "python_version": "3.11.7"}},
        ...     "baseline": {"model_name": "mlp", "metrics": metrics},
        ... }
        >>> record = Record.model_validate(made)
        >>> record.baseline.metrics.stored_bytes, record.document() == made
        (1132, True)
    """

    dependent: ClassVar = {
        "optimized": ("improvements",),
        "improvements": ("optimized",),
        "comparison": ("optimized",),
        "accuracy_comparison": ("optimized",),
    }

    schema_version: Version
    """The version of the schema, as semantic versions go."""
    submission_type: Annotated[Literal["capstone_benchmark"], Rule("'capstone_benchmark'")]
    """What kind of record this is."""
    tinytorch_version: Text
    """The version of the package that measured."""
    timestamp: Moment
    """When the record was made, in UTC."""
    author: Absent[Author] = None
    """Whose work it is."""
    environment: Environment
    """Where it was made."""
    dataset: Absent[Dataset] = None
    """What the models were judged on."""
    protocol: Absent[Protocol] = None
    """How it was measured."""
    baseline: Model
    """The model before."""
    optimized: Absent[Model] = None
    """The model after the techniques were applied."""
    improvements: Absent[Improvements] = None
    """What that gained: there exactly when there is an optimized model."""
    comparison: Absent[Comparison] = None
    """The two side by side in fresh processes: the verdict on speed, and the raw log ratios it follows from."""
    accuracy_comparison: Absent[AccuracyComparison] = None
    """The two models' answers compared, question by question."""
    attempts: Absent[Attempts] = None
    """How many attempts preceded this one."""
    notes: Absent[Annotated[list[Text], Rule("a list of texts")]] = None
    """What a reader should know about these numbers."""
    extensions: Absent[Annotated[dict[str, JsonValue], Rule("an object")]] = None
    """Anything else, under names of one's own."""

    @model_validator(mode="before")
    @classmethod
    def _of_json(cls, document: Any) -> Any:
        """Let nothing in that JSON has not, not in unknown members either."""
        if not isinstance(document, Mapping):
            return document
        copy, found = plain(document)
        if found:
            raise ValueError("; ".join(str(problem) for problem in found))
        return copy
