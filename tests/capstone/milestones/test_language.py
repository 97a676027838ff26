"""Training on tokens, and measuring on held-out ones."""

import numpy as np
import pytest

from tinytorch.capstone.milestones import reverse
from tinytorch.capstone.milestones.language import Plan, held_out_loss, learning_rate, train_language_model
from tinytorch.capstone.milestones.milestone import Run
from tinytorch.core import ops
from tinytorch.core.autograd import no_grad
from tinytorch.core.training import manual_seed
from tinytorch.core.transformers import GPT


@pytest.fixture
def model():
    """Give a small model of a context of 8."""
    manual_seed(0)
    return GPT(5, 8, 1, 2, max_seq_len=8)


def one_by_one(model, text, starts):
    """Add up -log p, each token predicted from the tokens from its own start on."""
    total = 0.0
    with no_grad():
        for place, start in starts.items():
            logs = ops.log_softmax(model(text[None, start:place])).data[0, -1]
            total -= float(logs[text[place]])
    return total


@pytest.mark.parametrize("size", [2, 5, 9])
def test_a_text_of_one_window_is_predicted_from_its_beginning(model, size):
    """Every token but the first, once."""
    text = np.random.default_rng(size).integers(0, 5, size)
    expected = one_by_one(model, text, dict.fromkeys(range(1, size), 0))
    assert held_out_loss(model, text) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("size", [10, 13, 14, 40])
def test_a_longer_text_is_predicted_from_half_a_window_at_least(model, size):
    """Windows begin at 0, 4, 8, ... and at the last possible place; each target counts in the first that has it."""
    text = np.random.default_rng(size).integers(0, 5, size)
    beginnings = sorted({*range(0, size - 9, 4), size - 9})
    starts = {place: next(b for b in beginnings if b < place <= b + 8) for place in range(1, size)}
    assert min(place - start for place, start in starts.items() if place > 8) > 4
    assert held_out_loss(model, text) == pytest.approx(one_by_one(model, text, starts), rel=1e-5)


def test_the_rate_rises_and_falls():
    """To the highest at the end of the rise, to a hundredth at the end."""
    plan = Plan(steps=200, learning_rate=2.0)
    rates = [learning_rate(plan, step) for step in range(200)]
    assert rates.index(max(rates)) in {9, 10}
    assert (max(rates), rates[-1]) == pytest.approx((2.0, 0.02))
    assert rates[10:] == sorted(rates[10:], reverse=True)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_few_steps_have_rates_too(steps):
    """A smoke run has three."""
    assert all(0 < learning_rate(Plan(steps, 1.0), step) <= 1 for step in range(steps))


def test_a_line_is_learned_by_heart(model):
    """The loop trains."""
    text = np.array([[0, 1, 2, 3, 4, 4, 3, 2]])
    train_language_model(Run(), model, Plan(60, 0.05), lambda: (text[:, :-1], text[:, 1:], ...))
    assert held_out_loss(model, text[0]) < 0.5


def test_strings_for_testing_are_never_trained_on():
    """Their digits add up to another last digit, by construction."""
    rng = np.random.default_rng(0)
    next_batch = reverse._batches(rng)
    for _ in range(30):
        tokens, targets, (_, counted) = next_batch()
        length = counted.start
        strings = tokens[:, :length]
        assert len(strings) == reverse.BATCH_SIZE
        assert (strings.sum(axis=1) % 10 != reverse.HELD_OUT).all()
        assert (tokens[:, length] == reverse.EQUALS).all()
        assert np.array_equal(targets[:, counted], strings[:, ::-1])
    held_out = reverse._strings(rng, 6, 50, held_out=True)
    assert held_out.shape == (50, 6)
    assert (held_out.sum(axis=1) % 10 == reverse.HELD_OUT).all()


def test_an_answer_is_right_if_every_digit_is():
    """One wrong digit is a mistake."""
    strings = np.array([[1, 2, 3], [1, 2, 3]])
    assert reverse._are_reversed(strings, np.array([[3, 2, 1], [3, 2, 2]])).tolist() == [True, False]
