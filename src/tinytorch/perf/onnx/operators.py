"""What reads ONNX: one entry in `IMPORTS` for every operator that is known, by the framework's ops.

An operator is given its node and its operands; where all of these are arrays, known when the file is read, it gives an
array, so that shapes and axes are worked out once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from tinytorch.core import ops
from tinytorch.core.tensor import Tensor
from tinytorch.perf.onnx.image_operators import IMAGE_OPERATORS
from tinytorch.perf.onnx.nodes import Handler, Node, Operand, as_tensor, whole_numbers

__all__ = ["IMPORTS"]

Array = NDArray[Any]
AXES_AS_OPERAND = 13  # from this version on; of ReduceMean, ReduceMax and ReduceMin from 18 on
FURTHEST = 2**31 - 2


def elements(function: Callable[..., Any], on_arrays: Callable[..., Any]) -> Handler:
    """Apply an op to elements: the framework's to tensors, NumPy's to arrays."""

    def handle(node: Node, *given: Operand) -> Operand:
        del node
        if any(isinstance(value, Tensor) for value in given):
            return function(*map(as_tensor, given))
        return on_arrays(*given)

    return handle


def folded(function: Callable[..., Any], on_arrays: Callable[..., Any]) -> Handler:
    """Apply an op of two operands to any number of them."""
    one = elements(function, on_arrays)
    return lambda node, *given: reduce(lambda a, b: one(node, a, b), given)


def reduced(function: Callable[..., Any], since: int) -> Handler:
    """Reduce over axes, which are an attribute before a version and an operand from it on."""

    def handle(node: Node, x: Operand, axes: Operand = None) -> Operand:
        given = node.get("axes") if node.opset < since else (None if axes is None else whole_numbers(node, axes))
        if not given and node.get("noop_with_empty_axes"):
            return x
        found = function(as_tensor(x), axis=tuple(given) if given else None, keepdims=bool(node.get("keepdims", 1)))
        return found if isinstance(x, Tensor) else found.data

    return handle


def identity(node: Node, x: Operand, *rest: Operand) -> Operand:
    """Give what is given: also dropout's mode, which does not matter to inference."""
    del node, rest
    return x


def gemm(node: Node, a: Operand, b: Operand, c: Operand = None) -> Tensor:
    """Multiply matrices, transposed and scaled as the file says, and add."""
    x, weight = as_tensor(a), as_tensor(b)
    x = ops.transpose(x) if node.get("transA") else x
    weight = ops.transpose(weight) if node.get("transB") else weight
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    weight = weight if alpha == 1 else weight * alpha
    if c is None or beta == 0:
        return ops.matmul(x, weight)
    bias = as_tensor(c) if beta == 1 else as_tensor(c) * beta
    if bias.shape == weight.shape[1:]:
        return ops.linear(x, weight, bias)
    return ops.matmul(x, weight) + bias


def softmax(node: Node, x: Tensor) -> Tensor:
    """Make odds along an axis; before version 13, over all axes from one on."""
    return _along(ops.softmax, node, x)


def log_softmax(node: Node, x: Tensor) -> Tensor:
    """Give their logarithms."""
    return _along(ops.log_softmax, node, x)


def _along(function: Callable[..., Any], node: Node, x: Tensor) -> Tensor:
    if node.opset >= AXES_AS_OPERAND:
        return function(x, dim=node.get("axis", -1))
    rows = _flat(x, node.get("axis", 1))
    return function(rows, dim=-1).reshape(x.shape)


def flatten(node: Node, x: Tensor) -> Tensor:
    """Make a matrix, of the axes before one and those from it on."""
    return _flat(x, node.get("axis", 1))


def _flat(x: Tensor, axis: int) -> Tensor:
    columns = int(np.prod(x.shape[axis:], dtype=np.int64)) if axis else x.size
    return x.reshape(-1, columns) if columns else x.reshape(*x.shape[:1], columns)


def layer_normalization(node: Node, x: Tensor, gamma: Operand, beta: Operand = None) -> Tensor:
    """Normalize over the last axis."""
    if node.get("axis", -1) not in {-1, len(x.shape) - 1}:
        raise node.refuse("over the last axis", node.get("axis"))
    scale = as_tensor(gamma)
    shift = Tensor(np.zeros(scale.shape, scale.dtype)) if beta is None else as_tensor(beta)
    return ops.layer_norm(x, scale, shift, eps=node.get("epsilon", 1e-5))


def gelu(node: Node, x: Tensor) -> Tensor:
    """Apply GELU in the form that the framework has."""
    if node.get("approximate", "none") != "tanh":
        raise node.refuse("of approximate='tanh'", node.get("approximate", "none"))
    return ops.gelu(x)


