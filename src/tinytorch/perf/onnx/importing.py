"""Reading ONNX: a file that others wrote becomes a layer, run and trained by the framework's ops."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from tinytorch.core.layers import Layer
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, ShapeError, explain
from tinytorch.perf.onnx.nodes import Node, Operand
from tinytorch.perf.onnx.operators import IMPORTS

__all__ = ["OnnxModel", "import_onnx"]

Array = NDArray[Any]
HOME = "src/tinytorch/perf/onnx/operators.py"
LARGEST_FOLD = 64  # elements of a shape or an axis; larger arrays are weights


class OnnxModel(Layer):
    """A model read from ONNX. Its floating-point constants are parameters, under the names that they have in the file.

    Attributes:
        input_names: What it is called with, in order.
        output_names: What it returns, in order; a tensor by itself where there is one.
        nodes: The operators that depend on the inputs, in order.
        weights: The parameters.
    """

    def __init__(self, proto: onnx.ModelProto) -> None:
        graph, opset = proto.graph, _opset(proto)
        known: dict[str, Any] = {entry.name: onnx.numpy_helper.to_array(entry) for entry in graph.initializer}
        self.input_names = [entry.name for entry in graph.input if entry.name not in known]
        self.output_names = [entry.name for entry in graph.output]
        self.nodes = list(_folded(_nodes(graph, opset), known))
        used = {name for node in self.nodes for name in node.inputs} | set(self.output_names)
        floats = {name: value for name, value in known.items() if name in used and value.dtype.kind == "f"}
        self.weights = {name: Tensor(value, requires_grad=True, dtype=value.dtype) for name, value in floats.items()}
        self._others = {name: value for name, value in known.items() if name in used and name not in floats}

    def forward(self, *inputs: Any) -> Any:
        """Run the graph.

        Raises:
            ShapeError: If there are fewer or more inputs than the file names.
            DataError: If an operator cannot be run in the form that the file has it in.
        """
        if len(inputs) != len(self.input_names):
            raise ShapeError(explain("the inputs", f"{len(self.input_names)}, {self.input_names}", len(inputs)))
        given = (x if isinstance(x, Tensor) else Tensor(x) for x in inputs)
        values: dict[str, Operand] = {"": None, **self._others, **self.weights}
        values |= dict(zip(self.input_names, given, strict=True))
        for node in self.nodes:
            found = IMPORTS[node.kind](node, *(values[name] for name in node.inputs))
            values |= zip(node.outputs, found if isinstance(found, tuple) else (found,), strict=False)
        outputs = [values[name] for name in self.output_names]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def __repr__(self) -> str:
        return (
            f"OnnxModel({len(self.nodes)} operators, {', '.join(self.input_names)} -> {', '.join(self.output_names)})"
        )


def import_onnx(source: str | os.PathLike[str] | bytes | onnx.ModelProto) -> OnnxModel:
    """Read a model from an ONNX file, its bytes, or what `onnx.load` gives.

    The model can be called, trained, traced, compiled, quantized and exported as any other. What is known when the file
    is read, such as shapes, is worked out once.

    Raises:
        DataError: If it cannot be read, is not valid ONNX, or has operators that are not known here; all are named.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> from tinytorch.perf.onnx import as_onnx
        >>> import_onnx(as_onnx(Linear(4, 2), [[1.0, 2.0, 3.0, 4.0]]))
        OnnxModel(1 operators, x0 -> t0)
    """
    proto = source if isinstance(source, onnx.ModelProto) else _read(source)
    try:
        onnx.checker.check_model(proto)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise DataError(explain("the model", "valid ONNX", " ".join(str(error).split())[:200])) from error
    unknown = sorted({_kind(node) for node in proto.graph.node if _kind(node) not in IMPORTS})
    if unknown:
        remedy = f"See IMPORTS of {HOME}."
        raise DataError(explain("the operators of the model", "known here", ", ".join(unknown), remedy=remedy))
    return OnnxModel(proto)


def _read(source: str | os.PathLike[str] | bytes) -> onnx.ModelProto:
    try:
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
        return onnx.load_model_from_string(content)
    except OSError as error:
        raise DataError(explain("the file", "readable", error.strerror, at=str(source))) from error
    except Exception as error:  # the parser's own kind has no name that is public
        place = "" if isinstance(source, bytes) else os.fspath(source)
        raise DataError(explain("the file", "ONNX", str(error) or "another form", at=place)) from error


def _kind(node: onnx.NodeProto) -> str:
    return node.op_type if node.domain in {"", "ai.onnx"} else f"{node.domain}.{node.op_type}"


def _opset(proto: onnx.ModelProto) -> int:
    return next((entry.version for entry in proto.opset_import if entry.domain in {"", "ai.onnx"}), 1)


def _nodes(graph: onnx.GraphProto, opset: int) -> Iterator[Node]:
    return (Node.of(entry, opset) for entry in graph.node)


def _folded(nodes: Iterator[Node], known: dict[str, Any]) -> Iterator[Node]:
    """Work out what depends on no input, as long as it is no op on weights, and give the other operators."""
    known[""] = None
    for node in nodes:
        if all(name in known for name in node.inputs) and _is_folded(node, known):
            found = IMPORTS[node.kind](node, *(known[name] for name in node.inputs))
            known |= zip(node.outputs, found if isinstance(found, tuple) else (found,), strict=False)
        else:
            yield node
    del known[""]


def _is_folded(node: Node, known: dict[str, Any]) -> bool:
    """Say whether an operator on constants makes a constant: weights stay where they are, under their own names."""
    if node.kind in {"Constant", "ConstantOfShape", "DequantizeLinear"}:
        return True
    operands = [known[name] for name in node.inputs if name]
    moves = node.kind in {"Unsqueeze", "Squeeze", "Reshape", "Identity", "Cast"}
    return moves or all(np.size(operand) <= LARGEST_FOLD and operand.dtype.kind in "iub" for operand in operands)
