"""What each op is in ONNX: one entry in `EXPORTS` for every op of a traced graph.

A mapping is given the step and the builder, adds operators, and ends with one whose result has the step's name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinytorch.core.ops.shape import is_basic
from tinytorch.errors import StateError, explain
from tinytorch.perf.graph import Step
from tinytorch.perf.onnx.building import Builder
from tinytorch.perf.onnx.byte_mappings import BYTE_EXPORTS

__all__ = ["EXPORTS", "Mapping"]

Mapping = Callable[[Step, Builder], None]
END = 2**31 - 1


def same(kind: str) -> Mapping:
    """Map an op of elements to the operator of the same meaning; ONNX wants all operands of one dtype."""
    return lambda step, to: _last(to, step, kind, *to.alike(step))


def reduced(kind: str) -> Mapping:
    """Map a reduction over some axes, or all; over none it changes nothing."""

    def mapping(step: Step, to: Builder) -> None:
        axis, (x,) = step.options.get("axis"), to.alike(step)
        if axis == ():
            _last(to, step, "Identity", x)
            return
        axes = [] if axis is None else [to.whole(axis if isinstance(axis, tuple) else [axis])]
        _last(to, step, kind, x, *axes, keepdims=int(bool(step.options.get("keepdims"))))

    return mapping


def along(kind: str) -> Mapping:
    """Map an op along one axis, `dim`."""
    return lambda step, to: _last(to, step, kind, *to.inputs_of(step), axis=step.options.get("dim", -1))


def linear(step: Step, to: Builder) -> None:
    """Map to one Gemm where there are rows only, else to a product and a sum."""
    x, weight, bias = to.inputs_of(step)
    if len(step.inputs[0].shape) == 2:
        _last(to, step, "Gemm", x, weight, bias)
    else:
        _last(to, step, "Add", to.add("MatMul", x, weight), bias)


def conv2d(step: Step, to: Builder) -> None:
    """Map to Conv: kernels lie as ONNX has them."""
    stride, padding = (step.options.get(name, default) for name, default in (("stride", 1), ("padding", 0)))
    kernel = step.inputs[1].shape[2:]
    _last(to, step, "Conv", *to.inputs_of(step), kernel_shape=kernel, strides=[stride] * 2, pads=[padding] * 4)


def pooled(kind: str, **attributes: Any) -> Mapping:
    """Map a pooling."""

    def mapping(step: Step, to: Builder) -> None:
        kernel, stride = step.options["kernel_size"], step.options.get("stride")
        sizes = {"kernel_shape": _pair(kernel), "strides": _pair(kernel if stride is None else stride)}
        pads = [step.options.get("padding", 0)] * 4
        _last(to, step, kind, *to.inputs_of(step), **sizes, pads=pads, **attributes)

    return mapping


def batch_norm(step: Step, to: Builder) -> None:
    """Map to BatchNormalization by kept moments, and by a batch's own to what it is made of."""
    dtype, names = step.output.dtype, to.alike(step)
    eps = step.options.get("eps", 1e-5)
    if step.options.get("mean") is None:
        _normalized_by_batch(step, to, names, eps)
        return
    moments = [to.constant(np.asarray(step.options[name], dtype), name) for name in ("mean", "variance")]
    _last(to, step, "BatchNormalization", *names, *moments, epsilon=eps)


def _normalized_by_batch(step: Step, to: Builder, names: Sequence[str], eps: float) -> None:
    rank, (x, gamma, beta) = len(step.output.shape), names
    axes = to.whole([axis for axis in range(rank) if axis != 1])
    centred = to.add("Sub", x, to.add("ReduceMean", x, axes))
    variance = to.add("ReduceMean", to.add("Mul", centred, centred), axes)
    root = to.add("Sqrt", to.add("Add", variance, to.constant(np.asarray(eps, step.output.dtype))))
    columns = to.whole([-1, *[1] * (rank - 2)])
    scale, shift = (to.add("Reshape", name, columns) for name in (gamma, beta))
    _last(to, step, "Add", to.add("Mul", to.add("Div", centred, root), scale), shift)


def layer_norm(step: Step, to: Builder) -> None:
    """Map to LayerNormalization over the last axis."""
    _last(to, step, "LayerNormalization", *to.inputs_of(step), axis=-1, epsilon=step.options.get("eps", 1e-5))


def clip(step: Step, to: Builder) -> None:
    """Map to Clip; a limit that is not there has an empty name."""
    limits = [step.options.get(name) for name in ("low", "high")]
    names = ["" if limit is None else to.constant(np.asarray(limit, step.output.dtype)) for limit in limits]
    _last(to, step, "Clip", *to.alike(step), *names)


def where(step: Step, to: Builder) -> None:
    """Map to Where."""
    _last(to, step, "Where", to.constant(np.asarray(step.options["condition"], bool)), *to.alike(step))


def astype(step: Step, to: Builder) -> None:
    """Map to Cast."""
    (x,) = to.inputs_of(step)
    _last(to, step, "Identity", to.cast(x, step.output.dtype))


