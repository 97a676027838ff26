"""From samples to estimates."""

import math

import numpy as np
import pytest
from scipy import stats

from tinytorch.benchmarking.statistics import (
    Estimate,
    Samples,
    mean,
    percentile,
    sample_std,
    throughput,
    wilson,
)
from tinytorch.errors import RangeError

FEWEST = {50: 6, 90: 36, 95: 72, 99: 368, 99.9: 3688}
SIZES = (6, 7, 36, 100, 368, 999, 1000, 4000)


def test_the_mean_is_summed_without_rounding():
    """Ten times 0.1 is 1, which a running sum misses."""
    assert mean([0.1] * 10) == 0.1


def test_the_standard_deviation_has_n_minus_1_in_the_divisor():
    """It estimates the spread of the population, not of the sample."""
    values = [1.0, 2.0, 4.0, 8.0]
    assert sample_std(values) == pytest.approx(np.std(values, ddof=1), rel=1e-15)


def test_the_standard_deviation_of_one_value_is_0():
    """A single run has no spread, and is no error."""
    assert sample_std([3.0]) == 0.0


def test_a_standard_deviation_survives_a_large_offset():
    """Squares are taken after the mean has gone."""
    assert sample_std([1e9 + 1, 1e9 + 2, 1e9 + 3]) == 1.0


@pytest.mark.parametrize("function", [mean, sample_std, lambda values: percentile(values, 50), Samples])
def test_no_samples_are_refused(function):
    """No statistic of nothing is given."""
    with pytest.raises(RangeError, match="at least one"):
        function(())


@pytest.mark.parametrize(("percent", "fewest"), FEWEST.items())
def test_a_percentile_is_unknown_below_the_published_number_of_samples(percent, fewest):
    """A two-sided 95 % interval needs 6, 36, 72, 368 and 3,688 samples."""
    assert percentile(range(fewest - 1), percent).value is None
    assert percentile(range(fewest), percent).value is not None


@pytest.mark.parametrize("percent", FEWEST)
@pytest.mark.parametrize("n", SIZES)
def test_the_ranks_of_an_interval_are_those_of_the_binomial_distribution(n, percent):
    """The lower is ppf(0.025), the upper ppf(0.975) + 1, as scipy.stats computes them."""
    low, high = stats.binom.ppf([0.025, 0.975], n, percent / 100)
    estimate = percentile(range(1, n + 1), percent)
    if low >= 1 and high + 1 <= n:
        assert (estimate.low, estimate.high) == (low, high + 1)
    else:
        assert (estimate.value, estimate.high) == (None, None)


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


@pytest.mark.parametrize("percent", [0, 100, -1, math.nan, math.inf])
def test_a_percentile_outside_of_0_to_100_is_refused(percent):
    """The extremes have names of their own."""
    with pytest.raises(RangeError, match="percent must be in"):
        percentile([1.0], percent)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (350, 359), (1, 2), (0, 1)])
def test_wilsons_interval_is_scipys(successes, trials):
    """The same formula from an independent source."""
    interval = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    estimate = wilson(successes, trials)
    assert estimate.value == successes / trials
    assert (estimate.low, estimate.high) == pytest.approx((interval.low, interval.high), abs=1e-12)


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes, trials):
    """More successes than trials have no probability."""
    with pytest.raises(RangeError, match="successes must be between"):
        wilson(successes, trials)


def test_throughput_is_samples_over_time():
    """Two batches of 100 in 1 ms and 3 ms are 50,000 a second."""
    assert throughput(100, Samples((1_000_000, 3_000_000))) == 50_000.0


def test_throughput_without_time_is_refused():
    """No time, no rate."""
    with pytest.raises(RangeError, match="positive"):
        throughput(1, Samples((0,)))


def test_samples_are_milliseconds_too():
    """One place converts nanoseconds to the unit of a report."""
    assert Samples((1, 2_500_000)).milliseconds == [1e-6, 2.5]
