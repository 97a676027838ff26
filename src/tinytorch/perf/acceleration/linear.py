"""The twin of `linear`: tiles of sums that start from the bias, forward and for the gradient of the input.

The gradient of the weights is left to the matrix library: the tiles walk along rows, and that is a sum down columns.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tinytorch.core.ops import OPS
from tinytorch.core.ops.op import Array, Value
from tinytorch.core.ops.products import summed_rows, weight_gradient
from tinytorch.perf.acceleration.arrays import is_plain, plain
from tinytorch.perf.kernels.forms import VARIABLE, lanes
from tinytorch.perf.kernels.threads import in_parts

__all__ = ["linear"]

FEWEST = 64  # rows; for fewer, packing the weights takes too large a part
SHARED = 256  # rows from which on a second thread pays


def linear(x: Array, weight: Array, bias: Array) -> Value:
    """Do what the op `linear` does: float32, 64 rows or more, numbers of features that fill vectors."""
    if not (_fits(x, weight, bias) and is_plain(x)):
        return OPS["linear"].run(x, weight, bias)
    rest = np.zeros(len(weight), np.float32)
    return _times(x, weight, plain(bias)), (
        lambda g: _times(plain(g), weight.T, rest),
        lambda g: weight_gradient(x, g),
        summed_rows,
    )


def _fits(x: Array, weight: Array, bias: Array) -> bool:
    matched = weight.ndim == 2 and x.shape[-1:] == weight.shape[:1] and bias.shape == weight.shape[1:]
    if not matched or weight.size == 0 or x.size < FEWEST * len(weight):
        return False
    width = _vectors().itemsize * 2
    return weight.dtype == bias.dtype == np.float32 and weight.shape[0] % width == weight.shape[1] % width == 0


def _times(x: Array, matrix: Array, bias: Array) -> Array:
    """Multiply rows by a matrix of any strides, and add the bias."""
    out = np.empty((*x.shape[:-1], matrix.shape[1]), np.float32)
    rows, to, layout = x.reshape(-1, x.shape[-1]), out.reshape(-1, matrix.shape[1]), _vectors()
    packed = np.empty(matrix.size, np.float32)
    _compiled("pack", layout.itemsize)(matrix, layout, packed)
    multiply = _compiled("multiply", layout.itemsize)

    def work(_: int, start: int, stop: int) -> None:
        multiply(rows[start:stop], packed, bias, layout, to[start:stop])

    in_parts(work, len(rows), None if len(rows) >= SHARED else 1)
    return out


def _vectors() -> Array:
    """Give what tells the kernels how wide vectors are: an array of int64 for 16 floats, of int32 for 8."""
    return _layout(os.environ.get(VARIABLE, ""))


@cache
def _layout(form: str) -> Array:
    del form  # what `lanes` reads
    return np.zeros(1, np.int64 if lanes() == 16 else np.int32)


@cache
def _compiled(name: str, index_bytes: int) -> Callable[..., Any]:
    from tinytorch.perf.kernels import compiled_linear

    return compiled_linear.kernel(name, index_bytes)
