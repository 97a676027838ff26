"""The task that a user names: one that is known, or what an importable factory gives."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch.capstone.labelled import Labelled, held_back
from tinytorch.capstone.search.known import KNOWN, Preparation, known_task
from tinytorch.capstone.search.tasks import Task
from tinytorch.core.autograd import as_array
from tinytorch.errors import DTypeError, RangeError, explain

__all__ = ["task_of"]

FORMS = "a Task, or (model, (inputs, labels) to learn from, (inputs, labels) to test on)"
VALIDATION = 0.15
NOTE = (
    "The validation samples are a part of those to learn from, as the factory gave no others: if the model was trained "
    "on them, the choice may favour what is nearest to it. The test samples are not touched by that."
)


def task_of(name: str, how: Preparation | None = None) -> Task:
    """Prepare the task of a known name, or of a factory such as `package.module:make`, called without arguments.

    Raises:
        RangeError: If it is neither.
        DTypeError: If the factory gives something else than it should.
        DataError: If data cannot be had.

    Example:
        >>> task_of("digits", Preparation(smoke=True)).name
        'digits'
    """
    how = how or Preparation()
    if name in KNOWN:
        return known_task(name, how)
    module, mark, function = name.partition(":")
    if not mark:
        rule = f"one of {', '.join(KNOWN)}, or a factory such as package.module:make"
        raise RangeError(explain("the model", rule, repr(name)))
    return _task(_made(module, function, name), name, how)


def _made(module: str, function: str, name: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does
    try:
        return getattr(import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise RangeError(explain("the model", "a factory that can be imported", str(error), at=name)) from error


def _task(made: Any, name: str, how: Preparation) -> Task:
    if isinstance(made, Task):
        return made
    if not (isinstance(made, tuple) and len(made) == 3 and all(_is_pair(part) for part in made[1:])):
        raise DTypeError(explain("what a factory gives", FORMS, f"a {type(made).__name__}", at=name))
    train, validation = held_back(_labelled(*made[1]), VALIDATION, how.seed)
    return Task(name, made[0], train, validation, _labelled(*made[2]), how.batch, seed=how.seed, notes=(NOTE,))


def _is_pair(part: Any) -> bool:
    return isinstance(part, tuple | list) and len(part) == 2


def _labelled(inputs: Any, labels: Any) -> Labelled:
    rows = np.asarray(as_array(inputs))
    return Labelled(rows.astype(np.float32) if rows.dtype == np.float64 else rows, np.asarray(as_array(labels)))
