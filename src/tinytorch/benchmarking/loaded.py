"""A subject's model in this process, for what looks into it instead of timing it from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinytorch.benchmarking.subjects import subject_of
from tinytorch.benchmarking.workers.program.loading import found
from tinytorch.benchmarking.workers.program.workload import Refusal
from tinytorch.errors import DataError, explain

__all__ = ["load_model_and_inputs"]


def load_model_and_inputs(given: Any) -> tuple[Any, tuple[Any, ...]]:
    """Import what a subject names, call its factory, and give the model and what it is called with.

    Args:
        given: As `subject_of` takes it. Its modules are looked for in the current folder too.

    Raises:
        DataError: If the subject cannot be imported, its factory fails, or it gives a call and no model.
        RangeError, DTypeError: As `subject_of` does.

    Example:
        >>> load_model_and_inputs((abs, 3))
        (<built-in function abs>, (3,))
    """
    subject = subject_of(given)
    made = subject.live if subject.factory is None else _made(subject.factory, dict(subject.arguments))
    model, inputs = _pair(made)
    if model is None or inputs is None:
        rule, remedy = "one that gives its model and its inputs", "Return (model, inputs) from the factory."
        raise DataError(explain("the subject", rule, f"a {type(made).__name__}", at=subject.name, remedy=remedy))
    return model, inputs if isinstance(inputs, tuple) else (inputs,)


def _made(factory: str, arguments: dict[str, Any]) -> Any:
    target = {"factory": factory, "arguments": arguments, "last_paths": [str(Path.cwd())]}
    try:
        return found(target)()
    except (Refusal, ImportError) as error:
        rule = "a factory that can be imported"
        raise DataError(explain("the subject", rule, f"{type(error).__name__}: {error}", at=factory)) from error


def _pair(made: Any) -> tuple[Any, Any]:
    if isinstance(made, tuple) and len(made) in {2, 3}:
        return made[0], made[1]
    return getattr(made, "model", None), getattr(made, "inputs", None)
