"""Checking a bundle on another machine: is it whole and signed, is it what it says, and is its claim true here too?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tinytorch.benchmarking import Design, Hooks, Progress
from tinytorch.capstone.bundle.accuracy import recount, tie_of
from tinytorch.capstone.bundle.agreement import OTHER_PROCESSOR, Answer
from tinytorch.capstone.bundle.authenticity import artifact_problems, refuse, signed_by
from tinytorch.capstone.bundle.findings import Finding, Verification, answer_of
from tinytorch.capstone.bundle.layout import SUBMISSION
from tinytorch.capstone.bundle.reading import opened
from tinytorch.capstone.bundle.rebuilding import write_rows
from tinytorch.capstone.bundle.samples import KnownSamples, known_samples
from tinytorch.capstone.bundle.speed import Files, Measured, measured_again, names_of
from tinytorch.capstone.bundle.witness import Request, Testimony, heard
from tinytorch.errors import TinyTorchError

__all__ = ["Checks", "verify"]

PARTS = ("baseline", "optimized")
INPUTS, ONE = ".inputs", ".one"  # no file of a bundle begins with a dot
FACTS = ("architecture", "parameter_sha256", "parameter_count", "stored_bytes")
UNTRUSTED = "it is made by {}, which is code of a stranger: give --trust-code to run it"


@dataclass(frozen=True, slots=True)
class Checks:
    """How a bundle is to be checked.

    Attributes:
        preset: How much is measured: `quick`, `standard` or `rigorous`, or a design of your own.
        speed: Whether the speed-up is measured again at all.
        trust_code: Whether a factory that a submission names is imported and run.
        public_keys: One of them must have signed the submission; none asks for no signature.
        margin: How much the machine may change the speed-up, as a share; none follows from the processors.
        data: Where the data set is, if it is not to be looked for.
        hooks: What is told of progress, and what stands in for processes and clocks in tests.
    """

    preset: str | Design = "standard"
    speed: bool = True
    trust_code: bool = False
    public_keys: tuple[Any, ...] = ()
    margin: float | None = None
    data: str | None = None
    hooks: Hooks = field(default_factory=Hooks)

    def tell(self, stage: str, step: int, total: int) -> None:
        """Say how far it is."""
        self.hooks.on_progress(Progress(stage, step, total))


def verify(bundle: str | os.PathLike[str], checks: Checks | None = None) -> Verification:
    """Check a bundle: its hashes and signature, the submission's rules, its models, their accuracy and the speed-up.

    Raises:
        DataError: If the file cannot be read.
        SubmissionError: If it is refused before anything is measured: it is not sound, not signed with a key given, the
            submission breaks its rules, or its models are not the files it names. It lists all that is wrong.
    """
    how = checks or Checks()
    with opened(bundle) as sound, tempfile.TemporaryDirectory(prefix="tinytorch-") as name:
        folder = Path(name)
        how.tell("unpacking", 0, 1)
        sound.extract(folder)
        document = _valid(folder / SUBMISSION)
        signers, notes = signed_by(folder, document, how.public_keys)
        refuse(list(artifact_problems(_upgraded(document), sound.entries)))
        found = _Check(_upgraded(document), folder, how).verification()
        return replace(found, signers=signers, notes=(*notes, *found.notes), bundle_sha256=sound.sha256)


@dataclass(slots=True)
class _Check:
    """The questions to one submission, once it was found whole and valid."""

    document: Mapping[str, Any]
    folder: Path
    how: Checks
    samples: KnownSamples | None = None
    unknown: str = "the submission names no data set"
    found: list[Finding] = field(default_factory=list)

    def verification(self) -> Verification:
        """Ask one after the other."""
        self._load_samples()
        parts = [part for part in PARTS if part in self.document]
        for number, part in enumerate(parts):
            self.how.tell(f"examining the {part}", number, len(parts))
            self.found += self._about(part)
        measured = self._speed() if self.how.speed and "optimized" in self.document else None
        if measured is not None:
            self.found.append(Finding("speed-up", measured.answer, measured.reason, tuple(_warnings(measured))))
        return Verification(tuple(self.found), measured, notes=tuple(self._notes(measured)))

    def _load_samples(self) -> None:
        if not self.document.get("dataset"):
            return
        try:
            self.samples = known_samples(self.document["dataset"], self.how.data)
        except TinyTorchError as error:
            self.unknown = f"its data set cannot be had here: {error}"
            return
        write_rows(self.folder / INPUTS, self.samples.inputs)
        write_rows(self.folder / ONE, self.samples.inputs[:1])

    def _about(self, part: str) -> Iterator[Finding]:
        """Examine a model, and count again what it gets right."""
        what = f"{part}: model"
        if obstacle := self._obstacle(part):
            yield Finding(what, Answer.CANNOT_TELL, obstacle)
            return
        try:
            found = heard(self._request(part))
        except TinyTorchError as error:
            yield Finding(what, Answer.NOT_REPRODUCED, f"it cannot be rebuilt: {error}")
            return
        yield _identity(self.document[part], found, what)
        yield self._accuracy(part, found)

    def _obstacle(self, part: str) -> str | None:
        model = self.document[part]
        if not model.get("artifact"):
            return "its file is not in the bundle"
        if not model["artifact"]["path"].lower().endswith(".safetensors"):
            return "its file is not in TinyTorch's form (safetensors), which is the only one that is run here"
        if model.get("factory") and not self.how.trust_code:
            return UNTRUSTED.format(model["factory"])
        return None

    def _request(self, part: str) -> Request:
        model = self.document[part]
        original = part == "optimized" and self._obstacle("baseline") is None and not model.get("factory")
        return Request(
            path=str(self.folder / model["artifact"]["path"]),
            inputs=None if self.samples is None else str(self.folder / INPUTS),
            techniques=[(one["name"], one.get("options") or {}) for one in model.get("techniques") or []],
            original=str(self.folder / self.document["baseline"]["artifact"]["path"]) if original else None,
            factory=model.get("factory"),
            folders=self._folders(),
        )

    def _folders(self) -> tuple[str, ...]:
        return (str(Path.cwd()),) if self.how.trust_code else ()

    def _accuracy(self, part: str, found: Testimony) -> Finding:
        what = f"{part}: accuracy"
        if self.samples is None or found.scores is None:
            return Finding(what, Answer.CANNOT_TELL, self.unknown)
        said = _said(self.document[part], len(self.samples.labels))
        again = recount(found.scores, self.samples.labels, said, tie_of(names_of(self.document, part)))
        return Finding(what, again.answer, again.reason, tuple(again.details()))

    def _speed(self) -> Measured:
        answer = answer_of(finding.answer for finding in self.found)
        if answer is Answer.NOT_REPRODUCED:
            return Measured(Answer.CANNOT_TELL, "it was not measured, as the models are not what was claimed")
        obstacles = [f"the {part}: {obstacle}" for part in PARTS if (obstacle := self._obstacle(part))]
        if self.samples is None:
            obstacles.append(self.unknown)
        if obstacles:
            return Measured(Answer.CANNOT_TELL, "; ".join(obstacles))
        models = {part: self.folder / self.document[part]["artifact"]["path"] for part in PARTS}
        files = Files(models, self.folder / ONE, self._folders())
        how = self.how
        return measured_again(self.document, files, preset=how.preset, margin=how.margin, hooks=how.hooks)

    def _notes(self, measured: Measured | None) -> Iterator[str]:
        if "optimized" in self.document and not self.how.speed:
            yield "The speed-up was not measured, as nobody asked for it."
        if measured is not None and measured.agreement is not None:
            there = self.document.get("environment", {}).get("system_info", {}).get("cpu_model") or "an unknown one"
            yield f"The claim was measured on this processor: {there}."
        if measured is not None and (told := _exaggeration(self.document, measured)):
            yield told


def _valid(path: Path) -> Mapping[str, Any]:
    from tinytorch.capstone.submission import load_submission
    from tinytorch.capstone.validation import validate_submission_schema

    document = load_submission(path)
    validate_submission_schema(document)
    return document


def _upgraded(document: Mapping[str, Any]) -> Mapping[str, Any]:
    from tinytorch.capstone.record import upgraded

    return upgraded(document)


def _identity(model: Mapping[str, Any], found: Testimony, what: str) -> Finding:
    """Compare what a model is with what the submission says that it is."""
    said = {"architecture": model.get("architecture"), "parameter_sha256": model.get("parameter_sha256")}
    said |= {name: model["metrics"].get(name) for name in FACTS[2:]}
    wrong = [
        f"{name} is {_short(found.facts[name])} here, and {_short(said[name])} in the submission"
        for name in FACTS
        if said[name] is not None and found.facts[name] is not None and said[name] != found.facts[name]
    ]
    wrong += found.broken
    if wrong:
        return Finding(what, Answer.NOT_REPRODUCED, wrong[0], (*wrong[1:], *found.unchecked))
    held = "it is built as the submission says, and its techniques' claims hold"
    return Finding(what, Answer.REPRODUCED, held, found.unchecked)


def _said(model: Mapping[str, Any], total: int) -> dict[str, Any]:
    """Give what the submission says of a model's answers."""
    from tinytorch.capstone.record import unpack_labels

    samples, accuracy = model.get("samples") or {}, model["metrics"].get("accuracy") or {}
    said = {name: samples[name] for name in ("correct_count", "test_count") if name in samples}
    if samples.get("predictions"):
        said["predictions"] = unpack_labels(samples["predictions"])
    if "correct_count" not in said and accuracy.get("value") is not None:
        said["correct_count"] = round(accuracy["value"] * total)
    return said


def _exaggeration(document: Mapping[str, Any], measured: Measured) -> str | None:
    """Warn of the other speed-up in a submission, a ratio of two means, where it is far above what was found."""
    said, found = (document.get("improvements") or {}).get("speedup"), measured.found
    if said is None or found is None or found.high is None or said <= found.high * (1 + OTHER_PROCESSOR):
        return None
    told = f"improvements.speedup, {said:.3g}, is a ratio of two means of one process, which nobody can check"
    return f"{told}; it is far above what was found here."


def _warnings(measured: Measured) -> list[str]:
    return [] if measured.comparison is None else measured.comparison.warnings()


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
