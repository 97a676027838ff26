"""One meaning, one sequence of bytes: canonical JSON, which hashes and signatures are made of.

Keys are sorted, nothing is indented, and numbers are written as ECMAScript writes them: 1 and 1.0 are the same number
and the same bytes. Every number of JSON is a double to this standard, so that an integer which no double holds has no
canonical form and is refused.

Source:
    A. Rundgren, B. Jordan, S. Erdtman (2020), JSON Canonicalization Scheme (JCS), RFC 8785.
"""

from __future__ import annotations

import hashlib
from typing import Any

from tinytorch.capstone.documents import Problem, Steps, plain
from tinytorch.errors import DataError

__all__ = ["LARGEST_INTEGER", "canonical_bytes", "document_sha256"]

LARGEST_INTEGER = 2**53 - 1
REMEDY = "Write a larger one as text."


def canonical_bytes(document: object) -> bytes:
    """Write a document of JSON's types in its canonical form, UTF-8.

    Raises:
        DataError: If a value is none of JSON's, is NaN or infinite, or is an integer that no double holds digit by
            digit; every such value is named.

    Example:
        >>> canonical_bytes({"b": 1.0, "a": [True, None, "é"]}).decode()
        '{"a":[true,null,"é"],"b":1}'
    """
    import rfc8785

    copy, found = plain(document)
    exact = _exact(copy, (), found)
    if found:
        raise DataError("\n".join(str(problem) for problem in found))
    written: bytes = rfc8785.dumps(exact)
    return written


def document_sha256(document: object) -> str:
    """Hash the canonical form of a document: 64 hexadecimal digits.

    Raises:
        DataError: As `canonical_bytes` does.

    Example:
        >>> document_sha256({"a": 1}) == document_sha256({"a": 1.0})
        True
    """
    return hashlib.sha256(canonical_bytes(document)).hexdigest()


def _exact(value: Any, steps: Steps, found: list[Problem]) -> Any:
    """Replace large integers by the doubles that are written with the same digits."""
    if isinstance(value, dict):
        return {key: _exact(item, (*steps, key), found) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item, (*steps, index), found) for index, item in enumerate(value)]
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) <= LARGEST_INTEGER:
        return value
    if not _is_double(value):
        rule = "an integer that a double holds digit by digit, as all of -(2^53-1) to 2^53-1 are"
        found.append(Problem(steps, rule, value, REMEDY))
    return float(value)


def _is_double(value: int) -> bool:
    import rfc8785

    written: bytes = rfc8785.dumps(float(value))  # 1e20 is written as 100000000000000000000, and read as an integer
    return written == str(value).encode() if value.bit_length() < 80 else False
