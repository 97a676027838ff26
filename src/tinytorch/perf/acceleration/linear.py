"""The twins of `linear` and `matmul`: tiles of sums, forward and for the gradients of input and parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tinytorch.core.ops import OPS
from tinytorch.core.ops.op import Array, Value, together
from tinytorch.perf.acceleration.arrays import is_plain, plain
from tinytorch.perf.kernels.crew import share
from tinytorch.perf.kernels.forms import vector_layout
from tinytorch.perf.kernels.threads import thread_count

__all__ = ["linear", "matmul"]

FEWEST = 64  # rows; for fewer, packing the weights takes too large a part
MANY = 1 << 18  # products from which on OpenBLAS uses its threads, which then watch for work and take a processor
SHARED = 256  # rows from which on a second thread pays
DEPTH = 128  # rows of gradients at a time, as the kernel has it


def linear(x: Array, weight: Array, bias: Array) -> Value:
    """Do what the op `linear` does: float32, 64 rows or more, numbers of features that fill vectors or are many."""
    if not (_fits(x, weight) and is_plain(x) and bias.shape == weight.shape[1:] and bias.dtype == np.float32):
        return OPS["linear"].run(x, weight, bias)
    of_parameters = together(lambda g: _parameter_gradients(x, plain(g)), 2)
    return _times(x, weight, bias), (lambda g: _times(plain(g), weight.T), *of_parameters)


def matmul(a: Array, b: Array) -> Value:
    """Do what the op `matmul` does: of rows by one matrix, as `linear` without a bias."""
    if a.ndim < 2 or not (_fits(a, b) and is_plain(a)):
        return OPS["matmul"].run(a, b)
    return _times(a, b), (lambda g: _times(plain(g), b.T), lambda g: _parameter_gradients(a, plain(g))[0])


def _fits(x: Array, weight: Array) -> bool:
    """Say whether tiles are worth it: sizes that fill vectors, or many products, beside which filling up is little."""
    matched = weight.ndim == 2 and x.shape[-1:] == weight.shape[:1] and x.dtype == weight.dtype == np.float32
    if not matched or weight.size == 0 or x.size < FEWEST * len(weight):
        return False
    width = vector_layout().itemsize * 2
    full = weight.shape[0] % width == weight.shape[1] % width == 0
    return full or (x.size * weight.shape[1] >= MANY and min(weight.shape) >= 2 * width)


def _times(x: Array, matrix: Array, bias: Array | None = None) -> Array:
    """Multiply rows by a matrix of any strides, and add the bias."""
    layout, columns = vector_layout(), matrix.shape[1]
    matrix = _filled(matrix, layout.itemsize)
    width = matrix.shape[1]
    start, packed = np.zeros(width, np.float32), np.empty(matrix.size, np.float32)
    if bias is not None:
        start[:columns] = bias
    rows = x.reshape(-1, x.shape[-1])
    out, alone = np.empty((len(rows), width), np.float32), len(rows) < SHARED
    panels = -(-width // _panel(layout))
    share(_compiled("pack", layout.itemsize), panels, matrix, layout, packed, alone=alone)
    share(_compiled("multiply", layout.itemsize), len(rows), rows, packed, start, layout, out, alone=alone)
    return (out if width == columns else out[:, :columns].copy()).reshape(*x.shape[:-1], columns)


def _panel(layout: Array) -> int:
    """Give the columns of the widest panel: four vectors of 16, or two of 8."""
    return 64 if layout.itemsize == 8 else 16


def _filled(matrix: Array, index_bytes: int) -> Array:
    """Add columns of zeros until they fill vectors; nothing where they do."""
    missing = -matrix.shape[1] % (2 * index_bytes)
    return matrix if missing == 0 else np.pad(matrix, ((0, 0), (0, missing)))


def _parameter_gradients(x: Array, g: Array) -> tuple[Array, Array]:
    """Give the gradients of weights and biases; each thread adds up its own rows' share of them."""
    rows, layout = x.reshape(-1, x.shape[-1]), vector_layout()
    columns, slopes = g.shape[-1], _filled(g.reshape(-1, g.shape[-1]), layout.itemsize)
    threads = thread_count()
    sums = np.empty((threads, x.shape[-1] + 1, slopes.shape[1]), np.float32)
    memory = np.empty((threads, DEPTH * (_panel(layout) + x.shape[-1])), np.float32)
    gradient, alone = _compiled("gradient", layout.itemsize), len(rows) < SHARED
    parts = share(gradient, len(rows), rows, slopes, layout, memory, sums, alone=alone)
    for part in range(1, parts):
        sums[0] += sums[part]
    return sums[0, :-1, :columns], sums[0, -1, :columns]


@cache
def _compiled(name: str, index_bytes: int) -> Callable[..., Any]:
    from tinytorch.perf.kernels import compiled_linear

    return compiled_linear.kernel(name, index_bytes)
