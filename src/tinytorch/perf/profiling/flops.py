"""FLOPs of one sample, of whatever a user calls a model.

What can be traced is counted from its graph. What cannot is counted by the name of its class: doubles in tests and
models of other makes often look like a layer without being one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, StateError, explain
from tinytorch.perf.costs import graph_cost
from tinytorch.perf.graph import trace

__all__ = ["FlopCount", "batch_of", "count_sample", "example_of", "is_traceable", "require_shape"]

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FlopCount:
    """FLOPs of one sample.

    Attributes:
        flops: The number.
        ops: Of each kind of op, how often it is done; empty if there is no graph.
        method: Where the number comes from: `traced`, `by name`, or `assumed` to be one an element.
        batch: How many samples the input has that it was asked for.
    """

    flops: int
    ops: dict[str, int]
    method: str
    batch: int

    @property
    def total(self) -> int:
        """FLOPs of a call; what was assumed of the elements holds for all of them at once."""
        return self.flops if self.method == "assumed" else self.flops * self.batch


def count_sample(model: Any, input_shape: Sequence[int]) -> FlopCount:
    """Count what a model does to a batch of one.

    Args:
        model: A layer or a model; or something else, which is taken for a layer of its class's name, or to cost one
            FLOP for each element of the input.
        input_shape: Of an input; the first of several axes is the batch, and its length does not matter.

    Raises:
        RangeError: If a size is not a whole number above 0.
        ShapeError: If the model refuses inputs of this shape.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> count_sample(Linear(128, 64), (32, 128)).flops
        16384
    """
    shape = require_shape(input_shape)
    single = (1, *shape[1:]) if len(shape) > 1 else shape
    if is_traceable(model):
        try:
            graph = trace(model, example_of(single))
        except StateError:  # it reads its data in Python, as models of other makes do
            return _by_name(model, single, shape)
        ops = [step.op for step in graph.steps]
        return FlopCount(
            graph_cost(graph).flops, {op: ops.count(op) for op in dict.fromkeys(ops)}, "traced", batch_of(shape)
        )
    return _by_name(model, single, shape)


def is_traceable(model: Any) -> bool:
    """Say whether a model can be called at all."""
    return callable(getattr(model, "forward", model))


def batch_of(shape: Sequence[int]) -> int:
    """Give the length of the first of several axes; a single axis is one sample."""
    return int(shape[0]) if len(shape) > 1 else 1


def require_shape(shape: Sequence[int]) -> Shape:
    """Give a shape as a tuple of whole numbers.

    Raises:
        RangeError: If a size is not a whole number above 0.
    """
    sizes = tuple(shape)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise RangeError(explain("an input's shape", "of whole numbers above 0", sizes))
    return tuple(int(size) for size in sizes)


def example_of(shape: Shape) -> Tensor:
    """Make an input that every model takes: zeros are ids as well as numbers."""
    return Tensor(np.zeros(shape))


def _by_name(model: Any, single: Shape, shape: Shape) -> FlopCount:
    name = type(model).__name__
    if name in BY_NAME and (found := BY_NAME[name](model, single)) is not None:
        return FlopCount(found[0], {}, "by name", batch_of(shape))
    layers = getattr(model, "layers", None)
    if isinstance(layers, list | tuple) and layers:
        return FlopCount(_one_after_the_other(layers, single), {}, "by name", batch_of(shape))
    return FlopCount(math.prod(shape), {}, "assumed", batch_of(shape))


def _one_after_the_other(layers: Sequence[Any], shape: Shape) -> int:
    total = 0
    for layer in layers:
        rule = BY_NAME.get(type(layer).__name__)
        flops, shape = (rule(layer, shape) if rule else None) or (count_sample(layer, shape).flops, shape)
        total += flops
    return total


def _linear(layer: Any, shape: Shape) -> tuple[int, Shape] | None:
    size = _weight_shape(layer)
    if len(size) != 2:
        return None
    return 2 * math.prod(size) * math.prod(shape[1:-1]), (*shape[:-1], size[1])


def _weight_shape(layer: Any) -> Shape:
    weight = getattr(layer, "weight", None)
    return () if weight is None else np.shape(weight.data)


def _conv2d(layer: Any, shape: Shape) -> tuple[int, Shape] | None:
    weight = _weight_shape(layer)  # (O, C, kh, kw)
    if len(weight) != 4 or len(shape) != 4:
        return None
    stride, padding = getattr(layer, "stride", 1), getattr(layer, "padding", 0)
    sides = [
        (size + 2 * around - kernel) // step + 1
        for size, kernel, step, around in zip(shape[2:], weight[2:], _pair(stride), _pair(padding), strict=True)
    ]
    return 2 * math.prod(weight) * math.prod(sides), (shape[0], weight[0], *sides)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


BY_NAME: dict[str, Callable[[Any, Shape], tuple[int, Shape] | None]] = {"Linear": _linear, "Conv2d": _conv2d}
