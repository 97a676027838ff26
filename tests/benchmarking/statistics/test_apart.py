"""Ratios of runs measured apart."""

import math

import numpy as np
import pytest
from scipy import stats

from tinytorch.benchmarking.statistics import sequential_ratio, speedup_change
from tinytorch.errors import RangeError

BEFORE, AFTER = [2.0, 2.2, 1.9, 2.1], [1.0, 1.05, 0.9]


def freedom(before, after):
    """Welch's degrees of freedom of the difference at the ratio that was seen."""
    scale = np.mean(before) / np.mean(after)
    first, second = (np.var(run, ddof=1) / len(run) for run in (before, after))
    second *= scale**2
    return (first + second) ** 2 / (first**2 / (len(before) - 1) + second**2 / (len(after) - 1))


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize(("before", "after"), [(BEFORE, AFTER), (AFTER, BEFORE), ([5.0, 5.5], [1.0, 1.01, 1.02])])
def test_at_both_ends_the_difference_is_just_not_significant(before, after, confidence):
    """That is Fieller's definition: the ratios R at which mean(before) - R mean(after) may be 0."""
    ratio = sequential_ratio(before, after, confidence)
    t = stats.t.ppf((1 + confidence) / 2, freedom(before, after))
    assert ratio.value == pytest.approx(np.mean(before) / np.mean(after))
    assert ratio.low < ratio.value < ratio.high
    for end in (ratio.low, ratio.high):
        error = math.sqrt(np.var(before, ddof=1) / len(before) + end**2 * np.var(after, ddof=1) / len(after))
        assert abs(np.mean(before) - end * np.mean(after)) / error == pytest.approx(t)


def test_it_says_how_it_was_measured():
    """Apart, with no rounds in common."""
    ratio = sequential_ratio(BEFORE, AFTER)
    spread = math.sqrt(np.var(np.log(BEFORE), ddof=1) + np.var(np.log(AFTER), ddof=1))
    assert (ratio.protocol, ratio.sessions, ratio.rounds, ratio.rounds_per_block) == ("sequential", 3, 0, 1)
    assert (ratio.autocorrelation, ratio.confidence, ratio.reason) == (0.0, 0.95, None)
    assert ratio.session_sd == pytest.approx(spread)


def test_times_without_spread_are_a_ratio_without_width():
    """The same figure in every session."""
    ratio = sequential_ratio([3.0, 3.0], [1.5, 1.5])
    assert (ratio.low, ratio.value, ratio.high) == (2.0, 2.0, 2.0)


def test_one_run_without_spread_leaves_the_other_its_freedom():
    """Only the candidate varies: its two degrees of freedom are all there are."""
    ratio, t = sequential_ratio([2.0] * 9, [1.0, 1.1, 0.9]), stats.t.ppf(0.975, 2)
    assert ratio.low == pytest.approx(2 / (1 + t * 0.1 / math.sqrt(3)))
    assert ratio.high == pytest.approx(2 / (1 - t * 0.1 / math.sqrt(3)))


def test_a_candidate_that_may_take_no_time_has_no_upper_end():
    """Its mean cannot be told from 0, and that is said."""
    ratio = sequential_ratio([2.0, 2.1, 1.9], [0.1, 1.0, 0.01])
    assert ratio.low is not None
    assert ratio.high is None
    assert ratio.reason == "the mean time of the candidate cannot be told from 0"


def test_a_baseline_that_may_take_no_time_has_no_lower_end():
    """Likewise."""
    ratio = sequential_ratio([0.1, 1.0, 0.01], [2.0, 2.1, 1.9])
    assert (ratio.low, ratio.reason) == (None, "the mean time of the baseline cannot be told from 0")
    assert ratio.high is not None


def test_two_runs_that_tell_nothing_bound_nothing():
    """Both are named."""
    ratio = sequential_ratio([0.1, 1.0, 0.01], [0.1, 1.0, 0.01])
    assert (ratio.low, ratio.high) == (None, None)
    assert ratio.reason == "the mean time of the baseline and of the candidate cannot be told from 0"


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ([1.0], [1.0, 2.0], "the baseline's medians must be at least 2; got 1"),
        ([1.0, 2.0], [1.0], "the candidate's medians must be at least 2"),
        ([1.0, 0.0], [1.0, 2.0], "the baseline's medians must be positive; got 0.0 — at index 1"),
        ([1.0, 2.0], [math.nan, 2.0], "the candidate's medians must be finite"),
    ],
)
def test_impossible_times_are_refused(before, after, problem):
    """A median is a time above 0, and one session has no spread."""
    with pytest.raises(RangeError, match=problem):
        sequential_ratio(before, after)


def test_a_confidence_is_a_probability():
    """As everywhere."""
    with pytest.raises(RangeError, match="confidence"):
        sequential_ratio(BEFORE, AFTER, 1.0)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_a_change_of_speed_ups_has_welchs_interval(confidence):
    """On logarithms: the factor is that of the geometric means."""
    first, second = np.log(AFTER), np.log(BEFORE)
    change = speedup_change(first, second, confidence)
    expected = stats.ttest_ind(second, first, equal_var=False).confidence_interval(confidence)
    assert change.value == pytest.approx(np.exp(second.mean() - first.mean()))
    assert (change.low, change.high) == pytest.approx(np.exp([expected.low, expected.high]))
    assert (change.protocol, change.sessions, change.rounds) == ("sequential", 3, 0)


@pytest.mark.parametrize(("first", "second"), [([0.1], [0.1, 0.2]), ([0.1, 0.2], [0.3]), ([0.1, math.inf], [0.1, 0.2])])
def test_a_change_needs_two_sessions_of_numbers_each(first, second):
    """One session has no spread."""
    with pytest.raises(RangeError, match="comparison's sessions must be"):
        speedup_change(first, second)
