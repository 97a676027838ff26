"""What a row of samples is made of: the op, its inputs by formula, and what PyTorch calls it.

The numbers follow from a formula, not from a random generator, so that `tests/golden/ops.npz` stays valid on every
platform.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from tinytorch.core.ops import OPS
from tinytorch.core.tensor import Tensor

STEPS = tuple(math.sqrt(number) % 1 for number in (5, 2, 3))  # irrational: no two elements of a sequence are equal
SEED = 11  # for ops that draw


@dataclass(frozen=True)
class Row:
    """One op, called in one way.

    Attributes:
        op: Its name in `OPS`.
        case: What is special about this row.
        inputs: One maker of float64 or int64 values per tensor; it is given its position.
        torch: The same in PyTorch: the module and its tensors in, a tensor out.
        options: The keyword arguments.
        smooth: Whether a finite difference exists here: no kink, no tie, no loss of precision.
        keeps_dtype: Whether the kind of float that goes in must come out.
        function: What to call instead of the op; `test_the_checks.py` puts faulty ones here.
    """

    op: str
    case: str
    inputs: tuple[Callable[[int], np.ndarray], ...]
    torch: Callable[..., Any]
    options: dict[str, Any] = field(default_factory=dict)
    smooth: bool = True
    keeps_dtype: bool = True
    function: Callable[..., Tensor] | None = None

    @property
    def name(self) -> str:
        return f"{self.op}: {self.case}"

    def arrays(self, dtype="float64") -> list[np.ndarray]:
        """Give fresh inputs, the floats among them of `dtype`."""
        made = [make(position) for position, make in enumerate(self.inputs)]
        return [array.astype(dtype) if array.dtype.kind == "f" else array for array in made]

    def tensors(self, dtype="float64") -> list[Tensor]:
        """Give fresh tensors; all that hold floats require grad."""
        arrays = self.arrays(dtype)
        return [Tensor(array, dtype=array.dtype, requires_grad=array.dtype.kind == "f") for array in arrays]

    def __call__(self, *tensors: Tensor) -> Tensor:
        np.random.seed(SEED)  # noqa: NPY002  dropout draws from the global state
        return (self.function or OPS[self.op].call)(*tensors, **self.options)


def weights(shape) -> np.ndarray:
    """Give an incoming gradient that no two elements share."""
    return np.asarray(spread(0.5, 1.5, shape, 2))


def spread(low, high, shape, position) -> np.ndarray:
    steps = (np.arange(math.prod(shape)) + 1.0) * STEPS[position % len(STEPS)] % 1
    return (low + (high - low) * steps).reshape(shape)


def between(low, high, *shape):
    return partial(spread, low, high, shape)


def real(*shape):
    return between(-2.0, 2.0, *shape)


def positive(*shape):
    return between(0.3, 2.5, *shape)


def nonzero(*shape):
    """Values at least 0.2 away from 0, on both sides."""
    return lambda position: np.asarray((values := spread(-2, 2, shape, position)) + 0.2 * np.sign(values))


def exactly(*values):
    return lambda _: np.array(values, dtype=np.float64)


def classes(count, *shape):
    return lambda _: (np.arange(math.prod(shape)) * 2 % count).reshape(shape)
