"""NumPy kernels, as in `arrays`, of the ops that networks for images and words are made of.

A maker gives None where its way does not fit; the op then runs as it is, and allocates.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from tinytorch.core.ops import OPS
from tinytorch.perf.tracing import Step

__all__ = ["NETWORK_MAKERS"]

Kernel = Callable[..., Any]
LARGEST_SCORES = 1 << 22  # bytes; beyond, the op's own way of a block of queries at a time is the better one


def _embedding(step: Step) -> Kernel:
    weight, indices = step.inputs
    rows, exact = np.empty(indices.shape, np.intp), np.empty(indices.shape, bool)
    last, check = weight.shape[0] - 1, OPS["embedding"].run

    def kernel(table: Any, given: Any, *, out: Any) -> None:
        with np.errstate(invalid="ignore"):  # NaN becomes some integer, and is found to be another number
            np.copyto(rows, given, casting="unsafe")
        np.equal(rows, given, out=exact)
        if not (exact.all() and rows.min(initial=0) >= 0 and rows.max(initial=0) <= last):
            check(table, given)  # says what is wrong
        np.take(table, rows, axis=0, out=out, mode="clip")  # `raise` would make a copy first

    return kernel


def _layer_norm(step: Step) -> Kernel:
    shape, kind = step.output.shape, step.output.dtype
    row, size, eps = np.empty((*shape[:-1], 1), kind), kind.type(shape[-1]), kind.type(step.options.get("eps", 1e-5))

    def kernel(x: Any, gamma: Any, beta: Any, *, out: Any) -> None:
        np.add.reduce(x, axis=-1, keepdims=True, out=row)
        np.true_divide(row, size, out=row)
        np.subtract(x, row, out=out)
        np.einsum("...d,...d->...", out, out, out=row[..., 0])
        np.true_divide(row, size, out=row)
        np.add(row, eps, out=row)
        np.sqrt(row, out=row)
        np.true_divide(out, row, out=out)
        np.multiply(out, gamma, out=out)
        np.add(out, beta, out=out)

    return kernel


def _batch_norm(step: Step) -> Kernel | None:
    x, gamma, beta = step.inputs
    mean, variance = step.options.get("mean"), step.options.get("variance")
    if mean is None or variance is None or not all(isinstance(value.data, np.ndarray) for value in (gamma, beta)):
        return None
    scale = gamma.data / np.sqrt(variance.astype(np.float64) + step.options.get("eps", 1e-5))
    shift, shape = beta.data - mean * scale, (-1, *(1,) * (len(x.shape) - 2))
    factor, moved = (values.astype(step.output.dtype).reshape(shape) for values in (scale, shift))

    def kernel(x: Any, gamma: Any, beta: Any, *, out: Any) -> None:
        del gamma, beta  # they are in the factor
        np.multiply(x, factor, out=out)
        np.add(out, moved, out=out)

    return kernel


def _pooled(combine: Any) -> Callable[[Step], Kernel | None]:
    def make(step: Step) -> Kernel | None:
        if step.options.get("padding") or not step.output.size:
            return None
        parts, share = _window_parts(step), step.output.dtype.type(1)
        if combine is np.add:
            share /= step.output.dtype.type(len(parts))

        def kernel(x: Any, *, out: Any) -> None:
            np.copyto(out, x[parts[0]])
            for part in parts[1:]:
                combine(out, x[part], out=out)
            if share != 1:
                np.multiply(out, share, out=out)

        return kernel

    return make


def _window_parts(step: Step) -> list[tuple[Any, ...]]:
    """List, for each element of a window, where it lies in all windows."""
    height, width = _pair(step.options["kernel_size"])
    stride = step.options.get("stride")
    down, across = (height, width) if stride is None else _pair(stride)
    rows, columns = step.output.shape[2:]
    return [
        (..., slice(i, i + down * (rows - 1) + 1, down), slice(j, j + across * (columns - 1) + 1, across))
        for i, j in product(range(height), range(width))
    ]


def _pair(size: Any) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)


def _attention(step: Step) -> Kernel | None:
    q, k, v = step.inputs
    scores = (*q.shape[:-1], k.shape[-2])
    alike = q.shape[:-2] == k.shape[:-2] == v.shape[:-2] and q.dtype == k.dtype == v.dtype == step.output.dtype
    if not alike or int(np.prod(scores)) * q.dtype.itemsize > LARGEST_SCORES or step.options.get("mask") is not None:
        return None
    return _scored(step, np.empty(scores, q.dtype))


def _scored(step: Step, odds: Any) -> Kernel:
    queries, keys = odds.shape[-2:]
    row, scaled = np.empty((*odds.shape[:-1], 1), odds.dtype), np.empty(step.inputs[0].shape, odds.dtype)
    one = odds.dtype.type(1)
    scale, lowest = odds.dtype.type(1 / np.sqrt(step.inputs[0].shape[-1])), np.finfo(odds.dtype).min
    hidden = np.triu(np.ones((queries, keys), bool), keys - queries + 1) if step.options.get("causal") else None

    def kernel(q: Any, k: Any, v: Any, *, out: Any) -> None:
        np.multiply(q, scale, out=scaled)
        np.matmul(scaled, k.swapaxes(-1, -2), out=odds)
        if hidden is not None:
            np.copyto(odds, -np.inf, where=hidden)
        np.maximum.reduce(odds, axis=-1, keepdims=True, out=row, initial=lowest)
        np.subtract(odds, row, out=odds)
        np.exp(odds, out=odds)
        np.add.reduce(odds, axis=-1, keepdims=True, out=row)
        np.maximum(row, one, out=row)  # the largest gives 1 itself; a row without keys keeps its zeros
        np.matmul(odds, v, out=out)
        np.true_divide(out, row, out=out)

    return kernel


NETWORK_MAKERS: dict[str, Callable[[Step], Kernel | None]] = {
    "attention": _attention,
    "avg_pool2d": _pooled(np.add),
    "batch_norm": _batch_norm,
    "embedding": _embedding,
    "layer_norm": _layer_norm,
    "max_pool2d": _pooled(np.maximum),
}
