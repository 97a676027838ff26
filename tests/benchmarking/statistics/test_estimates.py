"""From samples to estimates."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from tinytorch.benchmarking.statistics import (
    Estimate,
    Samples,
    batch_means,
    mean,
    sample_std,
    sign_interval,
    t_interval,
    throughput,
    throughput_interval,
)
from tinytorch.errors import RangeError

ALL = [mean, sample_std, t_interval, sign_interval, batch_means, Samples]


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


@pytest.mark.parametrize("function", ALL)
def test_no_samples_are_refused(function):
    """No statistic of nothing is given."""
    with pytest.raises(RangeError, match="at least one; got none"):
        function(())


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_with_its_place(function, value):
    """NaN passes every comparison, so it is looked for."""
    with pytest.raises(RangeError, match=r"finite; got .* at index 2"):
        function((1, 2, value))


@pytest.mark.parametrize("function", [t_interval, sign_interval, batch_means])
@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95, math.nan])
def test_a_confidence_that_is_no_probability_is_refused(function, confidence):
    """95 % is 0.95; certainty is not to be had."""
    with pytest.raises(RangeError, match="confidence must be in"):
        function([1.0, 2.0, 3.0] * 10, confidence)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_students_interval_is_scipys(confidence):
    """The same formula from an independent source."""
    values = [1.0, 2.5, 2.0, 7.0, 3.25]
    estimate = t_interval(values, confidence)
    ends = stats.t.interval(confidence, 4, np.mean(values), stats.sem(values))
    assert (estimate.low, estimate.high) == pytest.approx(ends, rel=1e-10)
    assert (estimate.value, estimate.confidence, estimate.reason) == (3.15, confidence, None)


def test_one_value_bounds_no_mean():
    """Where nothing varies, nothing is known of the next value."""
    assert t_interval([2.0]) == Estimate(2.0, None, None, 0.95, "one value has no spread")


@pytest.mark.parametrize(
    ("n", "rank"), [(6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (20, 6), (25, 8), (50, 18), (100, 40)]
)
def test_the_ranks_of_the_sign_test_are_those_of_its_tables(n, rank):
    """Dixon and Mood's table at 5 %, one rank further in: the rank is the first that is not rejected."""
    estimate = sign_interval([float(value) for value in range(n, 0, -1)])
    assert (estimate.low, estimate.high) == (rank, n + 1 - rank)
    assert (estimate.value, estimate.confidence, estimate.reason) == ((n + 1) / 2, 0.95, None)


@pytest.mark.parametrize("n", range(1, 13))
@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95])
def test_the_sign_interval_is_the_narrowest_that_every_pattern_of_signs_allows(n, confidence):
    """All 2**n patterns about the median are counted, one by one."""
    values = [float(value) for value in range(1, n + 1)]
    estimate = sign_interval(values, confidence)
    below = np.array([pattern.bit_count() for pattern in range(2**n)])  # values under the median, pattern by pattern
    tails = [float(np.mean(below < rank)) for rank in range(n // 2 + 2)]
    rank = max(rank for rank, tail in enumerate(tails) if tail <= (1 - confidence) / 2)
    assert (estimate.low, estimate.high) == ((rank, n + 1 - rank) if rank else (None, None))


def test_five_values_do_not_bound_a_median():
    """One time in sixteen all five lie on one side of it."""
    assert sign_interval([5.0, 1.0, 2.0, 3.0, 4.0]) == Estimate(3.0, None, None, 0.95, "5 values do not bound a median")


def test_batch_means_are_students_interval_of_the_batches():
    """Twenty batches of three, about the mean of all."""
    values = [float(value % 7) + value / 10 for value in range(60)]
    batches = np.reshape(values, (20, 3)).mean(axis=1)
    half = stats.t.ppf(0.975, 19) * stats.sem(batches)
    found = batch_means(values)
    assert found.value == mean(values)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), rel=1e-10)


