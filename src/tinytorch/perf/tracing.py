"""How a graph is recorded: tensors that compute as others do, and write down each op that is done to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tinytorch import core
from tinytorch.core.ops import OPS
from tinytorch.core.ops.op import RECORDERS, as_operand
from tinytorch.core.tensor import Tensor
from tinytorch.errors import StateError, explain

__all__ = ["INFERENCE_OPS", "Recording", "Step", "Traced", "Value", "inference_op"]

Array = NDArray[Any]

CORE = Path(core.__file__).parent
BETWEEN = (__file__, str(CORE / "tensor.py"), str(CORE / "ops"))  # what stands between a model's line and this file


# Ops of graphs that are none of the framework: functions on arrays, without gradients.
INFERENCE_OPS: dict[str, Callable[..., Any]] = {}


@dataclass(frozen=True, eq=False)
class Value:
    """One array in a graph.

    Attributes:
        name: `x0`, the path of a parameter such as `fc1.weight`, `c0`, or `t0` for what a step gives.
        kind: `input`, `parameter`, `constant` or `step`.
        shape: Of the array; () for a number.
        dtype: Of the array.
        data: The array itself, or a Python number; None for what is computed.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    data: Any = None

    @property
    def size(self) -> int:
        """How many elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"<{self.name}: {self.kind} {self.shape} {self.dtype}>"


@dataclass(frozen=True, eq=False)
class Step:
    """One op of a graph.

    Attributes:
        op: Its name in `OPS` or `INFERENCE_OPS`.
        inputs: The arrays it takes, in order.
        options: The keyword arguments.
        output: The array it gives.
    """

    op: str
    inputs: tuple[Value, ...]
    options: dict[str, Any]
    output: Value

    def compute(self, *arrays: Any) -> Any:
        """Do the op on arrays."""
        if self.op in INFERENCE_OPS:
            return INFERENCE_OPS[self.op](*arrays, **self.options)
        return OPS[self.op].run(*arrays, **self.options)[0]


class Recording:
    """What is written down while a model runs.

    Args:
        names: The names of the model's arrays, by `id`.
    """

    def __init__(self, names: dict[int, str]) -> None:
        self.names = names
        self.steps: list[Step] = []
        self.known: dict[int, Value] = {}
        self.kept: list[Any] = []  # alive, so that no id is used twice

    def take(self, array: Array, position: int) -> Traced:
        """Stand in for an input."""
        return Traced(array, Value(f"x{position}", "input", array.shape, array.dtype), self)

    def record(self, run: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> Traced:
        """Do an op, and write it down."""
        self._require_fixed(run.__name__, options)
        kind = next(x.dtype for x in inputs if isinstance(x, Tensor))
        values = tuple(self.value_of(x, kind) for x in inputs)
        result = self._result(run, inputs, options)
        value = Value(f"t{len(self.steps)}", "step", result.shape, result.dtype)
        self.steps.append(Step(run.__name__, values, options, value))
        return Traced(result, value, self)

    def _result(self, run: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> Array:
        plain = map(_plain, inputs)
        if run.__name__ in INFERENCE_OPS:
            return np.asarray(run(*(x.data for x in plain), **options))
        return OPS[run.__name__].call(*plain, **options).data

    def value_of(self, x: Any, kind: np.dtype[Any] | None = None) -> Value:
        """Find the place of an operand in the graph; what is not traced is a parameter or a constant.

        Args:
            x: The operand.
            kind: The kind of number that arrays and lists take on beside the op's first tensor.
        """
        if isinstance(x, Traced):
            if x.recording is not self:
                raise StateError(explain("a traced tensor", "of this trace", "one kept from another", at=repr(x)))
            return x.value
        key = id(x.data) if isinstance(x, Tensor) else id(x)
        if key not in self.known:
            self.known[key] = self._constant(key, as_operand(x, kind))
            self.kept.append(x.data if isinstance(x, Tensor) else x)
        return self.known[key]

    def _constant(self, key: int, x: Tensor) -> Value:
        owned = key in self.names or x.requires_grad
        kind = "parameter" if owned else "constant"
        count = sum(value.kind == kind for value in self.known.values())
        name = self.names.get(key, f"{'w' if owned else 'c'}{count}")
        array = np.asarray(x.data)
        return Value(name, kind, array.shape, array.dtype, x.data)

    def _require_fixed(self, name: str, options: dict[str, Any]) -> None:
        for option, value in options.items():
            if isinstance(value, Traced):
                what = f"the option {option} of {name}"
                raise StateError(explain(what, "the same for all data", repr(value), remedy="Give a plain array."))


def _plain(x: Any) -> Any:
    """Make a plain tensor of a traced one."""
    if not isinstance(x, Traced):
        return x
    out = object.__new__(Tensor)
    out.data = x.array
    return out


class Traced(Tensor):
    """A tensor that stands in for one of a model while it is traced.

    It has a shape and a kind of number, and every op and method of a tensor. Its data cannot be read: what was read
    would be the example's, for ever.
    """

    def __init__(self, array: Array, value: Value, recording: Recording) -> None:
        self.array = array
        self.value = value
        self.recording = recording

    @property
    def data(self) -> Array:
        _refuse("read")

    @data.setter
    def data(self, array: Any) -> None:
        del array
        _refuse("replaced")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return len(self.value.shape)

    @property
    def size(self) -> int:
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype

    def item(self) -> Any:
        """Refuse, as for all data."""
        _refuse("made a Python number")

    def __bool__(self) -> bool:  # noqa: PLE0304  it never returns
        _refuse("asked whether it is true")

    def detach(self) -> Tensor:
        """Give the tensor itself: there are no gradients here."""
        return self

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor of shape ()")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    def __format__(self, form: str) -> str:
        return repr(self) if not form else _refuse("printed")

    def __repr__(self) -> str:
        return f"Traced({self.value.name}, shape={self.shape}, dtype={self.dtype})"


def _refuse(what: str) -> NoReturn:
    remedy = "Use ops on tensors instead, or run this model without tracing it."
    got = f"data that is {what} in Python"
    raise StateError(explain("a traced model", "one path for all data", got, at=_place(), remedy=remedy))


def _place() -> str | None:
    """Find the line of the model's own code that is running."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(BETWEEN):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else None


def _record(run: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> Traced:
    traced = next(x for x in inputs if isinstance(x, Traced))
    return traced.recording.record(run, inputs, options)


RECORDERS[Traced] = _record


def inference_op(run: Callable[..., Array]) -> Callable[..., Tensor]:
    """List a function of one array, and of options, as an op of graphs that leaves no gradient.

    Returns:
        The same on tensors.
    """
    INFERENCE_OPS[run.__name__] = run

    def call(x: Tensor, **options: Any) -> Tensor:
        if isinstance(x, Traced):
            return x.recording.record(run, (x,), options)
        out = object.__new__(Tensor)
        out.data = run(x.data, **options)
        return out

    update_wrapper(call, run)
    return call
