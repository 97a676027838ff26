"""What choosing the best of several tries adds."""

import math

import numpy as np
import pytest

from tinytorch.capstone.provenance import best_of_inflation, expected_best, standard_error
from tinytorch.errors import RangeError

# H. L. Harter (1961), Expected Values of Normal Order Statistics, Biometrika 48: five decimals; up to 3 in closed form.
TABLE = {4: 1.02938, 5: 1.16296, 10: 1.53875, 20: 1.86748, 50: 2.24907, 100: 2.50759}
EXACT = {1: 0.0, 2: 1 / math.sqrt(math.pi), 3: 1.5 / math.sqrt(math.pi)}


@pytest.mark.parametrize(("tries", "expected"), TABLE.items())
def test_the_expected_best_is_that_of_the_tables(tries, expected):
    """Computed once by other people."""
    assert expected_best(tries) == pytest.approx(expected, abs=6e-6)


@pytest.mark.parametrize(("tries", "expected"), EXACT.items())
def test_the_expected_best_of_few_is_exact(tries, expected):
    """Where there is a formula."""
    assert expected_best(tries) == pytest.approx(expected, abs=1e-10)


def test_the_best_of_simulated_comparisons_is_as_much_too_good():
    """Twenty thousand campaigns of five tries of the very same thing."""
    drawn = np.random.default_rng(0).normal(0, 0.02, (20_000, 5)).max(axis=1)
    assert best_of_inflation(5, 0.02) == pytest.approx(drawn.mean(), abs=4 * drawn.std() / math.sqrt(20_000))


def test_more_tries_are_never_less_good():
    """Up to more than anybody makes; sqrt(2 ln k) bounds it."""
    counts = [2**power for power in range(40)]
    found = [expected_best(count) for count in counts]
    assert found == sorted(found)
    assert all(value <= math.sqrt(2 * math.log(count)) for value, count in zip(found, counts, strict=True))
    assert found[-1] > 6


@pytest.mark.parametrize("tries", [0, -1, 1.0, True, math.nan])
def test_tries_are_counted_from_one(tries):
    """A first try is one."""
    with pytest.raises(RangeError, match="tries must be"):
        best_of_inflation(tries, 0.1)


@pytest.mark.parametrize("error", [-0.1, math.nan, math.inf])
def test_a_standard_error_is_finite(error):
    """NaN passes every comparison."""
    with pytest.raises(RangeError, match="standard_error must be"):
        best_of_inflation(2, error)


def test_the_standard_error_is_that_of_the_sessions_mean():
    """Of the medians 0.1, 0.2, 0.3: their standard deviation is 0.1, over the root of 3."""
    assert standard_error([[0.1] * 3, [0.2] * 3, [0.3] * 3]) == pytest.approx(0.1 / math.sqrt(3))
