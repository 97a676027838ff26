"""Rates of arrival, and Little's law."""

import math

import pytest
from scipy import stats

from tinytorch.benchmarking.statistics import RateVerdict, littles_law_gap, rate_verdict
from tinytorch.errors import RangeError


@pytest.mark.parametrize("percentile", [50.0, 90.0, 99.0, 99.9])
@pytest.mark.parametrize("calls", [10, 400, 5000])
def test_a_rate_is_judged_by_the_exact_interval(percentile, calls):
    """Every count of violations up to 60, with scipy's bounds of their share."""
    allowed = (100 - percentile) / 100
    for violations in range(0, min(calls, 60) + 1, 3):
        interval = stats.binomtest(violations, calls).proportion_ci(0.95, method="exact")
        expected = "pass" if interval.high <= allowed else "fail" if interval.low > allowed else "continue"
        assert rate_verdict(violations, calls, percentile) == expected


def test_few_calls_prove_nothing():
    """Without one violation, p99 takes 368 calls to pass."""
    assert rate_verdict(0, 367) is RateVerdict.CONTINUE
    assert rate_verdict(0, 368) is RateVerdict.PASS
    assert rate_verdict(0, 200, confidence=0.5) is RateVerdict.PASS


@pytest.mark.parametrize("percentile", [0, 100, math.nan])
def test_a_percentile_lies_between_0_and_100(percentile):
    """99 is p99."""
    with pytest.raises(RangeError, match="percentile must be in"):
        rate_verdict(1, 10, percentile)


def test_impossible_counts_are_refused():
    """More violations than calls."""
    with pytest.raises(RangeError, match="successes must be between"):
        rate_verdict(11, 10)


@pytest.mark.parametrize(
    ("given", "gap"), [((2.0, 100.0, 0.02), 0.0), ((2.0, 100.0, 0.01), 0.5), ((1.0, 3.0, 1.0), 2.0)]
)
def test_a_gap_is_a_share_of_what_is_in_the_system(given, gap):
    """Its absolute value."""
    assert littles_law_gap(*given) == pytest.approx(gap)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ((0.0, 1.0, 1.0), "in_system must be above 0"),
        ((-1.0, 1.0, 1.0), "in_system must be a number of at least 0"),
        ((1.0, -1.0, 1.0), "arrival_rate"),
        ((1.0, 1.0, math.nan), "time_in_system"),
        ((math.inf, 1.0, 1.0), "in_system"),
    ],
)
def test_impossible_systems_are_refused(given, name):
    """Numbers, and something in the system."""
    with pytest.raises(RangeError, match=name):
        littles_law_gap(*given)


def test_an_idle_system_that_holds_something_is_all_gap():
    """No arrivals, no waiting: λ W is 0."""
    assert littles_law_gap(1.0, 0.0, 0.0) == 1.0


def test_half_a_percent_is_a_percentile():
    """Between 0 and 1 too: nearly every call may break such an objective."""
    assert rate_verdict(0, 10, 0.5) is RateVerdict.PASS