def leaky_relu(node: Node, x: Tensor) -> Tensor:
    """Let a share of what is negative pass."""
    return ops.maximum(x, x * node.get("alpha", 0.01))


def clip(node: Node, x: Operand, low: Operand = None, high: Operand = None) -> Operand:
    """Limit elements; the limits were attributes before version 11."""
    limits = (low, high) if node.opset >= 11 else (node.get("min"), node.get("max"))
    low, high = (None if limit is None else float(np.asarray(limit)) for limit in limits)
    return ops.clip(as_tensor(x), low=low, high=high)


def cast(node: Node, x: Operand) -> Operand:
    """Change the dtype; of a tensor only among floats, as ids travel as floats here."""
    wanted = helper.tensor_dtype_to_np_dtype(node.get("to"))
    if not isinstance(x, Tensor):
        return np.asarray(x).astype(wanted)
    return ops.astype(x, dtype=wanted) if wanted.kind == "f" and wanted != x.dtype else x


def constant(node: Node) -> Array:
    """Give the numbers that the file holds here."""
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if node.get(name) is not None:
            kind = np.float32 if "float" in name else np.int64
            return np.asarray(node.get(name)) if name == "value" else np.asarray(node.get(name), kind)
    raise node.refuse("of numbers", sorted(node.attributes))


def constant_of_shape(node: Node, shape: Operand) -> Array:
    """Fill an array with one number."""
    value = np.asarray(node.get("value", np.zeros(1, np.float32)))
    return np.full(whole_numbers(node, shape), value.ravel()[0], value.dtype)


def shape_of(node: Node, x: Operand) -> Array:
    """Give the sizes of the axes."""
    return np.array(np.shape(x) if not isinstance(x, Tensor) else x.shape, np.int64)[
        node.get("start", 0) : node.get("end")
    ]


def reshape(node: Node, x: Operand, shape: Operand) -> Operand:
    """Give another shape; 0 keeps a size, -1 is what is left."""
    sizes = whole_numbers(node, shape)
    given = x.shape if isinstance(x, Tensor) else np.shape(x)
    if not node.get("allowzero"):
        sizes = [given[place] if size == 0 else size for place, size in enumerate(sizes)]
    return x.reshape(tuple(sizes))


def transpose(node: Node, x: Operand) -> Operand:
    """Put axes in another order; the reverse one if none is given."""
    rank = len(x.shape)
    axes = tuple(node.get("perm", range(rank - 1, -1, -1)))
    return ops.permute(x, axes=axes) if isinstance(x, Tensor) else np.transpose(x, axes)


def unsqueeze(node: Node, x: Operand, axes: Operand = None) -> Operand:
    """Add axes of length 1."""
    given = node.get("axes") if node.opset < AXES_AS_OPERAND else whole_numbers(node, axes)
    shape = np.expand_dims(np.empty(np.shape(x) if not isinstance(x, Tensor) else x.shape, bool), tuple(given)).shape
    return x.reshape(shape)


def squeeze(node: Node, x: Operand, axes: Operand = None) -> Operand:
    """Take away axes of length 1: those named, or all."""
    given = node.get("axes") if node.opset < AXES_AS_OPERAND else (None if axes is None else whole_numbers(node, axes))
    old = x.shape
    gone = {axis % len(old) for axis in given} if given else {axis for axis, size in enumerate(old) if size == 1}
    return x.reshape(tuple(size for axis, size in enumerate(old) if axis not in gone))


def concat(node: Node, *given: Operand) -> Operand:
    """Join along an axis."""
    if any(isinstance(value, Tensor) for value in given):
        return ops.concatenate(*map(as_tensor, given), axis=node.get("axis"))
    return np.concatenate(given, axis=node.get("axis"))


