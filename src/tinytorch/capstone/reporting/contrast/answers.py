"""Accuracy of two models, answer by answer, where both answered the same questions and kept what they said."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.statistics import NonInferiority, Standing, non_inferiority
from tinytorch.benchmarking.statistics.proportions import MARGIN
from tinytorch.capstone.record import unpack_labels
from tinytorch.capstone.reporting.contrast.findings import Finding, Verdict
from tinytorch.capstone.reporting.reading import Reading
from tinytorch.capstone.reporting.rows import ROWS
from tinytorch.capstone.reporting.sentences import margin_words, spoken
from tinytorch.capstone.reporting.texts import points_text

__all__ = ["accuracy_finding"]

ALPHA = 0.05
IDENTITY = ("name", "version", "split", "split_seed", "sha256")


def accuracy_finding(first: Reading, second: Reading) -> Finding:
    """Compare the answers of two models, or say why they cannot be compared."""
    row = next(row for row in ROWS if row.metric == "accuracy")
    texts = (row.cell(first.subject).line(), row.cell(second.subject).line())
    reason = _obstacle(first, second)
    if reason:
        return Finding(row.label, *texts, "refused", reason)
    margin = max(reading.part("protocol").get("accuracy_margin", MARGIN) for reading in (first, second))
    found = _judged(_right(first), _right(second), margin)
    difference = found.difference
    ends = f"{points_text(difference.low)} to {points_text(difference.high)}"
    said = f"{points_text(difference.value)} points, 95 % interval {ends}; McNemar's p is {spoken(found.p_value)}"
    return Finding(row.label, *texts, _verdict(found), f"{said}; {_standing(found)}", "paired")


def _obstacle(first: Reading, second: Reading) -> str:
    """Say what keeps the answers from being compared; nothing if they can be."""
    data = [reading.part("dataset") for reading in (first, second)]
    kept = [unpack_labels(part["labels"]) for part in data if part.get("labels")]
    if len(kept) == 2 and not np.array_equal(kept[0], kept[1]):
        return "they answered different questions: the labels differ"
    differing = [name for name in IDENTITY if len({part[name] for part in data if name in part}) > 1]
    if differing:
        return f"they answered different questions: the data differ by {', '.join(differing)}"
    answers = [reading.subject.samples.get("predictions") for reading in (first, second)]
    if len(kept) < 2 or None in answers:
        return "single answers were not kept by both: two accuracies without them bound no difference"
    return ""


def _right(reading: Reading) -> NDArray[np.bool_]:
    answers = unpack_labels(reading.subject.samples["predictions"])
    return answers == unpack_labels(reading.part("dataset")["labels"])


def _judged(first: NDArray[np.bool_], second: NDArray[np.bool_], margin: float) -> NonInferiority:
    both, first_only, second_only = (int(one.sum()) for one in (first & second, first & ~second, ~first & second))
    neither = len(first) - both - first_only - second_only
    return non_inferiority(both, first_only, second_only, neither, margin)


def _verdict(found: NonInferiority) -> Verdict:
    low, high = found.difference.low, found.difference.high
    if found.p_value >= ALPHA:
        is_within = low is not None and high is not None and -found.margin < low <= high < found.margin
        return "equal" if is_within else "undecided"
    return "better" if (found.difference.value or 0) > 0 else "worse"


def _standing(found: NonInferiority) -> str:
    """Say whether the second is shown to lose no more than the margin."""
    words = {
        Standing.NON_INFERIOR: "a loss of more than {} is ruled out",
        Standing.INFERIOR: "it loses more than {}",
        Standing.UNDECIDED: "a loss of more than {} is not ruled out",
    }
    return words[found.standing].format(margin_words(found.margin))
