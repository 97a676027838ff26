"""Writing a model as ONNX, so that other runtimes run it: from its traced graph, op by op."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import onnx
from onnx import helper

from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, StateError, explain
from tinytorch.files import write_atomically
from tinytorch.perf.graph import Graph, Value, trace
from tinytorch.perf.onnx.building import Builder
from tinytorch.perf.onnx.mappings import EXPORTS

__all__ = ["OPSET", "as_onnx", "export_onnx"]

OPSET = 21  # the first with blocks of four-bit weights; 20 has GELU, 17 layer normalization
IR_VERSION = 10
LARGEST_FILE = 2**31 - 1  # of a protocol buffer
HOME = "src/tinytorch/perf/onnx/mappings.py"

Free = dict[Value, tuple[int, ...]]


def export_onnx(model: Any, path: str | os.PathLike[str], *example: Any, free_batch: bool = True) -> onnx.ModelProto:
    """Write a model as an ONNX file, whole or not at all.

    Args:
        model: Whatever `trace` takes.
        path: Where to.
        example: The model's inputs; their shapes, but for the first axis, are those that the file is for.
        free_batch: Whether the first axis of every input may have any length. The model must then treat samples alike
            and apart, which is found out by tracing it with one sample more.

    Returns:
        What was written.

    Raises:
        StateError: As `trace` does; if an op has no form in ONNX; if the batch cannot be free.
        DataError: If the file would be larger than ONNX allows, or cannot be written.
    """
    made = as_onnx(model, *example, free_batch=free_batch)
    size = made.ByteSize()
    if size > LARGEST_FILE:
        raise DataError(explain("an ONNX file", f"at most {LARGEST_FILE} bytes", size, at=os.fspath(path)))
    write_atomically(path, made.SerializeToString())
    return made


def as_onnx(model: Any, *example: Any, free_batch: bool = True) -> onnx.ModelProto:
    """Make the ONNX form of a model; see `export_onnx`.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> [node.op_type for node in as_onnx(Linear(4, 2), [[1.0, 2.0, 3.0, 4.0]]).graph.node]
        ['Gemm']
    """
    given = tuple(x if type(x) is Tensor else Tensor(x) for x in example)
    graph = trace(model, *given)
    free = _free_axes(graph, model, given) if free_batch else {}
    to = Builder(free)
    for step in graph.steps:
        if step.op not in EXPORTS:
            raise StateError(explain("the ONNX form of an op", f"in EXPORTS of {HOME}", f"none for {step.op}"))
        EXPORTS[step.op](step, to)
    made = _model(graph, to, type(model).__name__, free)
    onnx.checker.check_model(made, full_check=True)
    return made


def _model(graph: Graph, to: Builder, name: str, free: Free) -> onnx.ModelProto:
    outputs = [_output(value, to) for value in graph.outputs]
    body = helper.make_graph(
        to.nodes,
        name,
        [_described(value.name, value, free) for value in graph.inputs],
        [_described(name, value, free) for name, value in zip(outputs, graph.outputs, strict=True)],
        list(to.constants.values()),
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(
        body,
        opset_imports=opset,
        ir_version=IR_VERSION,
        producer_name="tinytorch",
        producer_version=version("tinytorch"),
    )


def _output(value: Value, to: Builder) -> str:
    """Name an output; what no step gives needs an operator to become one."""
    return value.name if value.kind == "step" else to.add("Identity", to.name_of(value))


def _described(name: str, value: Value, free: Free) -> onnx.ValueInfoProto:
    grows = free.get(value, ())
    shape = ["batch" if axis in grows else size for axis, size in enumerate(value.shape)]
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), shape)


def _free_axes(graph: Graph, model: Any, given: Sequence[Tensor]) -> Free:
    """Find, for every value, the axes that grow when one sample more is given."""
    if any(not x.shape for x in given):
        return _refused("an input without axes")
    larger = [Tensor(np.concatenate([x.data, x.data[:1]]), dtype=x.dtype) for x in given]
    other = trace(model, *larger)
    if [step.op for step in graph.steps] != [step.op for step in other.steps]:
        return _refused("other ops for another number of samples")
    pairs = [*zip(graph.inputs, other.inputs, strict=True)]
    for step, twin in zip(graph.steps, other.steps, strict=True):
        pairs.append((step.output, twin.output))
        for value, again in zip(step.inputs, twin.inputs, strict=True):
            if value.data is not None and value.shape != again.shape:
                return _refused(f"the constant {value.name}, which has a row for each sample")
    return {value: _grown(value, again) for value, again in pairs}


def _grown(value: Value, again: Value) -> tuple[int, ...]:
    sizes = zip(value.shape, again.shape, strict=True)
    return tuple(axis for axis, (size, larger) in enumerate(sizes) if size != larger)


def _refused(got: str) -> Free:
    remedy = "Export it with free_batch=False, for the example's batch."
    raise StateError(explain("a model with a free batch", "the same for any number of samples", got, remedy=remedy))
