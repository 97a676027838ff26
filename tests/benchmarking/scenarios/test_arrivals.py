"""Schedules of an open loop."""

import numpy as np
import pytest

from tinytorch.benchmarking.scenarios import poisson_arrivals
from tinytorch.errors import RangeError


def test_the_seed_decides_the_schedule():
    """A record can be run again."""
    assert poisson_arrivals(100.0, 50, seed=3) == poisson_arrivals(100.0, 50, seed=3)
    assert poisson_arrivals(100.0, 50, seed=3) != poisson_arrivals(100.0, 50, seed=4)


def test_a_longer_schedule_begins_with_the_shorter():
    """Going on does not change what was."""
    assert poisson_arrivals(100.0, 50, seed=3)[:20] == poisson_arrivals(100.0, 20, seed=3)


def test_the_gaps_are_exponential_with_the_rates_mean():
    """Mean and standard deviation of an exponential variable are one; at rate 1,000 both are a millisecond."""
    gaps = np.diff(poisson_arrivals(1000.0, 40_000, seed=1))
    assert gaps.mean() == pytest.approx(1e6, rel=0.02)
    assert gaps.std() == pytest.approx(1e6, rel=0.02)
    assert np.mean(gaps > 1e6) == pytest.approx(np.exp(-1), rel=0.02)


def test_the_global_random_state_is_left_alone():
    """A measurement does not change what a program draws."""
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002  the global state is the point
    poisson_arrivals(10.0, 10, seed=0)
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate):
    """NaN and infinity explicitly."""
    with pytest.raises(RangeError, match="the rate must be a finite number above 0"):
        poisson_arrivals(rate, 10, seed=0)


@pytest.mark.parametrize("count", [0, -1, 1.5, True])
def test_a_number_of_queries_that_is_none_is_refused(count):
    """At least one is needed."""
    with pytest.raises(RangeError, match="the number of queries"):
        poisson_arrivals(1.0, count, seed=0)