def test_a_series_that_does_not_divide_is_used_whole():
    """45 values make 20 batches of two or three, and none is left out."""
    values = [float(value) for value in range(45)]
    edges = [45 * index // 20 for index in range(21)]
    batches = [np.mean(values[start:stop]) for start, stop in pairwise(edges)]
    half = stats.t.ppf(0.975, 19) * np.std(batches, ddof=1) / math.sqrt(20)
    assert batch_means(values).high == pytest.approx(22.0 + half, rel=1e-10)


def test_more_batches_may_be_asked_for_but_not_fewer():
    """Twenty is the least that a spread of batches can be told from."""
    values = [1.0, 2.0] * 50
    assert batch_means(values, 0.95, 25).high == pytest.approx(
        1.5 + stats.t.ppf(0.975, 24) * stats.sem(np.reshape(values, (25, 4)).mean(axis=1))
    )
    assert batch_means([1.0] * 20) == Estimate(1.0, 1.0, 1.0)
    with pytest.raises(RangeError, match="the batches must be a whole number of at least 20; got 19"):
        batch_means(values, 0.95, 19)
    with pytest.raises(RangeError, match="whole number"):
        batch_means(values, 0.95, 20.5)


def test_too_few_values_for_batches_keep_their_mean():
    """The interval is missing, and the reason is there."""
    assert batch_means([1.0] * 19) == Estimate(1.0, None, None, 0.95, "19 values make no 20 batches")


def test_throughput_is_samples_over_time():
    """Two batches of 100 in 1 ms and 3 ms are 50,000 a second."""
    assert throughput(100, Samples((1_000_000, 3_000_000))) == 50_000.0


def test_throughput_without_time_is_refused():
    """No time, no rate."""
    with pytest.raises(RangeError, match="positive"):
        throughput(1, Samples((0,)))


def test_the_interval_of_throughput_is_that_of_time_turned_over():
    """A batch of 8 in 1 to 3 ms."""
    durations = tuple(1_000_000 + 50_000 * (index % 41) for index in range(100))
    time, rate = batch_means(durations), throughput_interval(8, Samples(durations))
    assert rate.value == throughput(8, Samples(durations))
    assert (rate.low, rate.high) == (8e9 / time.high, 8e9 / time.low)
    assert (rate.confidence, rate.reason) == (0.95, None)


def test_throughput_of_a_few_batches_has_no_interval():
    """Ten durations make no twenty batches."""
    assert throughput_interval(1, Samples((10,) * 10)) == Estimate(
        1e8, None, None, 0.95, "10 values make no 20 batches"
    )


def test_a_time_that_may_be_nothing_gives_a_rate_without_an_end():
    """One batch took all the time there was."""
    found = throughput_interval(1, Samples((1_000_000_000, *[0] * 19)))
    assert found.high is None
    assert found.low == pytest.approx(1e9 / (5e7 * (1 + stats.t.ppf(0.975, 19))), rel=1e-12)
    assert found.reason == "the time may be any small one"


def test_samples_are_milliseconds_too():
    """One place converts nanoseconds to the unit of a report."""
    assert Samples((1, 2_500_000)).milliseconds == [1e-6, 2.5]


def test_records_cannot_be_changed():
    """An estimate is what it was."""
    with pytest.raises(AttributeError):
        t_interval([1.0, 2.0]).value = 3.0


def test_two_values_have_a_spread():
    """The least number that has one: the deviations of 1 and 3 are 1 each, over n - 1 = 1."""
    assert sample_std([1.0, 3.0]) == math.sqrt(2)
    assert t_interval([1.0, 3.0]).high == pytest.approx(2 + stats.t.ppf(0.975, 1))


def test_a_nanosecond_is_time():
    """The least that a clock counts."""
    assert throughput(1, Samples((1,))) == 1e9
    assert throughput_interval(1, Samples((1,) * 20)) == Estimate(1e9, 1e9, 1e9)
