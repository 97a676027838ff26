"""What a check found: one finding a question, and the answer that follows from all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from tinytorch.benchmarking.statistics import Ratio
from tinytorch.capstone.bundle.agreement import Answer
from tinytorch.capstone.bundle.speed import Measured

__all__ = ["Finding", "Verification", "answer_of"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question.

    Attributes:
        what: What was asked: `baseline: accuracy`, or `speed-up`.
        answer: What came of it.
        reason: Why, in one sentence.
        details: What else a reader may want to see, a sentence each.
    """

    what: str
    answer: Answer
    reason: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """What came of checking a bundle that is whole and valid.

    Attributes:
        findings: One a question, in the order in which they were asked.
        measured: The speed-up measured again; none where that was not asked for.
        signers: The names of the given keys that signed the submission.
        notes: What a reader should know.
        bundle_sha256: Which bundle it is about.
    """

    findings: tuple[Finding, ...]
    measured: Measured | None = None
    signers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    bundle_sha256: str = ""

    @property
    def answer(self) -> Answer:
        """The answer to all questions together."""
        return answer_of(finding.answer for finding in self.findings)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the answer is what it is: of the findings that decide it."""
        return tuple(f"{one.what}: {one.reason}" for one in self.findings if one.answer is self.answer)

    @property
    def intervals(self) -> dict[str, Any]:
        """The claimed speed-up, the one found here, and the change from one to the other, with 95 % intervals."""
        if self.measured is None:
            return {}
        beside = self.measured.agreement
        change = None if beside is None else {"value": beside.change, "low": beside.low, "high": beside.high}
        told = {"claimed": _interval(self.measured.claimed), "found": _interval(self.measured.found)}
        return told | {"change": change, "margin": None if beside is None else beside.margin}

    def to_dict(self) -> dict[str, Any]:
        """Give everything by name, as JSON holds it; with the raw rounds of the new measurement."""
        comparison = None if self.measured is None else self.measured.comparison
        return {
            "answer": str(self.answer),
            "reasons": list(self.reasons),
            "findings": [asdict(one) | {"answer": str(one.answer)} for one in self.findings],
            "speedup": self.intervals,
            "signers": list(self.signers),
            "notes": list(self.notes),
            "bundle_sha256": self.bundle_sha256,
            "comparison": None if comparison is None else comparison.to_dict(),
        }


def answer_of(answers: Iterable[Answer]) -> Answer:
    """Give one answer for many: one that is not reproduced decides, and then one that nobody can tell.

    Example:
        >>> answer_of([Answer.REPRODUCED, Answer.CANNOT_TELL]).value, answer_of([]).value
        ('cannot tell', 'cannot tell')
    """
    found = set(answers)
    for answer in (Answer.NOT_REPRODUCED, Answer.CANNOT_TELL):
        if answer in found:
            return answer
    return Answer.REPRODUCED if found else Answer.CANNOT_TELL


def _interval(ratio: Ratio | None) -> dict[str, float | None] | None:
    return None if ratio is None else {"value": ratio.value, "low": ratio.low, "high": ratio.high}
