"""From the name of a factory to what it makes, each step timed."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Callable

from .workload import Refusal

__all__ = ["Factory", "found"]

Factory = Callable[[], Any]


def found(target: dict[str, Any]) -> Factory:
    """Import what `target["factory"]` names as `package.module:make`, and give it with its arguments bound.

    Raises:
        Refusal: If the module has no such name, or it cannot be called.
    """
    _extend_path(target.get("first_paths", ()), target.get("last_paths", ()))
    module, _, name = target["factory"].partition(":")
    value: Any = import_module(module)
    for step in name.split("."):
        value = _attribute(value, step, target["factory"])
    if not callable(value):
        raise Refusal(
            f"{target['factory']} must be callable; got a {type(value).__name__}. Name a function that makes one."
        )
    arguments = target.get("arguments", {})
    return lambda: value(**arguments)


def _attribute(owner: Any, name: str, spec: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        rule = "the name of a factory in a module that can be imported"
        raise Refusal(f"{spec} must be {rule}; got no {name!r} in it. Check the part after the colon.") from None


def _extend_path(first: Any, last: Any) -> None:
    """Put folders before, or behind, what this interpreter looks through anyway."""
    sys.path[:0] = [path for path in first if path not in sys.path]
    sys.path += [path for path in last if path not in sys.path]
