"""One meaning has one sequence of bytes, and what has none is refused."""

import hashlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.capstone.record import canonical_bytes, document_sha256
from tinytorch.errors import DataError

NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON)
def test_reading_the_bytes_and_writing_them_again_changes_nothing(document):
    """Whoever reads a canonical document can hash it again."""
    written = canonical_bytes(document)
    assert canonical_bytes(json.loads(written)) == written


def test_the_form_is_that_of_the_standard():
    """The example of RFC 8785, section 3.2.2, less its two control characters in a key."""
    document = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical_bytes(document).decode() == expected


def test_keys_are_sorted_as_utf_16():
    """An emoji is written with surrogates, which come before the private characters."""
    assert canonical_bytes({"\ue000": 1, "😀": 2}).decode() == '{"😀":2,"\ue000":1}'


@pytest.mark.parametrize("value", [2**53, -(2**53), 2**53 + 1, 2**60, 10**22 + 1, 10**400])
def test_an_integer_that_no_double_holds_digit_by_digit_is_refused(value):
    """Every reader of JSON would otherwise have another number, and the signature of nobody."""
    if value in {2**53, -(2**53)}:
        assert canonical_bytes(value) == str(value).encode()  # a double writes it with the same digits
        return
    with pytest.raises(DataError, match=r"\$\.a\[0\]"):
        canonical_bytes({"a": [value]})


def test_a_double_beyond_that_is_written_and_read_again():
    """1e20 has only digits when written, and so becomes an integer where it is read."""
    assert canonical_bytes(1e20) == canonical_bytes(10**20) == b"1" + b"0" * 20


@pytest.mark.parametrize("value", [math.nan, math.inf, {1: 2}, {1, 2}, "\ud800", b"bytes"])
def test_what_json_cannot_hold_is_refused_with_its_place(value):
    """The path tells where to look."""
    with pytest.raises(DataError, match=r"\$\.there"):
        canonical_bytes({"there": value})


def test_all_problems_are_named_at_once():
    """One run tells all."""
    with pytest.raises(DataError) as error:
        canonical_bytes({"a": math.nan, "b": 2**60})
    assert "$.a" in str(error.value)
    assert "$.b" in str(error.value)


def test_the_hash_is_that_of_the_bytes():
    """SHA-256, lower-case hexadecimal."""
    document = {"b": 1, "a": "é"}
    assert document_sha256(document) == hashlib.sha256('{"a":"é","b":1}'.encode()).hexdigest()
