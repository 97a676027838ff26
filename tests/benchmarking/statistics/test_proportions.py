"""Shares, and the difference of two on the same samples."""

import itertools
import math

import numpy as np
import pytest
from scipy import optimize, stats

from tinytorch.benchmarking.statistics import (
    Standing,
    clopper_pearson,
    mcnemar,
    non_inferiority,
    paired_difference,
    wilson,
)
from tinytorch.errors import RangeError

COUNTS = [(0, 10), (10, 10), (350, 359), (1, 2), (0, 1), (3, 7)]
TABLES = [(43, 0, 1, 0), (36, 2, 12, 0), (80, 3, 12, 5), (0, 5, 1, 0), (20, 9, 9, 2), (10, 0, 0, 5), (90, 7, 0, 3)]


@pytest.mark.parametrize(("successes", "trials"), COUNTS)
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_wilsons_interval_is_scipys(successes, trials, confidence):
    """The same formula from an independent source."""
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    estimate = wilson(successes, trials, confidence)
    assert (estimate.value, estimate.confidence, estimate.reason) == (successes / trials, confidence, None)
    assert (estimate.low, estimate.high) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_wilsons_ends_stay_probabilities():
    """Rounding does not step over 0 or 1."""
    assert all(0 <= wilson(0, n).low < 1e-15 and 1 - 1e-15 < wilson(n, n).high <= 1 for n in range(1, 200))


@pytest.mark.parametrize(("successes", "trials"), COUNTS)
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_exact_interval_is_scipys(successes, trials, confidence):
    """The same formula from an independent source."""
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="exact")
    estimate = clopper_pearson(successes, trials, confidence)
    assert (estimate.low, estimate.high) == pytest.approx((interval.low, interval.high), abs=1e-12)
    assert (estimate.value, estimate.confidence) == (successes / trials, confidence)


@pytest.mark.parametrize(("successes", "trials"), COUNTS)
@pytest.mark.parametrize(("side", "alternative"), [("upper", "less"), ("lower", "greater")])
def test_the_exact_bounds_are_scipys(successes, trials, side, alternative):
    """A one-sided bound is closer, and the other end is nothing or all."""
    interval = stats.binomtest(successes, trials, alternative=alternative).proportion_ci(0.95, method="exact")
    estimate = clopper_pearson(successes, trials, side=side)
    assert (estimate.low, estimate.high) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_a_side_has_a_name():
    """Two-sided is not one of them: the name is both."""
    with pytest.raises(RangeError, match="side must be one of both, lower, upper; got two"):
        clopper_pearson(1, 2, side="two")


@pytest.mark.parametrize("function", [wilson, clopper_pearson])
@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (0, 0), (-1, 5), (6, 5), (math.nan, 5)])
def test_impossible_counts_are_refused(function, successes, trials):
    """More successes than trials have no probability."""
    with pytest.raises(RangeError, match="successes must be between"):
        function(successes, trials)


@pytest.mark.parametrize(("first", "second"), [*itertools.product(range(6), repeat=2)])
def test_mcnemars_p_value_is_a_count_of_patterns(first, second):
    """Every pattern of discordant pairs that is at least as one-sided, of all 2**n."""
    n, far = first + second, abs(first - second)
    sides = [sum(pattern) for pattern in itertools.product((-1, 1), repeat=n)]
    assert mcnemar(first, second) == pytest.approx(sum(abs(side) >= far for side in sides) / 2**n, abs=1e-14)


@pytest.mark.parametrize("counts", [(-1, 2), (2, -1), (1.5, 2), (True, 2)])
def test_mcnemar_counts_whole_samples(counts):
    """Half a sample is a mistake."""
    with pytest.raises(RangeError, match="whole number of at least 0"):
        mcnemar(*counts)


