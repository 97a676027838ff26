"""Accuracy counted again: class by class, and what a tie is."""

import numpy as np
import pytest

from tinytorch.capstone.bundle.accuracy import FLOAT_TIE, STEP_TIE, recount, tie_of
from tinytorch.capstone.bundle.agreement import Answer

LABELS = np.array([0, 1, 2, 0])
SCORES = np.array([[3.0, 0, 0], [0, 3.0, 0], [0, 0, 3.0], [0, 3.0, 0]], np.float32)
CLASSES = np.array([0, 1, 2, 1])


def test_the_same_classes_are_reproduced():
    """With the count that follows."""
    found = recount(SCORES, LABELS, {"predictions": CLASSES, "correct_count": 3, "test_count": 4})
    assert (found.answer, found.correct, found.total, found.details()) == (Answer.REPRODUCED, 3, 4, [])
    assert found.reason == "every sample has the class that it has in the submission: 3 of 4 right"


def test_another_class_is_not_reproduced():
    """Even where as many are right: the sample is named, with both classes and how far apart their scores are."""
    found = recount(SCORES, LABELS, {"predictions": np.array([1, 1, 2, 0])})
    assert found.answer is Answer.NOT_REPRODUCED
    assert "2 of 4 samples have another class than in the submission, 0 of them ties: 3 of 4 right" in found.reason
    assert found.details() == [
        "sample 0: 1 in the submission, 0 here, 1 apart",
        "sample 3: 0 in the submission, 1 here, 1 apart",
    ]


def test_a_tie_is_a_matter_of_rounding():
    """Two scores nearer than sums in another order may come out: told, and no contradiction."""
    scores = SCORES.copy()
    scores[3] = [3.0, 3.0 * (1 + FLOAT_TIE / 2), 0]
    found = recount(scores, LABELS, {"predictions": np.array([0, 1, 2, 0])})
    assert found.answer is Answer.REPRODUCED
    assert "1 of 4 samples have another class, all of them ties that rounding decides" in found.reason
    assert "sums in another order round otherwise" in found.details()[0]


def test_beyond_a_tie_is_another_class():
    """Just beyond."""
    scores = SCORES.copy()
    scores[3] = [3.0, 3.0 * (1 + 2 * FLOAT_TIE), 0]
    assert recount(scores, LABELS, {"predictions": np.array([0, 1, 2, 0])}).answer is Answer.NOT_REPRODUCED
    assert recount(scores, LABELS, {"predictions": np.array([0, 1, 2, 0])}, STEP_TIE).answer is Answer.REPRODUCED


def test_a_class_that_there_is_not_is_no_tie():
    """Not even of scores that are all the same."""
    found = recount(np.zeros((4, 3)), LABELS, {"predictions": np.array([0, 0, 0, 7])})
    assert found.answer is Answer.NOT_REPRODUCED
    assert found.details() == ["sample 3: 7 in the submission, 0 here, inf apart"]


def test_many_differences_are_told_in_part():
    """Ten of them, and how many more."""
    found = recount(np.tile(SCORES, (10, 1)), np.tile(LABELS, 10), {"predictions": np.full(40, 2)})
    assert len(found.details()) == 11
    assert found.details()[-1] == "and 20 more samples"


@pytest.mark.parametrize(("said", "expected"), [(3, Answer.REPRODUCED), (4, Answer.NOT_REPRODUCED)])
def test_without_classes_the_counts_have_to_do(said, expected):
    """They are the same, or differ by no more than there are ties."""
    found = recount(SCORES, LABELS, {"correct_count": said})
    assert found.answer is expected
    assert f"3 of 4 right, {said} in the submission, which kept no classes" in found.reason
    scores = SCORES.copy()
    scores[0] = 0
    assert recount(scores, LABELS, {"correct_count": 4}).answer is Answer.REPRODUCED


def test_labels_that_are_not_those_of_the_data_are_found_out():
    """The classes are the same, and more of them are said to be right."""
    found = recount(SCORES, LABELS, {"predictions": CLASSES, "correct_count": 4})
    assert found.answer is Answer.NOT_REPRODUCED
    assert "3 of 4 are right, and 4 in the submission: its labels are not those of the data" in found.reason


def test_another_number_of_samples_is_another_set():
    """By the count, or by the classes."""
    for said in ({"test_count": 5}, {"predictions": CLASSES[:3]}):
        assert "another number of samples than the 4" in recount(SCORES, LABELS, said).reason


def test_without_anything_to_compare_nobody_can_tell():
    """A submission written by hand may have no count."""
    assert recount(SCORES, LABELS, {}).answer is Answer.CANNOT_TELL


def test_bytes_round_more_coarsely_than_floats():
    """A step of 127 may go either way."""
    assert tie_of(["compile.v1"]) == FLOAT_TIE
    assert tie_of(["quantize.int8.static.v1", "compile.v1"]) == STEP_TIE