def split(node: Node, x: Operand, sizes: Operand = None) -> tuple[Operand, ...]:
    """Cut along an axis, into parts of sizes given or as equal ones as there are outputs."""
    axis, count = node.get("axis", 0) % len(x.shape), node.get("num_outputs") or len(node.outputs)
    length = x.shape[axis]
    each = -(-length // count)
    named = node.get("split") if sizes is None else whole_numbers(node, sizes)
    lengths = named or [min(each, length - place * each) for place in range(count)]
    ends = np.cumsum([0, *lengths])
    whole = (slice(None),) * axis
    return tuple(x[(*whole, slice(int(a), int(b)))] for a, b in pairwise(ends))


def slice_(node: Node, x: Operand, *operands: Operand) -> Operand:
    """Take parts of axes."""
    if operands:
        starts, ends, axes, steps = (
            None if value is None else whole_numbers(node, value) for value in (*operands, None, None)[:4]
        )
    else:
        starts, ends, axes, steps = node.get("starts"), node.get("ends"), node.get("axes"), None
    key = [slice(None)] * len(x.shape)
    for place, (start, end) in enumerate(zip(starts or [], ends or [], strict=True)):
        axis, step = (axes or range(len(key)))[place], (steps or [1] * len(key))[place]
        stop = None if end < -FURTHEST and step < 0 else end
        key[axis] = slice(start, stop, step)
    return x[tuple(key)]


def gather(node: Node, x: Operand, places: Operand) -> Operand:
    """Take rows of a table by ids, or parts along an axis by known places."""
    axis = node.get("axis", 0)
    if isinstance(places, Tensor):
        if axis or len(x.shape) != 2:
            raise node.refuse("of rows of a table, where its places depend on data", f"axis {axis} of {x.shape}")
        return ops.embedding(as_tensor(x), places)
    found = np.asarray(places)
    if not isinstance(x, Tensor):
        return np.take(x, found, axis=axis)
    return x[((slice(None),) * (axis % len(x.shape)) + (int(found) if found.ndim == 0 else found,))]


def expand(node: Node, x: Operand, shape: Operand) -> Operand:
    """Repeat along axes of length 1."""
    sizes = np.broadcast_shapes(tuple(whole_numbers(node, shape)), x.shape)
    return ops.broadcast_to(x, shape=sizes) if isinstance(x, Tensor) else np.broadcast_to(x, sizes)


def where(node: Node, condition: Operand, a: Operand, b: Operand) -> Operand:
    """Choose by a known condition."""
    if isinstance(condition, Tensor):
        raise node.refuse("of a condition that does not depend on data", "one that does")
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return ops.where(as_tensor(a), as_tensor(b), condition=np.asarray(condition, bool))
    return np.where(condition, a, b)


def dequantize(node: Node, q: Operand, scale: Operand, zero: Operand = None) -> Operand:
    """Make numbers of stored bytes: a scale for all, for each of an axis, or for blocks along it."""
    if isinstance(q, Tensor):
        raise node.refuse("of stored numbers", "numbers that depend on data")
    axis, block = node.get("axis", 1), node.get("block_size", 0)
    spread = [np.asarray(value, np.float32) for value in (scale, 0 if zero is None else zero)]
    if block:
        spread = [np.repeat(value, block, axis=axis) if value.ndim else value for value in spread]
        spread = [np.take(value, range(q.shape[axis]), axis=axis) if value.ndim else value for value in spread]
    elif spread[0].ndim:
        columns = [-1 if place == axis % q.ndim else 1 for place in range(q.ndim)]
        spread = [value.reshape(columns) if value.ndim else value for value in spread]
    return ((np.asarray(q, np.float32) - spread[1]) * spread[0]).astype(np.float32)


GENERAL: dict[str, Handler] = {
    "Abs": elements(ops.abs, np.abs),
    "Add": elements(ops.add, np.add),
    "Cast": cast,
    "Clip": clip,
    "Concat": concat,
    "Constant": constant,
    "ConstantOfShape": constant_of_shape,
    "DequantizeLinear": dequantize,
    "Div": elements(ops.div, lambda a, b: a // b if np.asarray(a).dtype.kind in "iu" else a / b),
    "Dropout": identity,
    "Exp": elements(ops.exp, np.exp),
    "Expand": expand,
    "Flatten": flatten,
    "Gather": gather,
    "Gelu": gelu,
    "Gemm": gemm,
    "Identity": identity,
    "LayerNormalization": layer_normalization,
    "LeakyRelu": leaky_relu,
    "Log": elements(ops.log, np.log),
    "LogSoftmax": log_softmax,
    "MatMul": elements(ops.matmul, np.matmul),
    "Max": folded(ops.maximum, np.maximum),
    "Min": folded(ops.minimum, np.minimum),
    "Mul": elements(ops.mul, np.multiply),
    "Neg": elements(ops.neg, np.negative),
    "Pow": elements(ops.pow, np.power),
    "ReduceMax": reduced(ops.max, 18),
    "ReduceMean": reduced(ops.mean, 18),
    "ReduceMin": reduced(ops.min, 18),
    "ReduceSum": reduced(ops.sum, AXES_AS_OPERAND),
    "Relu": elements(ops.relu, lambda x: np.maximum(x, 0)),
    "Reshape": reshape,
    "Shape": shape_of,
    "Sigmoid": elements(ops.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "Slice": slice_,
    "Softmax": softmax,
    "Split": split,
    "Sqrt": elements(ops.sqrt, np.sqrt),
    "Squeeze": squeeze,
    "Sub": elements(ops.sub, np.subtract),
    "Sum": folded(ops.add, np.add),
    "Tanh": elements(ops.tanh, np.tanh),
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
    "Where": where,
}

IMPORTS: dict[str, Handler] = GENERAL | IMAGE_OPERATORS
