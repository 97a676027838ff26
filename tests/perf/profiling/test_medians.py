"""Medians with intervals by rank."""

import numpy as np
import pytest

from tinytorch.benchmarking.statistics import fewest_samples, percentile
from tinytorch.perf.profiling.medians import CONFIDENCE, Median, median


@pytest.mark.parametrize("n", range(6, 120))
def test_it_is_the_percentile_of_the_statistics(n):
    """Two floors, one definition."""
    values = np.random.default_rng(n).normal(size=n).tolist()
    expected = percentile(values, 50)
    assert (median(values), CONFIDENCE) == (Median(expected.value, expected.low, expected.high), expected.confidence)


@pytest.mark.parametrize("n", range(1, 6))
def test_few_samples_have_no_interval(n):
    """As the statistics have it: from six on."""
    assert median(list(range(n))) == Median((n - 1) // 2, None, None)
    assert fewest_samples(50) == 6


def test_of_nothing_nothing_is_known():
    """No sample, no value."""
    assert median([]) == Median(None, None, None)


def test_the_interval_holds_the_middle_as_often_as_it_says():
    """Of 2,000 draws of 20 numbers from a known distribution, at least 95 %; the ranks cannot do so exactly."""
    draws = np.random.default_rng(0).exponential(size=(2000, 20))
    found = [median(row.tolist()) for row in draws]
    covered = np.mean([one.low <= np.log(2) <= one.high for one in found])
    assert 0.95 <= covered < 0.97
