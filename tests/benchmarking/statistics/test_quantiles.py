"""Percentiles, by rank."""

import math

import numpy as np
import pytest
from scipy import stats

from tinytorch.benchmarking.statistics import Estimate, fewest_samples, percentile, percentile_of_sessions
from tinytorch.errors import RangeError

FEWEST = {50: 6, 90: 36, 95: 72, 99: 368, 99.9: 3688}
SIZES = (6, 7, 36, 100, 368, 999, 1000, 4000)


@pytest.mark.parametrize(("percent", "fewest"), FEWEST.items())
def test_a_percentile_is_unknown_below_the_published_number_of_samples(percent, fewest):
    """A two-sided 95 % interval needs 6, 36, 72, 368 and 3,688 samples."""
    assert percentile(range(fewest - 1), percent).value is None
    assert percentile(range(fewest), percent).value is not None
    assert fewest_samples(percent) == fewest


@pytest.mark.parametrize("percent", [1, 10, 37, 60])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_the_number_of_samples_needed_is_the_first_that_gives_a_value(percent, confidence):
    """One fewer does not."""
    n = fewest_samples(percent, confidence)
    assert percentile(range(n), percent, confidence).value is not None
    assert n == 1 or percentile(range(n - 1), percent, confidence).value is None


@pytest.mark.parametrize("percent", FEWEST)
@pytest.mark.parametrize("n", SIZES)
def test_the_ranks_of_an_interval_are_those_of_the_binomial_distribution(n, percent):
    """The lower is ppf(0.025), the upper ppf(0.975) + 1, as scipy.stats computes them."""
    low, high = stats.binom.ppf([0.025, 0.975], n, percent / 100)
    estimate = percentile(range(1, n + 1), percent)
    if low >= 1 and high + 1 <= n:
        assert (estimate.low, estimate.high, estimate.reason) == (low, high + 1, None)
    else:
        assert (estimate.value, estimate.high) == (None, None)
        assert estimate.reason == f"p{percent:g} needs {FEWEST[percent]} values, there are {n}"


@pytest.mark.parametrize(("n", "percent"), [(n, percent) for n in SIZES for percent in FEWEST if n >= FEWEST[percent]])
def test_an_interval_covers_with_at_least_95_percent(n, percent):
    """Between the two ranks lies the true percentile with at least the probability claimed."""
    estimate = percentile(range(1, n + 1), percent)
    below = stats.binom.cdf([estimate.low - 1, estimate.high - 1], n, percent / 100)
    assert below[1] - below[0] >= 0.95


@pytest.mark.parametrize(("n", "percent"), [(5, 50), (20, 90), (35, 90), (100, 99), (367, 99)])
def test_too_few_samples_give_a_one_sided_bound(n, percent):
    """The percentile is at least the bound, with 95 % confidence, and no better bound has that."""
    estimate = percentile(range(1, n + 1), percent)
    misses = stats.binom.cdf([estimate.low - 1, estimate.low], n, percent / 100)
    assert (estimate.value, estimate.high) == (None, None)
    assert misses[0] <= 0.05 < misses[1]


def test_four_samples_do_not_bound_the_median():
    """One in sixteen times all four lie above it."""
    assert percentile([1, 2, 3, 4], 50) == Estimate(None, None, None, reason="p50 needs 6 values, there are 4")


@pytest.mark.parametrize("n", [400, 1000, 1700])
@pytest.mark.parametrize("percent", [7, 28, 50, 90, 99])
def test_a_percentile_is_the_sample_of_rank_ceil_n_p(n, percent):
    """The rank is computed in whole numbers: 400 times 0.07 is 28, not a float above it."""
    rank = -(-n * percent // 100)
    assert percentile(list(range(n, 0, -1)), percent).value == rank


@pytest.mark.parametrize("function", [percentile, fewest_samples, percentile_of_sessions])
@pytest.mark.parametrize("percent", [0, 100, -1, math.nan, math.inf])
def test_a_percentile_outside_of_0_to_100_is_refused(function, percent):
    """The extremes have names of their own."""
    values = {percentile: ([1.0],), fewest_samples: (), percentile_of_sessions: ([[1.0]],)}[function]
    with pytest.raises(RangeError, match="percent must be in"):
        function(*values, percent)


def test_no_samples_and_no_numbers_are_refused():
    """As everywhere."""
    with pytest.raises(RangeError, match="at least one"):
        percentile([], 50)
    with pytest.raises(RangeError, match="finite"):
        percentile([1.0, math.nan], 50)
    with pytest.raises(RangeError, match="confidence"):
        percentile([1.0], 50, 1.0)


def test_sessions_that_agree_have_the_interval_of_all_calls():
    """Their own percentiles are the same, so nothing is wider than the ranks."""
    session = [float(value) for value in range(1, 41)]
    pooled = percentile(session * 5, 50)
    assert percentile_of_sessions([session] * 5, 50) == pooled


def test_sessions_that_differ_have_the_wider_interval():
    """Student's t of the logarithms of the sessions' medians, by scipy."""
    sessions = [[scale * value for value in (1.0, 2.0, 3.0, 4.0, 5.0)] for scale in (1.0, 1.2, 0.8, 1.1)]
    logs = np.log([3.0, 3.6, 2.4, 3.3])
    ends = np.exp(stats.t.interval(0.9, 3, logs.mean(), stats.sem(logs)))
    pooled = percentile(sorted(value for session in sessions for value in session), 50, 0.9)
    found = percentile_of_sessions(sessions, 50, 0.9)
    assert found.value == pooled.value
    assert found.low == pytest.approx(min(pooled.low, ends[0]))
    assert found.high == pytest.approx(max(pooled.high, ends[1]))
    assert (found.confidence, found.reason) == (0.9, None)


def test_each_end_is_the_wider_one_by_itself():
    """One slow session of three raises the upper end by t, and the lower end stays where either has it."""
    sessions = [[1.0] * 10, [1.0] * 10, [1.0] * 9 + [9.0]]
    found = percentile_of_sessions(sessions, 50)
    assert (found.low, found.value, found.high) == (1.0, 1.0, 1.0)


def test_one_session_says_nothing_about_another():
    """The value stands, without an interval."""
    found = percentile_of_sessions([[1.0] * 10], 50)
    assert found == Estimate(1.0, None, None, 0.95, "one session says nothing about another")


def test_too_few_calls_in_all_sessions_give_the_bound():
    """Five sessions of 20 calls are no 368."""
    sessions = [[float(value) for value in range(1, 21)]] * 5
    assert percentile_of_sessions(sessions, 99) == percentile(sessions[0] * 5, 99)


@pytest.mark.parametrize("sessions", [[], [[]], [[1.0], []]])
def test_sessions_without_calls_are_refused(sessions):
    """An empty session is a mistake, not a fast one."""
    with pytest.raises(RangeError, match="at least one"):
        percentile_of_sessions(sessions, 50)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_latency_is_a_positive_number(value):
    """It has a logarithm."""
    with pytest.raises(RangeError, match="the latencies must be"):
        percentile_of_sessions([[1.0, value]], 50)


def test_two_sessions_are_enough_to_differ():
    """Their medians, 1 and 2, spread by Student's t of one degree of freedom."""
    found = percentile_of_sessions([[1.0] * 5, [2.0] * 5], 50)
    half = stats.t.ppf(0.975, 1) * math.log(2) / 2
    assert found.high == pytest.approx(math.exp(math.log(2) / 2 + half))