def reshape(step: Step, to: Builder) -> None:
    """Map to Reshape, to a shape that is written down."""
    _last(to, step, "Reshape", *to.inputs_of(step), to.whole(to.sizes(step)))


def broadcast_to(step: Step, to: Builder) -> None:
    """Map to Expand; an axis that grows with the batch has its size already, and a 1 leaves it alone."""
    sizes = [1 if size == -1 else size for size in to.sizes(step)]
    _last(to, step, "Expand", *to.inputs_of(step), to.whole(sizes))


def transpose(step: Step, to: Builder) -> None:
    """Map the exchange of two axes to a permutation."""
    axes = list(range(len(step.output.shape)))
    first, second = step.options.get("dim0", -2), step.options.get("dim1", -1)
    axes[first], axes[second] = axes[second], axes[first]
    _last(to, step, "Transpose", *to.inputs_of(step), perm=axes)


def permute(step: Step, to: Builder) -> None:
    """Map to Transpose."""
    rank = len(step.output.shape)
    _last(to, step, "Transpose", *to.inputs_of(step), perm=[axis % rank for axis in step.options["axes"]])


def slice_(step: Step, to: Builder) -> None:
    """Map a plain key to Slice, Squeeze and Unsqueeze, and any other to a Gather of elements by their places."""
    key, (x,) = step.options["key"], to.inputs_of(step)
    if is_basic(key):
        _sliced(step, to, x, key if isinstance(key, tuple) else (key,))
        return
    if step.inputs[0] in to.free and to.free[step.inputs[0]]:
        remedy = "Use plain slices, or export it with free_batch=False."
        raise StateError(explain("an exported slice of a free batch", "plain", repr(key), remedy=remedy))
    places = np.arange(step.inputs[0].size).reshape(step.inputs[0].shape)[key]
    _last(to, step, "Gather", to.add("Reshape", x, to.whole([-1])), to.constant(places), axis=0)


def _sliced(step: Step, to: Builder, x: str, key: tuple[Any, ...]) -> None:
    rank = len(step.inputs[0].shape)
    key = _spelled(key, rank)
    cuts, gone, new, axis, place = [], [], [], 0, 0
    for part in key:
        if part is None:
            new.append(place)
            place += 1
            continue
        if isinstance(part, slice):
            if part != slice(None):
                cuts.append((axis, *_ends(part)))
            place += 1
        else:
            gone.append(axis)
            cuts.append((axis, int(part), int(part) + 1 or END, 1))
        axis += 1
    if cuts:
        axes, starts, ends, steps = (to.whole(column) for column in zip(*cuts, strict=True))
        x = to.add("Slice", x, starts, ends, axes, steps)
    if gone:
        x = to.add("Squeeze", x, to.whole(gone))
    if new:
        x = to.add("Unsqueeze", x, to.whole(new))
    _last(to, step, "Identity", x)


def _spelled(key: tuple[Any, ...], rank: int) -> tuple[Any, ...]:
    """Write `...` and what is left out at the end as whole slices."""
    missing = rank - sum(part is not None and part is not Ellipsis for part in key)
    filling = (slice(None),) * missing
    place = key.index(Ellipsis) if Ellipsis in key else len(key)
    return (*key[:place], *filling, *key[place + 1 :])


def _ends(part: slice) -> tuple[int, int, int]:
    step = 1 if part.step is None else int(part.step)
    start = (0 if step > 0 else END) if part.start is None else int(part.start)
    stop = (END if step > 0 else -END) if part.stop is None else int(part.stop)
    return start, stop, step


def concatenate(step: Step, to: Builder) -> None:
    """Map to Concat."""
    _last(to, step, "Concat", *to.alike(step), axis=step.options.get("axis", 0))


def stack(step: Step, to: Builder) -> None:
    """Map to Concat along an axis that each part gets first."""
    axis = step.options.get("axis", 0)
    place = to.whole([axis])
    _last(to, step, "Concat", *(to.add("Unsqueeze", x, place) for x in to.alike(step)), axis=axis)


def embedding(step: Step, to: Builder) -> None:
    """Map to Gather of rows; ids travel as floats here, and as int64 there."""
    weight, ids = to.inputs_of(step)
    _last(to, step, "Gather", weight, to.cast(ids, np.int64), axis=0)


def attention(step: Step, to: Builder) -> None:
    """Map to two products around a softmax, with what is hidden at minus infinity."""
    q, k, v = to.inputs_of(step)
    weights, seeing = _weights(step, to, q, k)
    if seeing is None:
        _last(to, step, "MatMul", weights, v)
    else:
        _last(to, step, "Mul", to.add("MatMul", weights, v), to.constant(seeing))


def attention_weights(step: Step, to: Builder) -> None:
    """Map the first half of attention."""
    q, k = to.inputs_of(step)
    weights, seeing = _weights(step, to, q, k)
    _last(to, step, "Identity", weights if seeing is None else to.add("Mul", weights, to.constant(seeing)))


