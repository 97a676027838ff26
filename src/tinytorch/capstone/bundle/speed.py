"""The speed-up, measured again: the two models side by side in fresh processes, in the form in which they were run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinytorch.benchmarking import Comparison, Design, Hooks, Subject, compare
from tinytorch.benchmarking.environment import processor
from tinytorch.benchmarking.statistics import Ratio
from tinytorch.capstone.bundle.agreement import OTHER_PROCESSOR, SAME_PROCESSOR, Agreement, Answer, agreement
from tinytorch.capstone.bundle.rebuilding import COMPILED
from tinytorch.capstone.verdicts import verdict_of
from tinytorch.errors import TinyTorchError

__all__ = ["Measured", "claimed_ratio", "margin_for", "measured_again", "names_of"]

MODELS = ("baseline", "optimized")
WORKLOAD = "tinytorch.capstone.bundle.rebuilding:workload"
SYSTEM = Path("/")


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of measuring again.

    Attributes:
        answer: What it says of the claim.
        reason: Why, in one sentence.
        claimed: The ratio in the submission, worked out of its raw rounds; none where it claims none.
        found: The ratio here; none where nothing was measured.
        agreement: The two beside each other; none where one is missing.
        comparison: The new measurement, with its raw rounds.
    """

    answer: Answer
    reason: str
    claimed: Ratio | None = None
    found: Ratio | None = None
    agreement: Agreement | None = None
    comparison: Comparison | None = None


@dataclass(frozen=True, slots=True)
class Files:
    """Where what is measured is.

    Attributes:
        models: The file of each model, by its part of the submission.
        inputs: The samples of one call, as `rebuilding.write_rows` wrote them.
        folders: Where a trusted factory is looked for.
    """

    models: Mapping[str, Path]
    inputs: Path
    folders: tuple[str, ...] = ()


def claimed_ratio(document: Mapping[str, Any]) -> Ratio | None:
    """Work the claimed speed-up out of the raw rounds of a submission; none where it has none."""
    comparison = document.get("comparison")
    return verdict_of(comparison).ratio if comparison and comparison.get("log_ratios") else None


def margin_for(document: Mapping[str, Any], here: str | None) -> float:
    """Say how much the machine may change the ratio: little where the processor is of the same model.

    Args:
        document: The submission, in version 2.
        here: The model of the processor here; none where it is not known.

    Example:
        >>> margin_for({"environment": {"system_info": {"cpu_model": "A 1"}}}, "A 1")
        0.05
    """
    there = document.get("environment", {}).get("system_info", {}).get("cpu_model")
    return SAME_PROCESSOR if there and there == here else OTHER_PROCESSOR


def processor_here() -> str | None:
    """Name the model of this machine's processor."""
    try:
        found = processor.model(SYSTEM)
    except (OSError, ValueError, LookupError):
        return None
    return found if isinstance(found, str) else None


def measured_again(
    document: Mapping[str, Any],
    files: Files,
    *,
    preset: str | Design = "standard",
    margin: float | None = None,
    hooks: Hooks | None = None,
) -> Measured:
    """Measure the speed-up of a submission here, and hold it beside the claim.

    Args:
        document: The submission, in version 2.
        files: Where its models are.
        preset: How much is measured.
        margin: How much the machine may change the ratio; by default as `margin_for` says.
        hooks: What the comparison is given from outside.
    """
    claimed = claimed_ratio(document)
    if claimed is None:
        told = "the submission compares its models nowhere but in one process, without raw rounds or an interval"
        return Measured(Answer.CANNOT_TELL, told)
    if lacking := kernels_missing(document):
        return Measured(Answer.CANNOT_TELL, lacking, claimed)
    try:
        found = compare(*(_subject(document, part, files) for part in MODELS), preset=preset, hooks=hooks)
    except TinyTorchError as error:
        told = f"the two could not be measured here: {' '.join(str(error).split())}"
        return Measured(Answer.CANNOT_TELL, told, claimed)
    allowed = margin if margin is not None else margin_for(document, processor_here())
    return _beside(claimed, found, allowed)


def kernels_missing(document: Mapping[str, Any]) -> str | None:
    """Say that what made the models fast there is not here; none where it is."""
    from tinytorch.perf.kernels import has_numba

    versions = document.get("environment", {}).get("system_info", {}).get("versions") or {}
    if versions.get("numba") and not has_numba():
        return f"the kernels were compiled with Numba {versions['numba']}, which is not here: pip install numba"
    return None


def names_of(document: Mapping[str, Any], part: str) -> list[str]:
    """Name the techniques of a model.

    Example:
        >>> names_of({"optimized": {"techniques": [{"name": "compile.v1"}]}}, "optimized")
        ['compile.v1']
    """
    return [technique["name"] for technique in document[part].get("techniques", [])]


def _subject(document: Mapping[str, Any], part: str, files: Files) -> Subject:
    arguments: dict[str, Any] = {"path": str(files.models[part]), "inputs": str(files.inputs)}
    arguments["compiled"] = COMPILED in names_of(document, part)
    if factory := document[part].get("factory"):
        arguments["factory"] = factory
    return Subject(document[part]["model_name"], WORKLOAD, arguments, paths=files.folders)


def _beside(claimed: Ratio, found: Comparison, margin: float) -> Measured:
    if not found.complete or not found.log_ratios():
        return Measured(Answer.CANNOT_TELL, "the comparison was broken off", claimed, comparison=found)
    ratio, width = found.ratio, found.certificate.half_width if found.certificate else 0.0
    beside = agreement(claimed, ratio, max(margin, width))  # nothing is told apart that the instrument cannot
    obstacles = list(_obstacles(found, width))
    answer = Answer.CANNOT_TELL if obstacles else beside.answer
    reason = "; ".join(obstacles) if obstacles else beside.reason
    return Measured(answer, reason, claimed, ratio, beside, found)


def _obstacles(found: Comparison, width: float) -> Iterator[str]:
    """Say what makes a measurement worth nothing, whatever it found."""
    yield from (f"{name} never settled here" for n, name in enumerate(found.names) if not found.is_steady(n))
    if width > OTHER_PROCESSOR:
        yield f"two identical models cannot be told apart here by less than {width:.0%}"
