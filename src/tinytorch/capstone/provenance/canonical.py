"""Reading what was signed or chained: bytes of bounded number, that must be the canonical ones of one document."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from tinytorch.capstone.record.canonical import canonical_bytes
from tinytorch.errors import DataError, explain

__all__ = ["MOST_BYTES", "canonical_document", "document_of", "read_bounded", "sha256_of"]

MOST_BYTES = 64 * 2**20  # a submission with its raw samples has 0.1 to 1 MB


def sha256_of(content: bytes) -> str:
    """Hash bytes, as lower-case hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def document_of(content: bytes, at: str) -> dict[str, Any]:
    """Read one JSON object, strictly.

    Raises:
        DataError: If it is not UTF-8, not JSON, not one object; if it has NaN, infinity, or a key twice, or is nested
            too deep to read.

    Example:
        >>> document_of(b'{"a": 1}', "here")
        {'a': 1}
    """
    try:
        document = json.loads(content.decode(), parse_constant=_refuse_constant, object_pairs_hook=_object)
    except RecursionError as error:
        raise DataError(explain("the content", "nested less deep", "too many brackets", at=at)) from error
    except ValueError as error:  # JSON's own complaints, UTF-8's, and those of the two hooks
        raise DataError(explain("the content", "JSON in UTF-8", str(error), at=at)) from error
    if not isinstance(document, dict):
        raise DataError(explain("the content", "one JSON object", f"a {type(document).__name__}", at=at))
    return document


def canonical_document(content: bytes, at: str) -> dict[str, Any]:
    """Read one JSON object that must be written canonically: other bytes for the same document are refused.

    Raises:
        DataError: As `document_of` does, and if its canonical bytes are others than these.

    Example:
        >>> canonical_document(b'{"a":1}', "here")
        {'a': 1}
    """
    document = document_of(content, at)
    if canonical_bytes(document) != content:
        raise DataError(explain("the content", "canonical JSON (RFC 8785)", "other bytes for the same", at=at))
    return document


def read_bounded(path: str | os.PathLike[str], most: int = MOST_BYTES) -> bytes:
    """Read a whole file, which must not be larger than `most` bytes.

    Raises:
        DataError: If it cannot be read, or is larger.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise DataError(explain("the file", "readable", error.strerror, at=os.fspath(path))) from error
    if len(content) > most:
        raise DataError(explain("the file", f"at most {most} bytes", "more", at=os.fspath(path)))
    return content


def _refuse_constant(name: str) -> None:
    raise DataError(f"{name} is no number that JSON knows")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise DataError(f"the key {name!r} stands twice in one object")
        made[name] = value
    return made
