"""The distributions, where scipy.special and scipy.stats must agree."""

import pytest
from scipy import stats

from tinytorch.benchmarking.statistics import distributions


@pytest.mark.parametrize("freedom", [1, 2, 5.5, 30])
@pytest.mark.parametrize("probability", [0.025, 0.5, 0.8, 0.975])
def test_students_t_is_scipys(freedom, probability):
    """Both ways."""
    value = distributions.student_quantile(probability, freedom)
    assert value == pytest.approx(stats.t.ppf(probability, freedom), abs=1e-9)
    assert distributions.student_at_most(value, freedom) == pytest.approx(probability)


@pytest.mark.parametrize("probability", [0.025, 0.5, 0.975])
def test_normal_and_beta_are_scipys(probability):
    """As the intervals of proportions use them."""
    assert distributions.normal_quantile(probability) == pytest.approx(stats.norm.ppf(probability))
    assert distributions.beta_quantile(probability, 3, 5) == pytest.approx(stats.beta.ppf(probability, 3, 5))


@pytest.mark.parametrize("n", [1, 4, 30])
@pytest.mark.parametrize("success", [0.1, 0.5])
def test_the_binomial_is_scipys(n, success):
    """Every count, and none below the first."""
    for count in range(n + 1):
        assert distributions.binomial_at_most(count, n, success) == pytest.approx(stats.binom.cdf(count, n, success))
    assert distributions.binomial_at_most(-1, n, success) == 0.0
    for probability in (0.01, 0.3, 0.99):
        assert distributions.binomial_quantile(probability, n, success) == stats.binom.ppf(probability, n, success)
