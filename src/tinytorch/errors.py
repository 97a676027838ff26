"""One tree of exceptions, so that a caller can catch as much or as little as it means to.

TinyTorchError
├── ShapeError (ValueError)       the sizes or axes of arrays do not fit
├── DTypeError (TypeError)        a value is of the wrong kind
├── RangeError (ValueError)       a number lies outside what is allowed
├── StateError (RuntimeError)     the right call at the wrong time
├── DataError (ValueError)        a file or a data set is not what it should be
├── MeasurementError (RuntimeError)   what was to be measured did not go on
└── SubmissionError (AssertionError, ValueError)   a submission breaks its rules; lists every problem

Every message has one form, made by `explain`: what must be rule; got value — at path. Remedy.
"""

from collections.abc import Iterable

__all__ = [
    "DTypeError",
    "DataError",
    "MeasurementError",
    "RangeError",
    "ShapeError",
    "StateError",
    "SubmissionError",
    "TinyTorchError",
    "explain",
]


class TinyTorchError(Exception):
    """Whatever TinyTorch refuses to do."""


class ShapeError(TinyTorchError, ValueError):
    """The sizes or the axes of arrays do not fit."""


class DTypeError(TinyTorchError, TypeError):
    """A value is of the wrong kind."""


class RangeError(TinyTorchError, ValueError):
    """A number lies outside what is allowed."""


class StateError(TinyTorchError, RuntimeError):
    """The right call at the wrong time."""


class DataError(TinyTorchError, ValueError):
    """A file or a data set is not what it should be."""


class MeasurementError(TinyTorchError, RuntimeError):
    """What was to be measured did not go on: a worker died, hung or raised."""


class SubmissionError(TinyTorchError, AssertionError, ValueError):
    """A submission breaks its rules.

    It is an `AssertionError` and a `ValueError`, because code already catches either.

    Attributes:
        problems: Everything that is wrong, each with its path, value, rule and remedy.
    """

    def __init__(self, message: str = "", problems: Iterable[object] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


LONGEST = 200


def explain(what: str, rule: str, got: object, *, at: str | None = None, remedy: str | None = None) -> str:
    """Write an error message in the house's one form.

    Example:
        >>> explain("accuracy", "a ratio in [0, 1]", 92, at="$.baseline", remedy="Divide percentages by 100.")
        'accuracy must be a ratio in [0, 1]; got 92 — at $.baseline. Divide percentages by 100.'
    """
    shown = got if isinstance(got, str) else repr(got)
    if len(shown) > LONGEST:
        shown = shown[: LONGEST - 1] + "…"
    place = f" — at {at}" if at else ""
    ending = f". {remedy}" if remedy else "."
    return f"{what} must be {rule}; got {shown}{place}{ending}"
