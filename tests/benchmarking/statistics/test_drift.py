"""Drift, and yardsticks."""

import math

import numpy as np
import pytest
from scipy import stats

from tinytorch.benchmarking.statistics import coefficient_of_variation, host_slope, normalized
from tinytorch.errors import RangeError, ShapeError

YARDSTICKS = [1.0, 1.1, 1.3, 1.2, 1.6, 1.5]


def latencies(power, noise=0.0):
    return [5 * value**power * (1 + noise * (-1) ** index) for index, value in enumerate(YARDSTICKS)]


def test_a_coefficient_of_variation_is_spread_over_mean():
    """A share."""
    assert coefficient_of_variation([9.0, 10.0, 11.0]) == 0.1
    assert coefficient_of_variation([5.0]) == 0.0


@pytest.mark.parametrize("values", [[1.0, -1.0], [-2.0], [0.0]])
def test_a_mean_of_nothing_has_no_share(values):
    """Times have a mean above 0."""
    with pytest.raises(RangeError, match="the mean must be above 0"):
        coefficient_of_variation(values)


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.3])
def test_slope_and_correlation_are_those_of_a_regression(noise):
    """In logarithms, by scipy."""
    found = host_slope(latencies(0.97, noise), YARDSTICKS)
    line = stats.linregress(np.log(YARDSTICKS), np.log(latencies(0.97, noise)))
    assert (found.slope, found.correlation) == pytest.approx((line.slope, line.rvalue))


@pytest.mark.parametrize(("power", "allowed"), [(0.89, False), (0.91, True), (1.09, True), (1.11, False), (-1, False)])
def test_a_slope_near_1_may_be_divided_out(power, allowed):
    """0.9 to 1.1: then latency and yardstick slow down alike."""
    found = host_slope(latencies(power), YARDSTICKS)
    assert found.slope == pytest.approx(power)
    assert found.may_normalize is allowed
    assert found.reason == (None if allowed else f"the slope is {power:.2f}, not in [0.9, 1.1]")


def test_a_loose_fit_may_not():
    """The correlation must be above 0.95."""
    x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    noise = np.array([1.0, -2.0, 2.0, -2.0, 1.0])  # beside x, so the slope stays 1
    for scale, allowed in ((0.35, False), (0.2, True)):
        found = host_slope(np.exp(x + scale * noise).tolist(), np.exp(x).tolist())
        assert found.slope == pytest.approx(1.0)
        assert found.may_normalize is allowed
        assert found.reason == (None if allowed else f"the correlation is {found.correlation:.2f}, not above 0.95")


def test_what_does_not_move_has_no_slope():
    """And nothing to divide out."""
    still = host_slope(latencies(1.0), [2.0] * 6)
    assert (still.slope, still.correlation, still.may_normalize) == (None, None, False)
    flat = host_slope([3.0] * 6, YARDSTICKS)
    assert (flat.slope, flat.correlation, flat.may_normalize) == (0.0, None, False)
    assert still.reason == flat.reason == "one of the two does not move"


def test_normalizing_divides_round_by_round():
    """Each by its own."""
    assert normalized([2.0, 6.0], [1.0, 2.0]) == [2.0, 3.0]


@pytest.mark.parametrize("function", [host_slope, normalized])
def test_a_round_has_both(function):
    """One of each."""
    with pytest.raises(ShapeError, match="latencies and yardsticks must be of one length; got 3 and 4"):
        function([1.0] * 3, [1.0] * 4)


@pytest.mark.parametrize("function", [host_slope, normalized])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_yardstick_is_a_time_above_0(function, value):
    """Nothing is divided by nothing."""
    with pytest.raises(RangeError, match="the yardsticks must be"):
        function([1.0, 1.0, 2.0], [1.0, 2.0, value])


@pytest.mark.parametrize("function", [host_slope, normalized])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_latency_is_a_number(function, value):
    """NaN over anything is NaN, so it is refused before."""
    with pytest.raises(RangeError, match="the latencies must be finite"):
        function([1.0, 1.0, value], [1.0, 2.0, 3.0])


def test_a_line_takes_three_rounds():
    """Two always lie on one."""
    with pytest.raises(RangeError, match="the latencies must be at least 3; got 2"):
        host_slope([1.0, 2.0], [1.0, 2.0])
    assert host_slope([1.0, 2.0, 4.0], [1.0, 2.0, 4.0]).may_normalize
    with pytest.raises(RangeError, match="at least one"):
        normalized([], [])


def test_a_mean_below_1_is_a_mean():
    """Milliseconds or seconds, it is a share."""
    assert coefficient_of_variation([0.25, 0.25]) == 0.0
