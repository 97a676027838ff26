"""Rounds removed by cause."""

import pytest

from tinytorch.benchmarking.statistics import clean, in_either, paired_ratio
from tinytorch.errors import RangeError, ShapeError

SESSIONS = [[0.1, 0.9, 0.12, 0.11], [0.1, 0.13, 0.1, 0.8], [0.1, 0.1, 0.11, 0.1]]
COLLECTED = [[False, True, False, False], [False] * 4, [False] * 4]
SWITCHED = [[False, True, False, False], [False, False, False, True], [True, False, False, False]]


def test_both_results_are_given():
    """With every round, and without those that a cause marks; a round counts once, each cause for itself."""
    found = clean(SESSIONS, {"gc": COLLECTED, "switch": SWITCHED})
    assert found.all_rounds == paired_ratio(SESSIONS)
    assert found.undisturbed == paired_ratio([[0.1, 0.12, 0.11], [0.1, 0.13, 0.1], [0.1, 0.11, 0.1]])
    assert (found.removed, found.removed_by) == (3, {"gc": 1, "switch": 3})


def test_a_large_value_alone_is_no_cause():
    """Nothing recorded, nothing removed."""
    found = clean(SESSIONS, {"gc": [[False] * 4] * 3})
    assert (found.undisturbed, found.removed, found.removed_by) == (found.all_rounds, 0, {"gc": 0})
    assert clean(SESSIONS, {}).undisturbed == paired_ratio(SESSIONS)


def test_a_session_that_was_disturbed_throughout_is_left_out():
    """The others still stand."""
    found = clean(SESSIONS, {"steal": [[True] * 4, [False] * 4, [False] * 4]})
    assert found.undisturbed == paired_ratio(SESSIONS[1:])
    assert found.removed == 4


def test_fewer_than_two_undisturbed_sessions_give_no_second_result():
    """It would bound nothing."""
    found = clean(SESSIONS, {"steal": [[True] * 4, [True] * 4, [False] * 4]})
    assert found.undisturbed is None
    assert found.all_rounds == paired_ratio(SESSIONS)


def test_the_confidence_reaches_both():
    """As asked."""
    found = clean(SESSIONS, {"gc": COLLECTED}, 0.8)
    assert (found.all_rounds.confidence, found.undisturbed.confidence) == (0.8, 0.8)


def test_a_cause_in_either_variant_marks_the_round():
    """So that a round goes as a whole, whichever variant was hit."""
    assert in_either([[True, False, False]], [[False, False, True]]) == [[True, False, True]]


@pytest.mark.parametrize("marks", [[[False] * 4] * 2, [[False] * 4, [False] * 3, [False] * 4]])
def test_a_cause_has_a_mark_for_every_round(marks):
    """Neither a session nor a round may be missing."""
    with pytest.raises(ShapeError, match="gc must be of one length"):
        clean(SESSIONS, {"gc": marks})
    with pytest.raises(ShapeError, match="the marks of both variants must be of one length"):
        in_either([[False] * 4] * 3, marks)


def test_sessions_are_checked_first():
    """As for a ratio."""
    with pytest.raises(RangeError, match="at least one"):
        clean([], {})
