"""Accuracy, and whether another model keeps it."""

import numpy as np
import pytest

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.metrics import compare_accuracy, require_same_outputs
from tinytorch.benchmarking.metrics.accuracy import measure_accuracy
from tinytorch.benchmarking.outcomes import Outcomes
from tinytorch.errors import DataError, ShapeError

LABELS = np.arange(1000) % 10


def with_errors(*places):
    """Make outcomes that are wrong at some places."""
    classes = LABELS.copy()
    classes[list(places)] = (classes[list(places)] + 1) % 10
    return Outcomes.of(classes)


def test_the_classes_are_kept_packed_so_that_it_can_be_counted_again():
    """Four bits a sample, and the counts."""
    found = measure_accuracy(Case(judge=lambda: (with_errors(1, 2, 3), LABELS)))
    assert (found.raw["correct_count"], found.raw["test_count"], found.raw["bits"]) == (997, 1000, 4)
    again = Outcomes.from_dict(found.raw)
    assert int(again.is_right(LABELS).sum()) == 997


def test_the_interval_is_wilsons():
    """With which 1000 of 1000 is not certain."""
    estimate = measure_accuracy(Case(judge=lambda: (with_errors(), LABELS))).estimate
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == pytest.approx(1000 / (1000 + 1.959964**2))


@pytest.mark.parametrize(
    ("baseline", "candidate", "standing"),
    [
        ((), (), "non-inferior"),
        ((), range(3), "non-inferior"),
        ((), range(10), "undecided"),
        ((), range(40), "inferior"),
        (range(40), (), "non-inferior"),
        (range(100), range(100), "non-inferior"),
        (range(100), range(100, 200), "undecided"),
    ],
)
def test_a_point_of_accuracy_may_be_lost(baseline, candidate, standing):
    """The samples on which they differ decide, not the two shares."""
    assert compare_accuracy(with_errors(*baseline), with_errors(*candidate), LABELS).standing.value == standing


def test_the_margin_is_the_callers():
    """One point is the default."""
    pair = with_errors(), with_errors(*range(10))
    assert compare_accuracy(*pair, LABELS, margin=0.05).standing.value == "non-inferior"


def test_outcomes_of_other_samples_are_refused():
    """They cannot be paired."""
    with pytest.raises(ShapeError):
        compare_accuracy(with_errors(), Outcomes.of(LABELS[:10]), LABELS)


def test_speed_and_accuracy_of_one_model_have_the_same_outputs():
    """Their hashes agree, and are there."""
    require_same_outputs("ab", "ab")
    for timed, judged in (("ab", "cd"), (None, "ab"), ("ab", None), (None, None)):
        with pytest.raises(DataError, match="the outputs"):
            require_same_outputs(timed, judged)
