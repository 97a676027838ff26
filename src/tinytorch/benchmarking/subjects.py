"""What is measured: an importable factory, a saved model, or something that lives in this process.

A factory is named `package.module:make`, and a fresh process imports it; arguments stand behind a question mark, as in
`package.module:make?width=64&bias=false`. It returns a call without arguments, an object with `call` (see `Workload`),
or `(model, inputs)` with labels behind them or not. Something that lives here is any of these; it is measured in forked
copies of this process, or in this process itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tinytorch.benchmarking.saved import SAVED
from tinytorch.benchmarking.workers.program.workload import FORMS, Workload
from tinytorch.errors import DataError, DTypeError, RangeError, explain

__all__ = ["Subject", "Workload", "subject_of"]

FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
LONGEST_TARGET = 16_000  # bytes: a request that a pipe takes whole
REMEDY = "Give package.module:make, the path of a saved model, a call, or (model, inputs)."


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One thing to measure, and where it can be had.

    Attributes:
        name: What readers call it.
        factory: `package.module:make`; none for what lives in this process.
        arguments: What the factory is called with.
        python: The interpreter that runs it; none is the one that runs now.
        paths: Folders that its modules are looked for in before any others.
        live: What lives in this process, in one of the forms of a factory's result; none with a factory.
    """

    name: str
    factory: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    python: str | None = None
    paths: tuple[str, ...] = ()
    live: Any = None

    @property
    def is_live(self) -> bool:
        """Whether it lives in this process."""
        return self.factory is None

    def make(self) -> Any:
        """Give what lives here; the forked or present process calls this in place of a factory."""
        return self.live

    def describe(self) -> dict[str, Any]:
        """Say what it is, for a record: no path, no address, nothing of the machine."""
        kind = "live" if self.is_live else "factory"
        described = {"name": self.name, "kind": kind, "factory": self.factory, "arguments": dict(self.arguments)}
        return described | {"own_interpreter": self.python is not None}


def subject_of(given: Any, name: str | None = None, python: str | None = None, paths: tuple[str, ...] = ()) -> Subject:
    """Make a subject of whatever a caller names or hands over.

    Args:
        given: `package.module:make`, the path of a saved model (`model.safetensors?compiled=true` for it to run
            compiled), a call without arguments, a `Workload`, a tuple (model, inputs), or a `Subject`, which stays as
            it is.
        name: What readers call it; by default what stands before any arguments, or a live object's own name.
        python: The interpreter to run it in; only what can be imported can have one.
        paths: Folders that its modules are looked for in first.

    Raises:
        RangeError: If the name of a factory or its arguments cannot be read.
        DataError: If a path names no saved model that is known.
        DTypeError: If it is none of these.

    Example:
        >>> subject = subject_of("package.module:make?width=64&bias=false")
        >>> subject.name, subject.factory, subject.arguments
        ('package.module:make?width=64&bias=false', 'package.module:make', {'width': 64, 'bias': False})
    """
    if isinstance(given, Subject):
        return given
    if isinstance(given, Path) or (isinstance(given, str) and _is_saved(given)):
        factory, arguments = _saved(given)
        return Subject(name or _stem(given), factory, arguments, python, paths)
    if isinstance(given, str):
        factory, arguments = _parsed(given)
        return Subject(name or given, factory, arguments, python, paths)
    if python is not None:
        got = f"a live {type(given).__name__}"
        remedy = "Name a factory as package.module:make."
        raise DTypeError(explain("a subject of another interpreter", "importable there", got, remedy=remedy))
    _require_form(given)
    return Subject(name or _own_name(given), live=given)


def _is_saved(text: str) -> bool:
    return Path(text.partition("?")[0]).suffix in SAVED and ":" not in Path(text).name


def _stem(given: Path | str) -> str:
    name, mark, query = given.partition("?") if isinstance(given, str) else (given, "", "")
    return Path(name).stem + mark + query


def _saved(given: Path | str) -> tuple[str, dict[str, Any]]:
    name, mark, query = given.partition("?") if isinstance(given, str) else (given, "", "")
    path = Path(name)
    factory = SAVED.get(path.suffix)
    if factory is None:
        rule = f"a file that ends in {' or '.join(SAVED)}"
        raise DataError(explain("a saved model", rule, path.name, remedy="Write a factory that loads it."))
    if not path.is_file():
        raise DataError(explain("a saved model", "a file that can be read", f"no file {path.name}"))
    return factory, {"path": str(path.absolute())} | (_arguments(query, str(given)) if mark else {})


def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    factory, mark, query = text.partition("?")
    if not FACTORY.fullmatch(factory):
        raise RangeError(explain("a subject", "a factory such as package.module:make", repr(text), remedy=REMEDY))
    if len(text.encode()) > LONGEST_TARGET:
        raise RangeError(explain("a subject", f"at most {LONGEST_TARGET} bytes long", f"{len(text)} characters"))
    return factory, _arguments(query, text) if mark else {}


def _arguments(query: str, text: str) -> dict[str, Any]:
    if query.startswith("{"):
        return _json_arguments(query, text)
    pairs = parse_qsl(query, keep_blank_values=True)
    if not all("=" in part for part in query.split("&")) or not all(name.isidentifier() for name, _ in pairs):
        rule = "name=value pairs with & between them, or a JSON object"
        raise RangeError(explain("the arguments of a factory", rule, repr(query), at=text))
    return {name: _value(value) for name, value in pairs}


def _json_arguments(query: str, text: str) -> dict[str, Any]:
    try:
        arguments: dict[str, Any] = json.loads(query)
    except ValueError as error:
        raise RangeError(explain("the arguments of a factory", "a JSON object", str(error), at=text)) from None
    return arguments


def _value(text: str) -> Any:
    """Read a number, true, false, null or any other JSON; all else is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _require_form(given: Any) -> None:
    is_pair = isinstance(given, tuple) and len(given) in (2, 3)
    if not (callable(given) or callable(getattr(given, "call", None)) or is_pair):
        raise DTypeError(
            explain("a subject", f"a factory's name or {FORMS}", f"a {type(given).__name__}", remedy=REMEDY)
        )


def _own_name(given: Any) -> str:
    first = given[0] if isinstance(given, tuple) else given
    name = getattr(first, "__qualname__", None) or getattr(first, "name", None)
    return name if isinstance(name, str) else type(first).__name__
