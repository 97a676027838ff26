"""Choosing tokens: what each option leaves to chance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinytorch.core.sampling import Sampler, draw_numbers
from tinytorch.errors import RangeError

finite = arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=st.floats(-20, 20, width=32))
temperatures = st.floats(0.1, 5)


def softmax(logits, temperature=1.0):
    """Give shares, in float64."""
    scores = logits.astype(float) / temperature
    odds = np.exp(scores - scores.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


@given(finite, temperatures)
def test_without_limits_the_shares_are_the_softmax(logits, temperature):
    """Only sorted."""
    order, shares = Sampler(temperature).ranked(logits)
    assert np.allclose(shares, np.take_along_axis(softmax(logits, temperature), order, -1))
    assert np.all(np.diff(shares, axis=-1) <= 1e-15)


@given(finite, temperatures, st.integers(1, 12))
def test_top_k_leaves_exactly_the_k_likeliest(logits, temperature, k):
    """In the proportions they have among themselves; equal ones in order."""
    order, shares = Sampler(temperature, top_k=k).ranked(logits)
    count = min(k, logits.shape[1])
    assert (shares[:, :count] > 0).all()
    assert not shares[:, count:].any()
    assert np.allclose(shares.sum(-1), 1)
    kept = np.take_along_axis(logits, order, -1)
    assert np.all(kept[:, :count].min(-1) >= kept[:, count:].max(-1, initial=-np.inf))


@given(finite, temperatures, st.floats(0.01, 1))
def test_top_p_leaves_the_fewest_that_reach_p(logits, temperature, p):
    """At least one; without the last of them p is not reached."""
    _, shares = Sampler(temperature, top_p=p).ranked(logits)
    left = (shares > 0).sum(-1)
    assert (left >= 1).all()
    for row, count in zip(shares, left, strict=True):
        assert row.sum() >= p - 1e-9
        assert row[: count - 1].sum() < p


@given(finite, st.integers(0, 2**32 - 1), st.integers(1, 5), st.floats(0.05, 1))
def test_what_is_chosen_is_among_what_is_left(logits, seed, k, p):
    """For any draw, the largest and the smallest too."""
    sampler = Sampler(0.7, k, p)
    order, shares = sampler.ranked(logits)
    rows = len(logits)
    for draw in (draw_numbers(rows, seed), lambda: np.zeros(rows), lambda: np.full(rows, 1 - 2**-53)):
        for row, token in enumerate(sampler.choose(logits, draw)):
            assert shares[row, order[row].tolist().index(token)] > 0


@given(finite)
def test_temperature_0_takes_the_first_of_the_likeliest(logits):
    """Without drawing."""
    assert np.array_equal(Sampler(0).choose(logits, None), logits.argmax(-1))


def test_tokens_are_drawn_in_proportion_to_their_shares():
    """Even draws give each token its share, to a part in a thousand."""
    logits = np.log(np.array([[0.1, 0.2, 0.3, 0.4]]))
    draws = [lambda u=u: np.array([u]) for u in (np.arange(1000) + 0.5) / 1000]
    counts = np.bincount([Sampler().choose(logits, draw)[0] for draw in draws])
    assert counts.tolist() == [100, 200, 300, 400]


def test_a_high_temperature_evens_and_a_low_one_sharpens():
    """The likeliest token's share falls and rises."""
    logits = np.array([[1.0, 0.0]])
    cold, plain, hot = (Sampler(t).ranked(logits)[1][0, 0] for t in (0.25, 1.0, 4.0))
    assert cold == pytest.approx(1 / (1 + math.exp(-4)))
    assert hot < plain < cold


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_are_refused(value):
    """A model that has diverged does not speak."""
    with pytest.raises(RangeError, match="logits must be finite"):
        Sampler().choose(np.array([[0.0, value]]), draw_numbers(1, 0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature must be a finite number of at least 0; got -1"),
        ({"temperature": math.nan}, "temperature must be"),
        ({"temperature": math.inf}, "temperature must be"),
        ({"top_k": 0}, "top_k must be a whole number above 0; got 0"),
        ({"top_k": 2.5}, "top_k must be"),
        ({"top_p": 0}, r"top_p must be in \(0, 1\]; got 0"),
        ({"top_p": 1.1}, "top_p must be"),
        ({"top_p": math.nan}, "top_p must be"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    """By name, with the rule."""
    with pytest.raises(RangeError, match=message):
        Sampler(**options)


def test_each_row_draws_from_a_generator_of_its_own():
    """A row's numbers do not depend on how many rows there are."""
    few, many = draw_numbers(2, 7), draw_numbers(5, 7)
    for _ in range(3):
        assert np.array_equal(few(), many()[:2])
