"""What share of labelled samples a model gets right, and whether another gets as many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.metrics.metric import Finding, Measured, Metric, Unavailable
from tinytorch.benchmarking.outcomes import Outcomes
from tinytorch.benchmarking.statistics import NonInferiority, non_inferiority, wilson
from tinytorch.benchmarking.statistics.proportions import MARGIN
from tinytorch.errors import DataError, explain

__all__ = ["METRIC", "compare_accuracy", "measure_accuracy", "require_same_outputs"]

NAME, UNIT = "accuracy", "ratio"


def measure_accuracy(case: Case) -> Finding:
    """Count the samples whose class is their label; the classes are kept, packed, so that it can be counted again."""
    judged = None if case.judge is None else case.judge()
    if judged is None:
        return Unavailable(NAME, "accuracy needs labelled samples, and a model that gives their classes")
    outcomes, labels = judged
    right = int(outcomes.is_right(labels).sum())
    counts = {"correct_count": right, "test_count": outcomes.count}
    return Measured(NAME, UNIT, wilson(right, outcomes.count), raw=counts | outcomes.to_dict())


def compare_accuracy(
    baseline: Outcomes, candidate: Outcomes, labels: NDArray[Any], margin: float = MARGIN
) -> NonInferiority:
    """Judge whether the candidate loses no more than a margin of accuracy, on the same samples.

    Args:
        baseline: What one model said of each sample.
        candidate: What the other said.
        labels: (N,) the right classes.
        margin: The loss that is allowed; one point by default.

    Raises:
        ShapeError: If the three are not of the same samples.

    Example:
        >>> labels = np.arange(1000) % 10
        >>> same = Outcomes.of(labels)
        >>> compare_accuracy(same, same, labels).standing.value
        'non-inferior'
    """
    before, after = baseline.is_right(labels), candidate.is_right(labels)
    cells = (before & after, before & ~after, ~before & after, ~before & ~after)
    both, only_baseline, only_candidate, neither = (int(np.count_nonzero(cell)) for cell in cells)
    return non_inferiority(both, only_baseline, only_candidate, neither, margin)


def require_same_outputs(timed: str | None, judged: str | None) -> None:
    """Make sure that speed and accuracy come from one model: that both runs gave the same outputs.

    Args:
        timed: The hash of the outputs of timed calls; none where they were not kept.
        judged: The hash of the outputs that accuracy was counted on.

    Raises:
        DataError: If either is missing, or they differ.
    """
    if timed is None or judged is None:
        raise DataError(explain("the outputs", "hashed in both runs", "no hash of one"))
    if timed != judged:
        remedy = "Judge and time the same model on the same inputs, in inference mode."
        raise DataError(explain("the outputs of the timed calls", f"those judged, {judged}", timed, remedy=remedy))


METRIC = Metric(NAME, UNIT, "more", (0.0, 1.0), measure_accuracy)