def _weights(step: Step, to: Builder, q: str, k: str) -> tuple[str, np.ndarray[Any, Any] | None]:
    """Add the softmax of the scores; say, as 0 and 1, which queries see anything, unless all do."""
    keys, width = step.inputs[1].shape[-2:]
    axes = list(range(len(step.inputs[1].shape)))
    axes[-2:] = axes[:-3:-1]
    scale = to.constant(np.asarray(1 / math.sqrt(width), step.output.dtype))
    scores = to.add("Mul", to.add("MatMul", q, to.add("Transpose", k, perm=axes)), scale)
    added, seeing = _hidden(step, step.inputs[0].shape[-2], keys)
    scores = scores if added is None else to.add("Add", scores, to.constant(added, "mask"))
    return to.add("Softmax", scores, axis=-1), seeing


def _hidden(step: Step, queries: int, keys: int) -> tuple[Any, Any]:
    """Make an additive mask of all that hides, and of the queries that see nothing a factor of 0."""
    mask, dtype = step.options.get("mask"), step.output.dtype
    added = None if mask is None else np.asarray(mask)
    if added is not None and added.dtype.kind != "f":
        added = np.where(added.astype(bool), 0.0, -np.inf)
    if step.options.get("causal"):
        later = np.arange(keys)[None, :] > np.arange(queries)[:, None] + keys - queries
        added = np.where(later, -np.inf, 0.0 if added is None else added)
    if added is None:
        return None, None
    seeing = np.isfinite(added).any(axis=-1, keepdims=True)
    if seeing.all():
        return added.astype(dtype), None
    return np.where(seeing, added, 0.0).astype(dtype), seeing.astype(dtype)


def mse(step: Step, to: Builder) -> None:
    """Map to the mean of squared differences."""
    difference = to.add("Sub", *to.alike(step))
    _last(to, step, "ReduceMean", to.add("Mul", difference, difference), keepdims=0)


def cross_entropy(step: Step, to: Builder) -> None:
    """Map to the mean of what a log-softmax says of the targets."""
    logits, targets = to.inputs_of(step)
    places = to.add("Unsqueeze", to.cast(targets, np.int64), to.whole([-1]))
    said = to.add("GatherElements", to.add("LogSoftmax", logits, axis=-1), places, axis=len(step.inputs[0].shape) - 1)
    _last(to, step, "Neg", to.add("ReduceMean", said, keepdims=0))


def bce(step: Step, to: Builder) -> None:
    """Map to what the loss is: logarithms of clamped probabilities, weighted by the targets."""
    dtype = step.output.dtype
    given, targets = to.alike(step)
    low, high, one = (to.constant(np.asarray(value, dtype)) for value in (1e-7, 1 - 1e-7, 1))
    p = to.add("Clip", given, low, high)
    right = to.add("Mul", targets, to.add("Log", p))
    wrong = to.add("Mul", to.add("Sub", one, targets), to.add("Log", to.add("Sub", one, p)))
    mean = to.add("ReduceMean", to.add("Add", right, wrong), keepdims=0)
    _last(to, step, "Neg", mean)


def _last(to: Builder, step: Step, kind: str, *inputs: str, **attributes: Any) -> None:
    to.add(kind, *inputs, to=step.output.name, **attributes)


def _pair(size: Any) -> list[int]:
    return list(size) if isinstance(size, tuple) else [size, size]


EXPORTS: dict[str, Mapping] = {
    "abs": same("Abs"),
    "add": same("Add"),
    "astype": astype,
    "attention": attention,
    "attention_weights": attention_weights,
    "avg_pool2d": pooled("AveragePool", count_include_pad=1),
    "batch_norm": batch_norm,
    "bce": bce,
    "broadcast_to": broadcast_to,
    "clip": clip,
    "concatenate": concatenate,
    "conv2d": conv2d,
    "cross_entropy": cross_entropy,
    "div": same("Div"),
    "dropout": same("Identity"),  # a graph has none that drops
    "embedding": embedding,
    "exp": same("Exp"),
    "gelu": lambda step, to: _last(to, step, "Gelu", *to.alike(step), approximate="tanh"),
    "layer_norm": layer_norm,
    "linear": linear,
    "log": same("Log"),
    "log_softmax": along("LogSoftmax"),
    "matmul": same("MatMul"),
    "max": reduced("ReduceMax"),
    "max_pool2d": pooled("MaxPool"),
    "maximum": same("Max"),
    "mean": reduced("ReduceMean"),
    "min": reduced("ReduceMin"),
    "minimum": same("Min"),
    "mse": mse,
    "mul": same("Mul"),
    "neg": same("Neg"),
    "permute": permute,
    "pow": same("Pow"),
    "relu": same("Relu"),
    "reshape": reshape,
    "sigmoid": same("Sigmoid"),
    "slice": slice_,
    "softmax": along("Softmax"),
    "sqrt": same("Sqrt"),
    "stack": stack,
    "sub": same("Sub"),
    "sum": reduced("ReduceSum"),
    "tanh": same("Tanh"),
    "transpose": transpose,
    "where": where,
} | BYTE_EXPORTS
