"""Files from strangers, read with suspicion: whatever the bytes, an object of JSON's types or one `DataError`.

Time and memory are bounded before parsing: by the file's size, and by how many values, lists, objects and members it
can hold.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from tinytorch.errors import DataError, explain

__all__ = ["MOST_BYTES", "MOST_DIGITS", "MOST_MARKS", "content_of", "json_document", "read_bounded"]

Object = dict[str, Any]

MOST_BYTES = 32 * 2**20
# Of each character: so many there may be. An object is dearer than a list, and a list than a number; together they
# bound a parsed file to about 200 MB. A file of two models with 100,000 samples each has 400,000 commas.
MOST_MARKS = {",": 2_000_000, "[": 200_000, "{": 50_000, ":": 200_000}
MOST_DIGITS = 400  # of a whole number: more than the largest float has; reading n digits takes n squared steps

OTHER_FORMATS = {
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\x00": "an xz file",
    b"(\xb5/\xfd": "a zstd file",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"\x80\x02": "a pickle, which is never loaded",
    b"\x80\x04": "a pickle, which is never loaded",
    b"\x80\x05": "a pickle, which is never loaded",
}


def content_of(path: str | os.PathLike[str], most: int = MOST_BYTES) -> bytes:
    """Read a file that is to be a submission.

    Raises:
        DataError: If it cannot be read, is no regular file or larger than `most` bytes, or is plainly something else.
    """
    content = read_bounded(path, most)
    for beginning, what in OTHER_FORMATS.items():
        if content.startswith(beginning):
            remedy = "Unpack it first." if "file" in what or "archive" in what else None
            raise DataError(explain("the file", "a submission, as JSON", what, at=os.fspath(path), remedy=remedy))
    return content


def read_bounded(path: str | os.PathLike[str], most: int = MOST_BYTES) -> bytes:
    """Read a file whole, if it is a regular one of at most so many bytes.

    Raises:
        DataError: If it is not, or cannot be read.
    """
    try:
        return _read(path, most)
    except DataError:
        raise
    except (OSError, ValueError) as error:  # the latter for names that no file can have
        got = getattr(error, "strerror", None) or str(error)
        raise DataError(explain("the file", "readable", got, at=os.fspath(path))) from error


def json_document(content: bytes, name: str) -> Object:
    """Parse the content of the file `name` as JSON.

    Raises:
        DataError: If it is not UTF-8, not JSON, not one object; if it has NaN or infinity, the same key twice in an
            object, a whole number of more than `MOST_DIGITS` digits, more of a mark than `MOST_MARKS` says, or is
            nested too deep.

    Example:
        >>> json_document(b'{"a": [1, 2.5]}', "s.json")
        {'a': [1, 2.5]}
    """
    document = _parsed(_text(content, name), name)
    if not isinstance(document, dict):
        raise DataError(explain("the file", "one JSON object", f"a {type(document).__name__}", at=name))
    return document


def _read(path: str | os.PathLike[str], most: int) -> bytes:
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            remedy = "Write it to a file first."
            raise DataError(
                explain("the file", "a regular file", "a pipe or device", at=os.fspath(path), remedy=remedy)
            )
        content = file.read(most + 1)  # whatever the system says of the size: that may change, and is 0 under /proc
    if len(content) > most:
        got = f"{max(Path(path).stat().st_size, len(content)):,} bytes"
        raise DataError(explain("the file", f"of at most {most:,} bytes", got, at=os.fspath(path)))
    return content


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting: a pipe that nobody writes to would wait for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _text(content: bytes, name: str) -> str:
    for mark, most in MOST_MARKS.items():
        count = content.count(mark.encode()) if len(content) > most else 0
        if count > most:
            raise DataError(explain("the file", f"of at most {most:,} times {mark!r}", f"{count:,}", at=name))
    try:
        return content.decode("utf-8-sig")  # some editors mark the beginning
    except UnicodeDecodeError as error:
        raise DataError(explain("the file", "UTF-8 text", f"{error.reason}", at=name)) from error


def _parsed(text: str, name: str) -> Any:
    try:
        return READER.decode(text)
    except RecursionError as error:
        raise DataError(explain("the file", "nested less deep", "too many brackets", at=name)) from error
    except ValueError as error:  # JSON's own complaints, and those of the hooks
        raise DataError(explain("the file", "JSON", str(error), at=name)) from error


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise DataError(f"a whole number of {len(digits):,} digits")
    return int(digits)


def _refuse_constant(name: str) -> None:
    raise DataError(f"{name} is no number that JSON knows")


def _object_of_distinct_keys(pairs: list[tuple[str, Any]]) -> Object:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DataError(f"the key {twice!r} stands twice in one object")
    return made


READER = json.JSONDecoder(
    parse_int=_integer, parse_constant=_refuse_constant, object_pairs_hook=_object_of_distinct_keys
)
