"""The same record in Protocol Buffers: every member of the JSON document, and nothing else.

The messages have the members' names. A value that has no field there, or that its field cannot hold (a text where a
number should be, an empty list, null), travels beside them as canonical JSON with its place, so that both forms always
say the same.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from tinytorch.capstone.intake import MOST_MARKS
from tinytorch.capstone.record.canonical import canonical_bytes
from tinytorch.capstone.record.migration import version_of
from tinytorch.errors import DataError, StateError, explain

__all__ = ["from_proto", "is_proto", "to_proto"]

Object = dict[str, Any]
Others = list[tuple[str, Any]]

FIRST_BYTES = b"Zb"  # of field 11, and of field 12, should another writer begin with that
UPGRADE = "Upgrade tinytorch to read a newer submission."
MOST_BYTES = 8 * 2**20  # a message of two bytes takes forty in memory
MOST_MESSAGES = 50_000  # in one list
JSON, ROUNDS = "tinytorch.submission.v2.Json", "tinytorch.submission.v2.Rounds"


def to_proto(document: Mapping[str, Any]) -> bytes:
    """Write a document of version 2 as the message `Submission` of schema/submission.proto.

    Raises:
        DataError: If the document has no canonical form, or is of version 1, which has JSON only.
        StateError: Without the extra `proto`.

    Example:
        >>> document = {"schema_version": "2.0.0", "notes": ["short"], "mood": None}
        >>> from_proto(to_proto(document)) == document
        True
    """
    if version_of(document) < 2:
        rule, remedy = "of version 2 or later", "Upgrade it first: `upgraded`, or --to-version 2."
        raise DataError(explain("what is written in Protocol Buffers", rule, "version 1", remedy=remedy))
    plain = json.loads(canonical_bytes(document))
    message, others = _messages().Submission(), list[tuple[str, Any]]()
    message.record.SetInParent()
    _fill(message.record, plain, "", others)
    for pointer, value in sorted(others, key=lambda other: other[0]):
        message.others.add(pointer=pointer, json=canonical_bytes(value).decode())
    written: bytes = message.SerializeToString(deterministic=True)
    return _require_small(written, "the message")


def from_proto(data: bytes, name: str = "the message") -> Object:
    """Read the document that `to_proto` wrote; whether it is valid is not judged here.

    Args:
        data: The message.
        name: What an error calls it.

    Raises:
        DataError: If it is larger than 8 MiB, is no such message, has fields that this version does not know, or
            contradicts itself.
        StateError: Without the extra `proto`.
    """
    message = _messages().Submission()
    try:
        message.ParseFromString(_require_small(data, name))
    except DataError:
        raise
    except Exception as error:  # every runtime has its own kinds, a UnicodeDecodeError among them
        raise DataError(explain("the file", "a submission in Protocol Buffers", f"{error}")) from error
    length = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != length:
        raise DataError(explain("the message", "made of known fields", "unknown ones", remedy=UPGRADE))
    document = _object(message.record)
    _require_few(message.others)
    for other in message.others:
        _put(document, other.pointer, _json(other.json))
    return document


def _require_small(data: bytes, name: str) -> bytes:
    if len(data) > MOST_BYTES:
        rule = f"of at most {MOST_BYTES:,} bytes in Protocol Buffers"
        raise DataError(explain("a submission", rule, f"{len(data):,}", at=name, remedy="Keep fewer samples."))
    return data


def _require_few(others: Any) -> None:
    """Hold members without a field to what a JSON file may have, before any is parsed."""
    for mark, most in MOST_MARKS.items():
        count = sum(other.json.count(mark) for other in others)
        if count > most:
            raise DataError(explain("members without a field", f"of at most {most:,} times {mark!r}", f"{count:,}"))


def is_proto(data: bytes) -> bool:
    """Say whether a file's bytes are a message rather than JSON, by the first of them.

    Example:
        >>> is_proto(b'{"schema_version": 1}'), is_proto(to_proto({"schema_version": "2.0.0"}))
        (False, True)
    """
    return data[:1] != b"" and data[:1] in FIRST_BYTES


def _messages() -> Any:
    try:
        return import_module("tinytorch.capstone.record.submission_pb2")
    except ImportError as error:
        remedy = "pip install 'tinytorch[proto]'"
        raise StateError(explain("Protocol Buffers", "installed", "nothing", remedy=remedy)) from error


def _fill(message: Any, values: Object, at: str, others: Others) -> None:
    """Set the fields of a message; what none of them can hold is added to the others."""
    fields = message.DESCRIPTOR.fields_by_name
    for name, value in values.items():
        place = f"{at}/{_escaped(name)}"
        if name not in fields or not _set(message, fields[name], value, place, others):
            others.append((place, value))


def _set(message: Any, field: Any, value: Any, place: str, others: Others) -> bool:
    """Set one field, and say whether it can hold the value."""
    if _is_map(field):
        return _set_map(getattr(message, field.name), field, value)
    if field.message_type is None:
        return _set_numbers_or_texts(message, field, value)
    if field.message_type.full_name == JSON:
        getattr(message, field.name).text = canonical_bytes(value).decode()
        return True
    if not _is_repeated(field):
        return _set_message(getattr(message, field.name), value, place, others)
    if field.message_type.full_name == ROUNDS:
        return _set_rounds(getattr(message, field.name), value)
    return _set_messages(getattr(message, field.name), value, place, others)


def _set_map(target: Any, field: Any, value: Any) -> bool:
    if not isinstance(value, dict) or not value:
        return False
    kind = field.message_type.fields_by_name["value"]
    fitting = {key: _fitting(kind, item) for key, item in value.items()}
    if None in fitting.values():
        return False
    target.update(fitting)
    return True


def _set_numbers_or_texts(message: Any, field: Any, value: Any) -> bool:
    if not _is_repeated(field):
        fitting = _fitting(field, value)
        if fitting is not None:
            setattr(message, field.name, fitting)
        return fitting is not None
    found = [_fitting(field, item) for item in value] if isinstance(value, list) else []
    if not found or None in found:
        return False
    getattr(message, field.name).extend(found)
    return True


def _set_message(target: Any, value: Any, place: str, others: Others) -> bool:
    if not isinstance(value, dict):
        return False
    target.SetInParent()  # an empty object is there, too
    _fill(target, value, place, others)
    return True


def _set_messages(target: Any, value: Any, place: str, others: Others) -> bool:
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        return False
    for index, item in enumerate(value):
        _fill(target.add(), item, f"{place}/{index}", others)
    return True


def _set_rounds(target: Any, value: Any) -> bool:
    if not isinstance(value, list) or not value or not all(isinstance(item, list) for item in value):
        return False
    if not all(_is_number(number) for session in value for number in session):
        return False
    for session in value:
        target.add(values=session)
    return True


def _fitting(field: Any, value: Any) -> Any:
    """Give a value as its field holds it; none where it cannot."""
    if field.type == field.TYPE_STRING:
        return value if isinstance(value, str) else None
    if field.type == field.TYPE_BYTES:
        return _from_base64(value)
    if field.type == field.TYPE_BOOL:
        return value if isinstance(value, bool) else None
    if not _is_number(value):
        return None
    if field.type == field.TYPE_DOUBLE:
        return float(value)
    return int(value) if float(value).is_integer() and abs(value) < 2**62 else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _from_base64(value: Any) -> bytes | None:
    """Give the bytes of a text that is their one base64."""
    try:
        data = base64.b64decode(value, validate=True)
    except (TypeError, ValueError):
        return None
    return data if base64.b64encode(data).decode() == value else None


def _object(message: Any) -> Object:
    return {field.name: _value(field, value) for field, value in message.ListFields()}


def _value(field: Any, value: Any) -> Any:
    if _is_map(field):
        return dict(value)
    if field.message_type is None:
        return [_plain(field, item) for item in value] if _is_repeated(field) else _plain(field, value)
    if _is_repeated(field) and len(value) > MOST_MESSAGES:
        raise DataError(explain(field.name, f"a list of at most {MOST_MESSAGES:,}", f"{len(value):,}"))
    name = field.message_type.full_name
    if name == JSON:
        return _json(value.text)
    if name == ROUNDS:
        return [list(session.values) for session in value]
    return [_object(item) for item in value] if _is_repeated(field) else _object(value)


def _plain(field: Any, value: Any) -> Any:
    return base64.b64encode(value).decode() if field.type == field.TYPE_BYTES else value


def _is_repeated(field: Any) -> bool:
    if hasattr(field, "is_repeated"):  # protobuf 6.31 has it; 7 has no label
        return bool(field.is_repeated)
    return bool(field.label == field.LABEL_REPEATED)


def _is_map(field: Any) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _json(text: str) -> Any:
    """Read canonical JSON, and no other: that rules out doubled keys, NaN and a second way to say the same."""
    try:
        value = json.loads(text)
        is_canonical = canonical_bytes(value) == text.encode()
    except (ValueError, RecursionError) as error:
        raise DataError(explain("a member's text", "canonical JSON", str(error))) from error
    if not is_canonical:
        raise DataError(explain("a member's text", "canonical JSON", text, remedy="Write it as RFC 8785 says."))
    return value


def _put(document: Object, pointer: str, value: Any) -> None:
    """Put a value where a pointer leads: to a member that is not there yet."""
    *way, last = _steps(pointer)
    place: Any = document
    try:
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(explain("a pointer", "one that leads somewhere", pointer)) from error
    if not isinstance(place, dict) or last in place:
        raise DataError(explain("a pointer", "one to a member that is not there yet", pointer))
    place[last] = value


def _steps(pointer: str) -> Iterator[str]:
    if not pointer.startswith("/"):
        raise DataError(explain("a pointer", "begun with a slash", pointer))
    return (step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/"))


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
