"""Where warming up ends."""

import math

import numpy as np
import pytest

from tinytorch.benchmarking.statistics import SteadyState, never_settle, steady, steady_state
from tinytorch.benchmarking.statistics.steady import FEWEST_STEADY, _squared_errors
from tinytorch.errors import RangeError


def noisy(level, seed=0):
    noise = np.random.default_rng(seed).standard_normal(len(level))
    return (np.asarray(level) * np.exp(0.01 * noise)).tolist()


def step(settled, seed=0):
    return noisy(np.where(np.arange(400) < settled, 2.0, 1.0), seed)


@pytest.mark.parametrize("settled", [0, 3, 5, 40, 42, 60, 150])
def test_a_step_is_cut_within_one_batch(settled):
    """Wherever it lies in the first half, in at least 45 of 50 series; chance moves the others."""
    found = [steady_state(step(settled, seed)) for seed in range(50)]
    assert sum(each.cut is not None and abs(each.cut - settled) <= 5 for each in found) >= 45
    assert {(each.values, each.reason) for each in found if each.is_steady} == {(400, None)}


@pytest.mark.parametrize("settled", [230, 300, 320, 375])
def test_a_step_in_the_second_half_is_no_steady_state(settled):
    """What is left would be too little to stand on; a step past three quarters shows when read backwards."""
    found = steady_state(step(settled))
    assert found == SteadyState(is_steady=False, cut=None, values=400, reason="no steady state")


def test_a_change_in_the_last_twentieth_is_let_pass():
    """One short burst at the end is no other state."""
    assert steady_state([1.0, 1.1, 0.9, 1.0, 1.0] * 95 + [3.0] * 25).cut == 0
    assert steady_state([1.0, 1.1, 0.9, 1.0, 1.0] * 94 + [3.0] * 30).reason == "no steady state"


@pytest.mark.parametrize("level", [np.linspace(1, 2, 400), np.linspace(2, 1, 400), 1.5 ** np.linspace(0, 3, 400)])
def test_a_ramp_never_settles(level):
    """Up or down."""
    assert steady_state(noisy(level)).reason == "no steady state"


def test_settled_series_are_seldom_cut_or_called_unsteady():
    """Of 200 series without a warm-up, at most ten lose more than a tenth; the known fault of MSER is its tail."""
    found = [steady_state(noisy(np.ones(300), seed)) for seed in range(200)]
    assert sum(not each.is_steady or each.cut > 30 for each in found) <= 10


def test_one_slow_call_in_a_hundred_does_not_make_a_series_unsteady():
    """Of 100 series with spikes of four times, at most two are called unsteady; with means in place of medians, 20."""
    spikes = np.where(np.random.default_rng(3).random((100, 400)) < 0.01, 4.0, 1.0)
    assert sum(not steady_state(noisy(level, seed)).is_steady for seed, level in enumerate(spikes)) <= 2


def test_a_slow_first_call_is_cut_with_its_batch():
    """A median does not see it, so the means are asked."""
    level = np.ones(200)
    level[0] = 5.0
    assert steady_state(noisy(level)).cut == 5


def test_equal_values_are_steady_from_the_first():
    """Nothing varies."""
    assert steady_state([2.0] * 125).cut == 0


def test_the_first_cut_that_is_nearly_the_best_is_taken():
    """A step of the size of the noise is not worth a quarter of the values."""
    series = [1.0, 1.1, 0.9, 1.05, 0.95] * 80
    series[:5] = [1.2] * 5
    assert steady_state(series).cut == 5


def test_the_errors_are_those_of_the_formula():
    """Each cut computed by itself."""
    batches = np.random.default_rng(3).standard_normal(17) + 1e6
    expected = [
        float(((batches[cut:] - batches[cut:].mean()) ** 2).sum()) / (17 - cut) ** 2 for cut in range(len(batches))
    ]
    assert _squared_errors(batches) == pytest.approx(expected, abs=1e-9)


def test_values_that_fill_no_batch_are_left_out_at_the_end():
    """129 values are 25 batches."""
    series = [1.0, 2.0] * 62 + [1.0]
    assert steady_state([*series, 99.0, 99.0, 99.0, 99.0]).cut == steady_state(series).cut


def test_too_few_values_have_no_verdict():
    """And none is made up."""
    few = steady_state([1.0] * (FEWEST_STEADY - 1))
    assert few == SteadyState(is_steady=False, cut=None, values=124, reason="fewer than 125 values")
    assert steady_state([1.0] * FEWEST_STEADY).is_steady


