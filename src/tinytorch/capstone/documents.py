"""Documents as JSON knows them: what may stand in one, where it stands, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from reprlib import Repr
from typing import Any

import numpy as np

from tinytorch.errors import explain

__all__ = ["MOST_PROBLEMS", "NOTHING", "Problem", "Steps", "Told", "is_plain", "plain", "shortened"]

Steps = tuple[str | int, ...]

DEEPEST = 64
MOST_PROBLEMS = 1000
MOST_ELEMENTS = 50_000
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 80


@dataclass(frozen=True, slots=True)
class Told:
    """Words that stand for a value which cannot be shown."""

    words: str

    def __repr__(self) -> str:
        return self.words


NOTHING = Told("nothing")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document; its text is one line in the house's form.

    Attributes:
        steps: The keys and indices that lead from the document to the value.
        rule: What the value must be.
        value: What it is; `NOTHING` if it is not there.
        remedy: What to do about it.
    """

    steps: Steps
    rule: str
    value: object
    remedy: str | None = None

    @property
    def path(self) -> str:
        """Where the value stands, from the document's root `$`.

        Example:
            >>> Problem(("baseline", "metrics", "samples", 3), "a number", "x").path
            '$.baseline.metrics.samples[3]'
        """
        return "$" + "".join(_step(step) for step in self.steps)

    def __str__(self) -> str:
        what = "the submission" if not self.steps else _step(self.steps[-1]).lstrip(".")
        if self.steps and isinstance(self.steps[-1], int):
            what = f"element {self.steps[-1]}"
        return explain(what, self.rule, _shown(self.value), at=self.path, remedy=self.remedy)


def is_plain(document: Any) -> bool:
    """Say whether a document holds nothing that `plain` would change or refuse; much faster than that.

    Example:
        >>> is_plain({"sizes": [1, 2.5, None]}), is_plain({"sizes": (1, 2)})
        (True, False)
    """
    texts, numbers, dicts, lists, others = list[Any](), list[Any](), list[Any](), list[Any](), list[Any]()
    kept = {str: texts, float: numbers, int: numbers, dict: dicts, list: lists, bool: others, type(None): others}
    keep: dict[type, Callable[[Any], None]] = {kind: found.append for kind, found in kept.items()}
    level: Iterable[Any] = (document,)
    try:
        for _ in range(DEEPEST + 1):
            for value in level:
                keep[type(value)](value)
            if not dicts and not lists:
                return _is_unicode("".join(texts)) and all(map(math.isfinite, numbers))
            texts.extend(chain.from_iterable(dicts))
            level = [*chain.from_iterable(map(dict.values, dicts)), *chain.from_iterable(lists)]
            dicts.clear()
            lists.clear()
    except (KeyError, TypeError, OverflowError):  # another type, a key that is no text, an integer beyond all floats
        return False
    return False


def plain(value: object) -> tuple[Any, list[Problem]]:
    """Copy a document into JSON's types, and list whatever has no place there.

    NumPy's numbers become Python's and tuples become lists. NaN, infinity, and values that JSON cannot hold are
    problems; none stands in the copy for each. Of more than `MOST_PROBLEMS`, the first are listed.

    Example:
        >>> plain({"sizes": (1, np.int64(2))})
        ({'sizes': [1, 2]}, [])
    """
    found: list[Problem] = []
    return _plain(value, (), (), found), found


def shortened(document: Any, most: int = MOST_ELEMENTS) -> tuple[Any, set[Steps]]:
    """Copy a document of JSON's types with at most so many elements of lists, but one of each; and say which were cut.

    Example:
        >>> shortened({"a": [1, 2], "b": [3], "c": [4, 5]}, 3)
        ({'a': [1, 2], 'b': [3], 'c': [4]}, {('c',)})
    """
    shorter, lost = _Shorter(most), set[Steps]()
    return shorter.copied(document, (), lost), lost


@dataclass(slots=True)
class _Shorter:
    left: int

    def copied(self, value: Any, at: Steps, lost: set[Steps]) -> Any:
        if isinstance(value, dict):
            return {name: self.copied(item, (*at, name), lost) for name, item in value.items()}
        if not isinstance(value, list):
            return value
        kept = value[: max(1, self.left)]
        self.left -= len(kept)
        if len(kept) < len(value):
            lost.add(at)
        return [self.copied(item, (*at, index), lost) for index, item in enumerate(kept)]


def _tell(found: list[Problem], problem: Problem) -> None:
    if len(found) < MOST_PROBLEMS:  # each takes room, and nobody reads a million
        found.append(problem)


def _plain(value: object, steps: Steps, around: tuple[int, ...], found: list[Problem]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping | list | tuple):
        return _plain_inside(value, steps, around, found)
    problem = _leaf_problem(value, steps)
    if problem is None:
        return value
    _tell(found, problem)
    return None


def _plain_inside(value: Any, steps: Steps, around: tuple[int, ...], found: list[Problem]) -> Any:
    if id(value) in around or len(around) >= DEEPEST:
        _tell(found, Problem(steps, f"nested at most {DEEPEST} deep, and not hold itself", Told("more")))
        return None
    around = (*around, id(value))
    if isinstance(value, Mapping):
        entries = _text_keys(value, steps, found)
        return {key: _plain(item, (*steps, key), around, found) for key, item in entries}
    return [_plain(item, (*steps, index), around, found) for index, item in enumerate(value)]


def _text_keys(value: Mapping[Any, object], steps: Steps, found: list[Problem]) -> Iterator[tuple[str, object]]:
    for key, item in value.items():
        if isinstance(key, str) and _is_unicode(key):
            yield str(key), item
        else:
            _tell(found, Problem(steps, "an object whose keys are text", Told(f"the key {_shown(key)}")))


def _leaf_problem(value: object, steps: Steps) -> Problem | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return None if _is_unicode(value) else Problem(steps, "valid Unicode text", value, "Remove lone surrogates.")
    if isinstance(value, int | float):
        if _is_finite(value):
            return None
        return Problem(steps, "a finite number", value, "JSON has no NaN and no infinity; measure it again.")
    remedy = "Use its tolist()." if hasattr(value, "tolist") else "Use numbers, text, booleans, lists and objects."
    return Problem(steps, "a value that JSON can hold", Told(f"a {type(value).__name__}"), remedy)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer too large for a float
        return False


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.isidentifier() else f"[{step!r}]"


def _shown(value: object) -> str:
    if isinstance(value, int) and abs(value) > 10**30:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, Told) and value.words.isprintable():
        return value.words
    return _SHORT.repr(value)
