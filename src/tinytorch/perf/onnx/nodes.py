"""What an operator of a read ONNX graph is given: its attributes as Python values, its operands as tensors or arrays.

Numbers that are known when the file is read, such as shapes and axes, are arrays; what depends on the model's inputs or
can be trained is a tensor. An operator whose operands are all arrays gives arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, explain

__all__ = ["Handler", "Node", "Operand", "as_tensor", "whole_numbers"]

Array = NDArray[Any]
Operand = Any  # a tensor, an array, or None where an optional operand is left out
Handler = Callable[..., Any]


@dataclass(frozen=True)
class Node:
    """One operator of a graph.

    Attributes:
        kind: Its name in ONNX, such as `Conv`.
        inputs: The names of what it takes; empty where an optional operand is left out.
        outputs: The names of what it gives.
        attributes: By name, as Python values; tensors are arrays.
        opset: The version of the operators that the file is written in.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    opset: int

    @classmethod
    def of(cls, proto: onnx.NodeProto, opset: int) -> Node:
        """Read one."""
        attributes = {entry.name: _value(entry) for entry in proto.attribute}
        return cls(proto.op_type, tuple(proto.input), tuple(proto.output), attributes, opset)

    def get(self, name: str, default: Any = None) -> Any:
        """Give an attribute."""
        return self.attributes.get(name, default)

    def refuse(self, rule: str, got: object) -> DataError:
        """Make the error of an operator in a form that is not known here."""
        place = self.outputs[0] if self.outputs else ""
        return DataError(explain(f"the operator {self.kind}", rule, got, at=place))

    def require_no_dilation(self) -> None:
        """Refuse windows whose elements lie apart.

        Raises:
            DataError: If they do.
        """
        if any(step != 1 for step in self.get("dilations", [1, 1])):
            raise self.refuse("of dilations of 1", self.get("dilations"))


def as_tensor(value: Operand) -> Tensor:
    """Make a tensor of an array; a tensor stays what it is."""
    return value if isinstance(value, Tensor) else Tensor(value, dtype=np.asarray(value).dtype)


def whole_numbers(node: Node, value: Operand) -> list[int]:
    """Give axes, sizes or places, which must be known without looking at data.

    Raises:
        DataError: If they depend on data.
    """
    if value is None or isinstance(value, Tensor):
        raise node.refuse("of axes and sizes that do not depend on data", "ones that do")
    return [int(number) for number in np.atleast_1d(value)]


def _value(entry: onnx.AttributeProto) -> Any:
    found = onnx.helper.get_attribute_value(entry)
    if isinstance(found, onnx.TensorProto):
        return onnx.numpy_helper.to_array(found)
    if isinstance(found, bytes):
        return found.decode()
    return list(found) if isinstance(found, Sequence) and not isinstance(found, str) else found
