"""Every error is a TinyTorchError, is what Python's own code would catch, and says the same things in one form."""

import pytest

from tinytorch import errors

BUILT_IN = {
    "ShapeError": (ValueError,),
    "DTypeError": (TypeError,),
    "RangeError": (ValueError,),
    "StateError": (RuntimeError,),
    "DataError": (ValueError,),
    "MeasurementError": (RuntimeError,),
    "SubmissionError": (AssertionError, ValueError),
}


def test_every_error_is_listed_here():
    kinds = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert kinds - {"TinyTorchError"} == set(BUILT_IN)


@pytest.mark.parametrize(("name", "bases"), BUILT_IN.items())
def test_an_error_is_caught_by_the_tree_and_by_the_built_in_kinds(name, bases):
    kind = getattr(errors, name)
    for base in (errors.TinyTorchError, *bases):
        with pytest.raises(base):
            raise kind("a message")


def test_a_submission_error_keeps_every_problem():
    assert errors.SubmissionError("two", ["first", "second"]).problems == ("first", "second")
    assert errors.SubmissionError("none").problems == ()


def test_a_message_without_place_and_remedy_ends_with_a_full_stop():
    assert errors.explain("x", "positive", -1) == "x must be positive; got -1."


def test_a_message_says_the_place_and_the_remedy():
    message = errors.explain("x", "positive", -1, at="a.json", remedy="Take the root.")
    assert message == "x must be positive; got -1 — at a.json. Take the root."


def test_a_long_value_is_cut_so_that_the_message_stays_readable():
    message = errors.explain("x", "short", [0] * 10_000)
    assert len(message) < 250
    assert "…" in message


def test_text_is_shown_as_it_is_and_values_as_python_writes_them():
    assert "got a file of 3 bytes" in errors.explain("x", "y", "a file of 3 bytes")
    assert "got ['a']" in errors.explain("x", "y", ["a"])
