"""One speed or two."""

import math

import numpy as np
import pytest

from tinytorch.benchmarking.statistics import Mode, Shape, find_regimes
from tinytorch.benchmarking.statistics.regimes import _best_split
from tinytorch.errors import RangeError


@pytest.fixture
def rng():
    return np.random.default_rng(8)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("count", [24, 60, 240])
def test_a_machine_of_two_speeds_is_found(rng, count, share):
    """5.3 and 8.3 microseconds, with their shares."""
    times = np.where(np.arange(count) < share * count, 8.3, 5.3) * np.exp(0.03 * rng.standard_normal(count))
    found = find_regimes(rng.permutation(times).tolist())
    assert found.shape is Shape.TWO
    assert [mode.location for mode in found.modes] == pytest.approx([5.3, 8.3], rel=0.05)
    assert [mode.share for mode in found.modes] == pytest.approx([1 - share, share], abs=1 / count)
    assert found.reason is None


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: 5.3 * (1 + 0.03 * rng.standard_normal(n)),
        lambda rng, n: np.exp(0.5 * rng.standard_normal(n)),
        lambda rng, n: rng.uniform(5.0, 6.0, n),
        lambda rng, n: 5.3 * np.exp(0.03 * rng.standard_t(3, n)),
        lambda rng, n: np.exp(0.03 * np.convolve(rng.standard_normal(n + 9), np.ones(10) / 10, "valid")),
    ],
    ids=["normal", "lognormal", "flat", "Student's t", "dependent"],
)
@pytest.mark.parametrize("count", [16, 60])
def test_one_speed_is_seldom_called_two(rng, draw, count):
    """At most 5 % and three standard errors of 200 runs."""
    calls = sum(find_regimes(draw(rng, count).tolist()).shape is Shape.TWO for _ in range(200))
    assert calls <= 200 * 0.05 + 3 * math.sqrt(200 * 0.05 * 0.95)


def test_equal_medians_are_one_speed():
    """Nothing varies, and nothing is divided by."""
    found = find_regimes([2.0] * 20)
    assert (found.shape, found.modes, found.separation) == (Shape.ONE, (Mode(2.0, 1.0),), 0.0)
    assert {find_regimes([time] * n).separation for time in (5.3, 8.3, 1e-6, 1e6) for n in (16, 19, 100)} == {0.0}


def test_two_values_without_spread_are_two_speeds():
    """As far apart as can be."""
    found = find_regimes([1.0] * 12 + [1.5] * 4)
    assert (found.shape, found.modes, found.separation) == (Shape.TWO, (Mode(1.0, 0.75), Mode(1.5, 0.25)), math.inf)


def test_a_few_outliers_are_no_speed(rng):
    """Less than a tenth, or fewer than three, is not a group."""
    found = find_regimes([*(5.3 * np.exp(0.03 * rng.standard_normal(57))).tolist(), 8.3, 8.4, 8.2])
    assert found.shape is Shape.ONE
    assert [mode.share for mode in found.modes] == [1.0]


def test_three_of_sixteen_are_a_group_and_two_are_not():
    """The least share, in whole medians."""
    fast = [1.0, 1.01, 1.02, 0.99, 0.98, 1.0, 1.01, 1.02, 0.99, 0.98, 1.0, 1.01, 1.0]
    assert find_regimes([*fast, 2.0, 2.01, 1.99]).shape is Shape.TWO
    assert find_regimes([*fast, 1.0, 2.01, 1.99]).shape is not Shape.TWO


def test_groups_close_together_are_unclear():
    """Between four and five standard deviations apart nothing is claimed."""
    logs = np.concatenate([0.01 * np.linspace(-1, 1, 20), 0.028 + 0.01 * np.linspace(-1, 1, 20)])
    found = find_regimes(np.exp(logs).tolist())
    assert 4 <= found.separation < 5
    assert (found.shape, found.reason) == (Shape.UNCLEAR, "two groups lie close together")
    assert found.modes == (Mode(pytest.approx(math.exp(0.014), rel=1e-2), 1.0),)


@pytest.mark.parametrize(("distance", "shape"), [(0.020, Shape.ONE), (0.028, Shape.UNCLEAR), (0.035, Shape.TWO)])
def test_the_farther_apart_the_clearer(distance, shape):
    """One group, perhaps two, two."""
    logs = np.concatenate([0.01 * np.linspace(-1, 1, 20), distance + 0.01 * np.linspace(-1, 1, 20)])
    assert find_regimes(np.exp(logs).tolist()).shape is shape


def test_too_few_medians_are_unclear():
    """However far apart they lie."""
    found = find_regimes([1.0] * 8 + [2.0] * 7)
    assert (found.shape, found.separation, found.reason) == (Shape.UNCLEAR, None, "fewer than 16 medians")
    assert found.modes == (Mode(1.0, 1.0),)
    assert find_regimes([1.0] * 8 + [2.0] * 8).shape is Shape.TWO


def test_the_split_is_the_best_of_all(rng):
    """Every fair place tried by itself: least squares within, and the distance in their standard deviation."""
    for count in (16, 31, 45):
        logs = np.sort(rng.standard_normal(count))
        fewest = max(math.ceil(count / 10), 3)
        splits = {}
        for size in range(fewest, count - fewest + 1):
            low, high = logs[:size], logs[size:]
            within = ((low - low.mean()) ** 2).sum() + ((high - high.mean()) ** 2).sum()
            if low[-1] <= (low.mean() + high.mean()) / 2 <= high[0]:
                splits[size] = within, (high.mean() - low.mean()) / math.sqrt(within / (count - 2))
        best = min(splits, key=lambda size: splits[size][0])
        assert _best_split(logs) == (best, pytest.approx(splits[best][1]))


def test_a_tenth_is_rounded_up():
    """Four of 41 are less than a tenth, though an ordinary one beside them would make five; five are more."""
    fast = (1 + 0.001 * np.arange(36)).tolist()
    assert find_regimes([*fast, 1.036, 2.0, 2.001, 2.002, 2.003]).shape is not Shape.TWO
    assert find_regimes([*fast, 2.0, 2.001, 2.002, 2.003, 2.004]).shape is Shape.TWO
    assert find_regimes([*fast, 1.036, 0.5, 0.501, 0.502, 0.503]).shape is not Shape.TWO
    assert find_regimes([*fast, 0.5, 0.501, 0.502, 0.503, 0.504]).shape is Shape.TWO


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_median_is_a_time_above_0(value):
    """It has a logarithm."""
    with pytest.raises(RangeError, match="the medians must be"):
        find_regimes([1.0] * 20 + [value])


def test_no_medians_are_refused():
    """As everywhere."""
    with pytest.raises(RangeError, match="the medians must be at least one"):
        find_regimes([])