def score(lost, gained, total, difference):
    """Compute Tango's statistic from its definition: the constrained maximum of the likelihood is found numerically."""

    def unlikeliness(loss):
        cells = (lost, loss), (gained, loss + difference), (total - lost - gained, 1 - 2 * loss - difference)
        return -sum(count * math.log(max(share, 1e-300)) for count, share in cells if count)

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    loss = optimize.minimize_scalar(unlikeliness, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    variance = total * (2 * loss + difference - difference**2)
    return (gained - lost - total * difference) / math.sqrt(variance)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_ends_of_tangos_interval_have_the_score_they_should(table, confidence):
    """At the ends the data lie z standard errors away, under the likeliest model of that difference."""
    found = paired_difference(*table, confidence)
    _, lost, gained, _ = table
    z, total = stats.norm.ppf((1 + confidence) / 2), sum(table)
    assert found.value == (gained - lost) / total
    assert score(lost, gained, total, found.low) == pytest.approx(z, rel=1e-4)
    assert score(lost, gained, total, found.high) == pytest.approx(-z, rel=1e-4)
    assert found.confidence == confidence


def test_models_that_never_disagree_are_bounded_by_z_squared():
    """Without discordant pairs the interval is ± z² / (n + z²)."""
    found, z = paired_difference(10, 0, 0, 90), stats.norm.ppf(0.975)
    assert (found.value, found.high) == (0.0, pytest.approx(z**2 / (100 + z**2)))
    assert found.low == pytest.approx(-found.high)


@pytest.mark.parametrize(("table", "value"), [((0, 0, 3, 0), 1.0), ((0, 3, 0, 0), -1.0)])
def test_models_that_always_disagree_reach_the_end(table, value):
    """All of few samples on one side."""
    found = paired_difference(*table)
    assert found.value == value
    assert (found.high if value > 0 else found.low) == pytest.approx(value, abs=1e-12)
    assert -1 <= found.low < found.high <= 1


def test_turning_the_models_around_turns_the_interval_around():
    """The candidate's gain is the baseline's loss."""
    one, other = paired_difference(80, 3, 12, 5), paired_difference(80, 12, 3, 5)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)


def test_tangos_interval_covers():
    """Over all tables of 40 samples, weighted by their chance, for several truths: at least 93 %."""
    n, grid = 40, [(0.02, 0.02), (0.05, 0.1), (0.1, 0.3), (0.0, 0.05)]
    ends = {(b, c): paired_difference(n - b - c, b, c, 0) for b in range(n + 1) for c in range(n + 1 - b)}
    for lost, gained in grid:
        chances = {
            key: stats.multinomial.pmf([*key, n - sum(key)], n, [lost, gained, 1 - lost - gained]) for key in ends
        }
        truth = gained - lost
        assert sum(chances[key] for key, end in ends.items() if end.low <= truth <= end.high) >= 0.93


@pytest.mark.parametrize("table", [(0, 0, 0, 0), (1, -1, 0, 0), (1.5, 0, 0, 0), (math.nan, 0, 0, 0)])
def test_impossible_tables_are_refused(table):
    """Counts are whole, and there is at least one sample."""
    with pytest.raises(RangeError, match="must be"):
        paired_difference(*table)


@pytest.mark.parametrize(
    ("table", "standing"),
    [
        ((1700, 4, 6, 87), Standing.NON_INFERIOR),
        ((1500, 150, 10, 137), Standing.INFERIOR),
        ((90, 3, 2, 5), Standing.UNDECIDED),
        ((90, 2, 3, 5), Standing.UNDECIDED),
    ],
)
def test_accuracy_is_held_lost_or_undecided(table, standing):
    """The interval lies above -1 point, below it, or across."""
    found = non_inferiority(*table)
    assert found.standing is standing
    assert found.difference == paired_difference(*table)
    assert (found.margin, found.p_value) == (0.01, mcnemar(table[1], table[2]))


def test_the_margin_is_where_the_standing_changes():
    """A margin just past the lower end is held, one just short of it is not; likewise at the upper end."""
    table = (80, 12, 3, 5)
    low, high = (end(paired_difference(*table)) for end in (lambda found: found.low, lambda found: found.high))
    assert non_inferiority(*table, margin=-low + 1e-9).standing is Standing.NON_INFERIOR
    assert non_inferiority(*table, margin=-low - 1e-9).standing is Standing.UNDECIDED
    assert non_inferiority(*table, margin=-high + 1e-9).standing is Standing.UNDECIDED
    assert non_inferiority(*table, margin=-high - 1e-9).standing is Standing.INFERIOR


def test_confidence_reaches_the_interval():
    """A looser one decides sooner."""
    assert non_inferiority(80, 12, 3, 5, 0.1, 0.5).difference == paired_difference(80, 12, 3, 5, 0.5)


@pytest.mark.parametrize("margin", [0, 1, -0.01, math.nan])
def test_a_margin_is_a_share(margin):
    """One point of accuracy is 0.01."""
    with pytest.raises(RangeError, match="margin must be in"):
        non_inferiority(1, 1, 1, 1, margin)


def test_the_exact_bound_meets_its_definition():
    """At the upper bound, so few successes have a chance of 5 %."""
    assert stats.binom.cdf(3, 50, clopper_pearson(3, 50, side="upper").high) == pytest.approx(0.05)
    assert stats.binom.sf(2, 50, clopper_pearson(3, 50, side="lower").low) == pytest.approx(0.05)
    assert np.isclose(clopper_pearson(0, 59, side="upper").high, 1 - 0.05 ** (1 / 59))
