"""JSON and Protocol Buffers say the same, to the last unknown member, and a stranger's message is refused in words."""

import contextlib
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.capstone.record import canonical_bytes, upgraded
from tinytorch.capstone.structure import SCHEMA_FILES
from tinytorch.errors import DataError, StateError

pytest.importorskip("google.protobuf")

from tinytorch.capstone.record import submission_pb2 as pb2
from tinytorch.capstone.record.proto import from_proto, is_proto, to_proto

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "submissions"
FULL = json.loads((GOLDEN / "measured.v2.json").read_text(encoding="utf-8"))
SCHEMA = json.loads(SCHEMA_FILES[2].read_text(encoding="utf-8"))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(max_size=6) | st.sampled_from(["QUJD", "QUJ=", "a/b", "~1", "0"])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def like(descriptor, depth=0):
    """Draw documents that look like a message: its members' names, fitting values and unfit ones, and unknown names."""
    members = {field.name: fitting(field, depth) | JSON for field in descriptor.fields}
    if depth > 3:
        return JSON
    known = st.fixed_dictionaries({}, optional=members)
    return st.builds(lambda a, b: b | a, known, st.dictionaries(TEXTS, JSON, max_size=2))


def fitting(field, depth):
    """Draw values that a field can hold."""
    if field.message_type is None:
        one = NUMBERS | st.booleans() | TEXTS
        return st.lists(one, max_size=3) if field.name in {"notes", "command"} else one
    if field.message_type.name in {"Json", "ResourceEntry", "SeedsEntry"}:
        return st.dictionaries(TEXTS, NUMBERS | TEXTS, max_size=3)
    if field.message_type.name == "Rounds":
        return st.lists(st.lists(NUMBERS, max_size=3), max_size=3)
    inner = st.deferred(lambda: like(field.message_type, depth + 1))
    return st.lists(inner, max_size=2) if field.name == "techniques" else inner


@settings(max_examples=150, deadline=None)
@given(like(pb2.Record.DESCRIPTOR))
def test_every_document_comes_back_as_it_was(document):
    """Known members with fitting values and with others, unknown members anywhere, empty lists and objects, nulls."""
    document["schema_version"] = "2.0.0"
    again = from_proto(to_proto(document))
    assert canonical_bytes(again) == canonical_bytes(document)


@settings(deadline=None)
@given(JSON)
def test_anything_under_a_name_of_ones_own_comes_back(value):
    """The extensions, and a member that nobody knows."""
    document = {"schema_version": "2.0.0", "mine": value, "extensions": {"mine": value}}
    assert canonical_bytes(from_proto(to_proto(document))) == canonical_bytes(document)


def test_a_measured_record_comes_back_and_takes_less_room():
    """Nothing in it has to travel as text beside the fields, but the baseline's empty list of techniques."""
    data = to_proto(FULL)
    assert from_proto(data) == FULL
    assert len(data) < len(canonical_bytes(FULL))
    others = pb2.Submission.FromString(data).others
    assert {other.json for other in others} == {"[]"}


def test_writing_twice_gives_the_same_bytes():
    """Whatever the order of the members."""
    backwards = dict(reversed(FULL.items()))
    assert to_proto(FULL) == to_proto(backwards)
    assert is_proto(to_proto(FULL))
    assert not is_proto(json.dumps(FULL).encode())
    assert not is_proto(b"")


def test_every_member_of_the_schema_has_a_field():
    """A new one needs a new number in submission.proto."""

    def missing(kind, descriptor, at):
        for name, part in kind["properties"].items():
            field = descriptor.fields_by_name.get(name)
            inner = part.get("$ref") or part.get("items", {}).get("$ref")
            if field is None:
                yield f"{at}.{name}"
            elif inner and field.message_type.name not in {"Json", "ResourceEntry"}:
                yield from missing(SCHEMA["$defs"][inner.rpartition("/")[2]], field.message_type, f"{at}.{name}")

    assert list(missing(SCHEMA, pb2.Record.DESCRIPTOR, "$")) == []


def test_version_one_has_json_only(by_hand):
    """The remedy says what to do."""
    with pytest.raises(DataError, match="upgraded"):
        to_proto(by_hand)
    assert from_proto(to_proto(upgraded(by_hand))) == upgraded(by_hand)


def message(*others, **record):
    """Write a message by hand."""
    made = pb2.Submission(others=[pb2.Other(pointer=pointer, json=text) for pointer, text in others])
    made.record.SetInParent()
    for name, value in record.items():
        setattr(made.record, name, value)
    return made.SerializeToString()


HOSTILE = {
    "no message": (b"Z\xff\xff\xff", "Protocol Buffers"),
    "a text that is not UTF-8": (b"Z\x03\x0a\x01\xff", "Protocol Buffers"),
    "a field of the future": (message() + b"\xa0\x06\x01", "known fields"),
    "a field of the future further in": (b"Z\x03\xa0\x06\x01", "known fields"),
    "a pointer to nowhere": (message(("/optimized/mood", "1")), "leads somewhere"),
    "a pointer into a text": (message(("/submission_type/x", "1"), submission_type="a"), "not there yet"),
    "a pointer to what is there": (message(("/submission_type", "1"), submission_type="a"), "not there yet"),
    "the same pointer twice": (message(("/a", "1"), ("/a", "2")), "not there yet"),
    "a pointer without a slash": (message(("a", "1")), "slash"),
    "a pointer to nothing": (message(("", "1")), "slash"),
    "a member that is no JSON": (message(("/a", "{")), "canonical JSON"),
    "a member that is NaN": (message(("/a", "NaN")), "canonical JSON|finite"),
    "a member that is not canonical": (message(("/a", "1.0")), "canonical JSON"),
    "doubled keys": (message(("/a", '{"b":1,"b":1}')), "canonical JSON"),
    "nested deeply": (message(("/a", "[" * 100_000)), "canonical JSON"),
    "nested more deeply than a document may be": (message(("/a", "[" * 80 + "]" * 80)), "nested"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_to_proto_did_not_write_is_refused(case):
    """With the reason, and never with another error."""
    data, reason = HOSTILE[case]
    with pytest.raises(DataError, match=reason):
        from_proto(data)


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data):
    """Never another error."""
    with contextlib.suppress(DataError):
        assert isinstance(from_proto(data), dict)


def test_without_the_extra_the_remedy_is_named(monkeypatch):
    """Protocol Buffers are optional."""
    monkeypatch.setitem(sys.modules, "tinytorch.capstone.record.submission_pb2", None)
    with pytest.raises(StateError, match=r"tinytorch\[proto\]"):
        to_proto(FULL)
