"""Putting an ONNX graph together: nodes in order, each constant once, names as in the traced graph."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tinytorch.errors import StateError, explain
from tinytorch.perf.graph import Step, Value

__all__ = ["Builder"]

Array = NDArray[Any]


class Builder:
    """An ONNX graph in the making.

    Attributes:
        nodes: The operators, in order.
        constants: What they use besides each other's results, by name.
        free: By a step's output, the sizes of axes that grow with the batch; None where the batch is fixed.
    """

    def __init__(self, free: dict[Value, tuple[int, ...]] | None = None) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.free = free or {}
        self._known: dict[bytes, str] = {}
        self._names: dict[Value, str] = {}

    def name_of(self, value: Value) -> str:
        """Name a value of the traced graph, and write down its numbers if it has them."""
        if value.data is None:
            return value.name
        if value not in self._names:
            array = np.asarray(value.data, dtype=value.dtype)
            self._names[value] = self.constant(array, value.name)
        return self._names[value]

    def constant(self, array: Any, name: str = "c") -> str:
        """Write down an array once, however often it is asked for."""
        array = np.ascontiguousarray(array).reshape(np.shape(array))  # ascontiguousarray makes a number (1,)
        key = sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).digest()
        if key not in self._known:
            self._known[key] = self.unused(name)
            self.constants[self._known[key]] = numpy_helper.from_array(array, self._known[key])
        return self._known[key]

    def whole(self, numbers: Sequence[int]) -> str:
        """Write down axes, sizes or places, as ONNX wants them."""
        return self.constant(np.array(numbers, np.int64))

    def add(self, kind: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        """Add an operator, and name its result."""
        to = to or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [to], **attributes))
        return to

    def cast(self, name: str, dtype: Any) -> str:
        """Add a change of dtype."""
        to = f"cast_{len(self.nodes)}"
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.nodes.append(helper.make_node("Cast", [name], [to], to=kind))  # `add` has another use for `to`
        return to

    def inputs_of(self, step: Step) -> list[str]:
        """Name what a step takes."""
        return [self.name_of(value) for value in step.inputs]

    def alike(self, step: Step) -> list[str]:
        """Name what a step takes, all of them in the dtype of its result, as ONNX wants them."""
        wanted = step.output.dtype
        names = zip(step.inputs, self.inputs_of(step), strict=True)
        return [name if value.dtype == wanted else self.cast(name, wanted) for value, name in names]

    def sizes(self, step: Step) -> list[int]:
        """Give the shape of a step's result, with -1 for the axis that grows with the batch."""
        grows = self.free.get(step.output, ())
        if len(grows) > 1:
            remedy = "Export it with a fixed batch."
            raise StateError(
                explain(f"{step.op} with a free batch", "one free axis at most", f"axes {grows}", remedy=remedy)
            )
        return [-1 if axis in grows else size for axis, size in enumerate(step.output.shape)]

    def unused(self, name: str) -> str:
        """Give a name that no constant has yet."""
        return f"{name}_{len(self.constants)}" if name == "c" or name in self.constants else name
