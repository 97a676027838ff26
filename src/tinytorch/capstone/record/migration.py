"""Old documents in the current form: one pure function a step, and a chain of them.

A step takes a valid document of one version and gives one of the next; it reads no clock, no machine and no file, so
that every reader of an old document gets the same new one. What the new version has no place for stays where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinytorch.capstone.record.first import second_of_first
from tinytorch.errors import DataError, explain

__all__ = ["CURRENT", "MIGRATIONS", "upgraded", "version_of"]

CURRENT = "2.0.0"

Object = dict[str, Any]

MIGRATIONS: dict[int, Callable[[Mapping[str, Any]], Object]] = {1: second_of_first}


def version_of(document: Mapping[str, Any]) -> int:
    """Name the major version that a document says it has: 1 for the integer 1, and where it says nothing.

    Raises:
        DataError: If it is neither 1 nor a semantic version from 2.0.0 on.

    Example:
        >>> version_of({}), version_of({"schema_version": 1}), version_of({"schema_version": "2.1.0"})
        (1, 1, 2)
    """
    said = document.get("schema_version", 1)
    if isinstance(said, int) and not isinstance(said, bool) and said == 1:
        return 1
    numbers = said.split(".") if isinstance(said, str) else []
    if len(numbers) == 3 and all(number.isdecimal() and number.isascii() for number in numbers) and len(said) < 30:
        major = int(numbers[0])
        if major > 1:
            return major
    rule = "1, or a semantic version such as '2.0.0'"
    raise DataError(explain("schema_version", rule, said, at="$.schema_version"))


def upgraded(document: Mapping[str, Any]) -> Object:
    """Give a valid document in the current version; one that is current already comes back as it is, uncopied.

    Raises:
        DataError: If its version is newer than this package knows, or none.

    Example:
        >>> upgraded({"schema_version": "2.0.0"})
        {'schema_version': '2.0.0'}
    """
    current, found = int(CURRENT.partition(".")[0]), document
    while (version := version_of(found)) != current:
        if version not in MIGRATIONS:
            remedy = "Upgrade tinytorch to read a newer submission."
            rule = f"at most {CURRENT}"
            raise DataError(explain("schema_version", rule, version, at="$.schema_version", remedy=remedy))
        found = MIGRATIONS[version](found)
    return found  # type: ignore[return-value]
