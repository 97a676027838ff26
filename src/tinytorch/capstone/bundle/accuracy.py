"""Accuracy, measured again exactly: the class of every sample, one by one, beside those that the submission kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.capstone.bundle.agreement import Answer

__all__ = ["FLOAT_TIE", "STEP_TIE", "Difference", "Recount", "recount", "tie_of"]

# What a compiled model may differ by from itself, relative to its largest score; sums in another order differ by less.
FLOAT_TIE = 1e-5
# A model of bytes rounds activations to 127 steps: a last bit before the rounding may become a step behind it.
STEP_TIE = 1 / 127

MOST_LISTED = 10
TINY = 1e-38


@dataclass(frozen=True, slots=True)
class Difference:
    """A sample that is of another class here.

    Attributes:
        sample: Its place, from 0.
        recorded: The class that the submission has.
        found: The class here.
        gap: How far the scores of the two lie apart here, relative to the sample's largest score.
        is_tie: Whether so small a gap is a matter of rounding.
    """

    sample: int
    recorded: int
    found: int
    gap: float
    is_tie: bool

    def __str__(self) -> str:
        why = " (a tie: sums in another order round otherwise)" if self.is_tie else ""
        return f"sample {self.sample}: {self.recorded} in the submission, {self.found} here, {self.gap:.2g} apart{why}"


@dataclass(frozen=True, slots=True)
class Recount:
    """What a model gets right here, beside what the submission says.

    Attributes:
        answer: What came of it.
        reason: Why, in one sentence.
        correct: How many samples it gets right here.
        total: Out of how many.
        differences: Samples of another class, where the submission kept the classes.
    """

    answer: Answer
    reason: str
    correct: int
    total: int
    differences: tuple[Difference, ...] = ()

    def details(self) -> list[str]:
        """List the differences, but not hundreds of them."""
        listed = [str(one) for one in self.differences[:MOST_LISTED]]
        rest = len(self.differences) - len(listed)
        return [*listed, f"and {rest} more samples"] if rest else listed


def tie_of(techniques: Iterable[str]) -> float:
    """Say how near two scores must lie for their order to be a matter of rounding, relative to the largest.

    Example:
        >>> tie_of(["prune.units.v1"]), tie_of(["quantize.int8.dynamic.v1"]) > 0.001
        (1e-05, True)
    """
    return STEP_TIE if any(name.startswith("quantize.") for name in techniques) else FLOAT_TIE


def recount(scores: NDArray[Any], labels: NDArray[Any], said: Mapping[str, Any], tie: float = FLOAT_TIE) -> Recount:
    """Count again, and compare.

    Args:
        scores: (N, C), those of the model here.
        labels: (N,) in 0..C-1.
        said: What the submission has: `predictions`, (N,) or none; and `correct_count` and `test_count`, or none.
        tie: See `tie_of`.

    Example:
        >>> scores = np.array([[0.0, 1.0], [1.0, 0.0]])
        >>> recount(scores, np.array([1, 1]), {"predictions": np.array([1, 0]), "correct_count": 1}).answer.value
        'reproduced'
    """
    found = scores.argmax(axis=1)
    correct, total = int((found == labels).sum()), len(labels)
    counted = f"{correct} of {total} right"
    if said.get("test_count", total) != total or len(said.get("predictions", found)) != total:
        told = f"the submission is about another number of samples than the {total} there are"
        return Recount(Answer.NOT_REPRODUCED, told, correct, total)
    if said.get("predictions") is not None:
        differences = _differences(scores, found, said["predictions"], tie)
        again = _by_class(differences, counted, correct, total)
        return _by_both(again, said.get("correct_count"))
    if said.get("correct_count") is None:
        return Recount(Answer.CANNOT_TELL, "the submission has no count of right answers", correct, total)
    return _by_count(int(said["correct_count"]), _near(scores, tie), counted, correct, total)


def _by_class(differences: Sequence[Difference], counted: str, correct: int, total: int) -> Recount:
    ties = sum(one.is_tie for one in differences)
    if not differences:
        told = f"every sample has the class that it has in the submission: {counted}"
        return Recount(Answer.REPRODUCED, told, correct, total)
    if ties == len(differences):
        told = f"{ties} of {total} samples have another class, all of them ties that rounding decides: {counted}"
        return Recount(Answer.REPRODUCED, told, correct, total, tuple(differences))
    told = f"{len(differences)} of {total} samples have another class than in the submission, {ties} of them ties"
    return Recount(Answer.NOT_REPRODUCED, f"{told}: {counted}", correct, total, tuple(differences))


def _by_both(again: Recount, said: int | None) -> Recount:
    """Hold the count to the classes too: the labels that a submission has may not be those of the data."""
    if again.answer is not Answer.REPRODUCED or said is None or abs(again.correct - said) <= len(again.differences):
        return again
    told = f"every class is the same, but {again.correct} of {again.total} are right, and {said} in the submission"
    return replace(again, answer=Answer.NOT_REPRODUCED, reason=f"{told}: its labels are not those of the data")


def _by_count(said: int, ties: int, counted: str, correct: int, total: int) -> Recount:
    """Compare counts alone, which differ by no more than there are ties."""
    told = f"{counted}, {said} in the submission, which kept no classes"
    if abs(correct - said) <= ties:
        return Recount(Answer.REPRODUCED, told, correct, total)
    return Recount(Answer.NOT_REPRODUCED, f"{told}; {ties} samples are ties", correct, total)


def _differences(scores: NDArray[Any], found: NDArray[Any], said: NDArray[Any], tie: float) -> list[Difference]:
    rows = np.flatnonzero(found != said)
    return [_difference(scores[row], int(row), int(said[row]), int(found[row]), tie) for row in rows]


def _difference(row: NDArray[Any], sample: int, recorded: int, found: int, tie: float) -> Difference:
    if not 0 <= recorded < len(row):
        return Difference(sample, recorded, found, float("inf"), is_tie=False)
    gap = float(row[found] - row[recorded]) / max(float(np.abs(row).max()), TINY)
    return Difference(sample, recorded, found, gap, is_tie=gap <= tie)


def _near(scores: NDArray[Any], tie: float) -> int:
    """Count the samples whose two largest scores are as good as equal."""
    best = np.sort(scores, axis=1)[:, -2:]
    return int((best[:, 1] - best[:, 0] <= tie * np.abs(scores).max(axis=1)).sum())