@pytest.mark.parametrize("values", [[], [math.nan] * 200, [1.0] * 200 + [math.inf]])
def test_no_values_and_no_numbers_are_refused(values):
    """As everywhere."""
    with pytest.raises(RangeError, match="the samples must be"):
        steady_state(values)


def test_half_of_the_batches_may_go_but_not_more():
    """With 30 batches, a step at 15 is cut; one at 16 is no steady state."""
    steps = [[5.0] * (5 * batches) + [1.0, 1.1, 0.9, 1.0, 1.0] * (30 - batches) for batches in (15, 16)]
    assert [steady_state(step).cut for step in steps] == [75, None]


def test_the_tail_is_not_searched():
    """The last five batches are alike by chance: no cut is made for them, though it would be the best of all."""
    levels = [1.0, 1.1, 1.05, 0.95, 0.9, 1.02, 1.08, 0.92, 0.97, 1.03]
    series = np.repeat([*levels * 3, *levels[:5], *[1.0] * 5], 5)
    assert int(np.argmin(_squared_errors(series[::5]))) >= 35
    assert steady_state(series.tolist()).cut == 0


def test_the_thresholds_are_the_published_ones():
    """The docstring names them, and the trial on draws rests on them."""
    assert (steady.BATCH, steady.FEWEST_LEFT, steady.FEWEST_STEADY) == (5, 10, 125)
    assert (steady.NEARLY_BEST, steady.CLEARLY_WORSE, steady.SHORT_END) == (1.2, 1.75, 0.05)


def plainly(values):
    """Compute the documented rule once more, cut by cut, without sums that are shared."""
    batches = [np.asarray(values[start : start + 5]) for start in range(0, len(values) - 4, 5)]
    y, n = np.array([np.median(batch) for batch in batches]), len(batches)
    error = lambda part: float(((part - part.mean()) ** 2).sum()) / len(part) ** 2
    errors = [error(y[cut:]) for cut in range(n)]
    if np.argmin(errors[: min(n * 3 // 4, n - 10) + 1]) > n // 2:
        return None
    cut = next(cut for cut in range(n) if errors[cut] <= 1.2 * min(errors[: n // 2 + 1]))
    rest = y[cut:][::-1]
    backwards = [error(rest[end:]) for end in range(len(rest) // 2 + 1)]
    end = int(np.argmin(backwards))
    if end > 0.05 * len(rest) and backwards[0] > 1.75 * backwards[end]:
        return None
    means = np.array([batch.mean() for batch in batches])
    return 5 * (cut or int(1.2 * error(means[1:]) < error(means)))


@pytest.mark.parametrize("count", [125, 130, 150, 175, 200, 403])
@pytest.mark.parametrize("shape", ["flat", "ramp", "walk", "early", "late"])
def test_the_rule_is_the_documented_one(count, shape):
    """Thirty series of each kind and length, against the rule written plainly."""
    rng = np.random.default_rng([count, len(shape)])
    for _ in range(30):
        noise = 0.05 * rng.standard_normal(count)
        level = {
            "flat": np.zeros(count),
            "ramp": np.linspace(0, rng.uniform(0, 0.3), count),
            "walk": np.cumsum(0.02 * rng.standard_normal(count)),
            "early": np.where(np.arange(count) < rng.integers(count // 2), rng.uniform(0, 0.3), 0.0),
            "late": np.where(np.arange(count) < rng.integers(count), 0.0, rng.uniform(0, 0.3)),
        }[shape]
        series = np.exp(level + noise).tolist()
        assert steady_state(series).cut == plainly(series)


@pytest.mark.parametrize(
    ("ramps", "flats", "others", "never"), [(2, 1, 0, True), (1, 1, 0, False), (2, 1, 1, False), (0, 0, 1, False)]
)
def test_no_steady_state_is_said_where_most_series_show_it(ramps, flats, others, never):
    """Half of them are not most; one that is too short, or empty, shows nothing and counts as settled."""
    flat = [1.0, 1.1] * 100
    short = [list(range(50))] * others
    assert never_settle([list(range(200))] * ramps + [flat] * flats + short) is never
    assert not never_settle([[]])


def test_too_few_values_do_not_show_that_a_series_never_settles():
    """Not steady for all one knows, and not seen to be unsteady either."""
    short, ramp = steady_state(range(50)), steady_state(range(200))
    assert [(found.is_steady, found.never_settles) for found in (short, ramp)] == [(False, False), (False, True)]
