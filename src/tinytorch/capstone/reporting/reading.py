"""A submission as a report reads it: valid, of the current version, its parts at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.statistics import Verdict
from tinytorch.capstone.record import unpack_integers, upgraded
from tinytorch.capstone.reporting.markup import shown
from tinytorch.capstone.reporting.texts import value_of
from tinytorch.capstone.validation import problems
from tinytorch.capstone.verdicts import verdict_of
from tinytorch.errors import SubmissionError

__all__ = ["ModelRead", "Reading", "read"]

Object = Mapping[str, Any]
LONGEST_NAME = 48
SECONDS = 1e-9


@dataclass(frozen=True, slots=True)
class ModelRead:
    """One model of a submission.

    Attributes:
        part: `baseline` or `optimized`.
        content: What the submission says of it.
    """

    part: str
    content: Object

    @property
    def name(self) -> str:
        """What readers call it, short enough for a sentence."""
        return shown(self.content["model_name"], LONGEST_NAME)

    @property
    def metrics(self) -> Object:
        """What was measured of it."""
        found: Object = self.content["metrics"]
        return found

    @property
    def samples(self) -> Object:
        """Its raw numbers; nothing where they were not kept."""
        return self.content.get("samples") or {}

    def value(self, metric: str) -> float | None:
        """Give a metric's number; none where it has none."""
        return value_of(self.metrics.get(metric))

    def latencies(self) -> NDArray[np.float64]:
        """Give the time of each single call in order, in seconds; empty where they were not kept."""
        packed = self.samples.get("latency_nanoseconds")
        whole = np.zeros(0, np.int64) if packed is None else unpack_integers(packed)
        return whole.astype(np.float64) * SECONDS


@dataclass(frozen=True, slots=True)
class Reading:
    """A valid submission.

    Attributes:
        document: In the current version.
        folder: Where the files of its models lie; none where they are not at hand.
    """

    document: Object
    folder: Path | None = None

    @property
    def baseline(self) -> ModelRead:
        """The model before."""
        return ModelRead("baseline", self.document["baseline"])

    @property
    def optimized(self) -> ModelRead | None:
        """The model after; none where the baseline stands alone."""
        return ModelRead("optimized", self.document["optimized"]) if "optimized" in self.document else None

    @property
    def models(self) -> tuple[ModelRead, ...]:
        """Both models, or the only one."""
        return (self.baseline, self.optimized) if self.optimized else (self.baseline,)

    @property
    def subject(self) -> ModelRead:
        """The model that the submission is about: the optimized one, if there is one."""
        return self.models[-1]

    @property
    def comparison(self) -> Object | None:
        """The two side by side; none where that was not measured."""
        return self.document.get("comparison")

    @property
    def verdict(self) -> Verdict | None:
        """What the raw rounds say, judged again."""
        return verdict_of(self.comparison) if self.comparison else None

    def part(self, name: str) -> Object:
        """Give a part that may be absent or null: then nothing."""
        return self.document.get(name) or {}

    def extension(self, name: str) -> Object:
        """Give an extension that is an object; nothing where it is absent or anything else."""
        found = self.part("extensions").get(name)
        return found if isinstance(found, Mapping) else {}

    def notes(self) -> Sequence[str]:
        """List what its author wants to be known."""
        return self.document.get("notes") or ()


def read(document: Object, folder: Path | None = None) -> Reading:
    """Read a submission of any version, with the folder of its files if they are at hand.

    Raises:
        SubmissionError: If it is not valid: a report of wrong numbers would look like one of right ones.
    """
    found = problems(document)
    if found:
        lines = "\n".join(f"- {problem}" for problem in found)
        raise SubmissionError(f"a report is made of a valid submission only; this one has problems:\n{lines}", found)
    return Reading(upgraded(document), folder)
