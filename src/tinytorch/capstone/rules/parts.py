"""Ways into a document from which unsound values may be missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["inside", "models"]

Object = dict[str, Any]
NONE: Object = {}


def inside(owner: Object, name: str) -> Object:
    """Give the object of this name; an empty one where there is none, or null.

    Example:
        >>> inside({"a": {"b": 1}, "c": None}, "a"), inside({"c": None}, "c")
        ({'b': 1}, {})
    """
    return owner.get(name) or NONE


def models(submission: Object) -> Iterator[tuple[str, Object]]:
    """Go through the models that there are, with the name of each part."""
    for part in ("baseline", "optimized"):
        if part in submission:
            yield part, submission[part]
