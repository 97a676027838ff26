"""Counting characters: probabilities that add up, and values worked out by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.capstone.milestones.ngrams import NGrams
from tinytorch.errors import RangeError

modestly = settings(deadline=None, derandomize=True, max_examples=60, database=None)

TEXTS = st.lists(st.text("abc", max_size=30), min_size=1, max_size=3)


@modestly
@given(TEXTS, st.integers(1, 5), st.text("abcd", max_size=6))
def test_probabilities_add_up_to_1_after_every_context(texts, order, context):
    """Seen or not; over the whole vocabulary, with a character that never occurred; and none of them is 0."""
    model = NGrams(order, texts, "abcd")
    probabilities = [model.probability(context, character) for character in "abcd"]
    assert sum(probabilities) == pytest.approx(1.0)
    assert min(probabilities) > 0


def test_a_unigram_model_takes_the_discount_off_each_count():
    """By hand: of aab, n1 = n2 = 1, so that D = 1 / (1 + 2) = 1/3; P(a) = (2 - D) / 3 + D * 2 / 3 * 1/3."""
    model = NGrams(1, ["aab"], "abc")
    expected = [(2 - 1 / 3) / 3 + 2 / 27, (1 - 1 / 3) / 3 + 2 / 27, 2 / 27]
    assert [model.probability("", character) for character in "abc"] == pytest.approx(expected)


def test_shorter_contexts_count_what_was_before_not_how_often():
    """By hand: in `aaab cb`, b follows a and c, while d follows a only, however often."""
    model = NGrams(2, ["ab", "cb", "ad", "ad", "ad"], "abcd")
    assert model.tables[0][""] == {"b": 2, "d": 1}
    assert model.tables[1]["a"] == {"b": 1, "d": 3}


def test_longer_contexts_are_used_where_they_were_seen():
    """What always followed is likely, and a context that was never seen is as its end."""
    model = NGrams(3, ["abcabcabc"], "abc")
    assert model.probability("ab", "c") > 0.8
    assert model.probability("bb", "c") == model.probability("b", "c")
    assert model.probability("xxab", "c") == model.probability("ab", "c")


def test_the_loss_is_the_mean_over_all_characters_but_the_first():
    """Each from what is before it in its own text."""
    model = NGrams(2, ["abab"], "ab")
    logs = [math.log(model.probability("a", "b")), math.log(model.probability("b", "a"))]
    assert model.loss(["aba", "a"]) == pytest.approx(-sum(logs) / 2)


def test_contexts_do_not_reach_across_texts():
    """The last character of one text is no context of the next one's first."""
    assert "ab" not in NGrams(3, ["xa", "bc"], "abcx").tables[2]


def test_more_context_predicts_better_what_repeats():
    """The reason for n-grams."""
    text = "to be or not to be " * 20
    losses = [NGrams(order, [text], set(text)).loss([text]) for order in (1, 2, 3)]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("order", [0, -1, 1.5])
def test_an_order_that_is_no_count_is_refused(order):
    """With its name."""
    with pytest.raises(RangeError, match="order must be a whole number above 0"):
        NGrams(order, ["a"], "a")
