"""A linear layer of weights that change: packed at each call, then multiplied by the tiles of compiled inference.

Imported only where Numba is wanted.
"""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached, specialized
from tinytorch.perf.kernels.compiled import float_layer

__all__ = ["kernel"]

# The hash of compiled.py: Numba's disk cache sees this file change, and no other. A test keeps it true.
LOOPS = "329c052d38e33f48"

BLOCK = 96  # rows that share a panel of weights in the cache; a multiple of 6


def pack(w, layout, packed):
    """Lay out a matrix in panels, as `dense.panels` does, whose columns fill vectors.

    Args:
        w: (in, out), of any strides.
        layout: Empty; its kind says the width of vectors, as that of a chain.
        packed: (in · out,), written to.
    """
    lanes = 16 if layout.itemsize == 8 else 8
    vectors, widest = w.shape[1] // lanes, 4 if lanes == 16 else 2
    done, at = 0, 0
    while done < vectors:
        left = vectors - done
        width = widest if left >= widest else 2 if left >= 2 else 1
        first, count = done * lanes, width * lanes
        for i in range(w.shape[0]):
            for j in range(count):
                packed[at + j] = w[i, first + j]
            at += count
        done += width


def multiply(x, packed, bias, layout, out):
    """Write `x @ w + bias`.

    Args:
        x: (rows, in).
        packed: What `pack` made of w.
        bias: (out,).
        layout: As in `pack`.
        out: (rows, out), written to.
    """
    lanes = 16 if layout.itemsize == 8 else 8
    vectors, count = np.intp(out.shape[1] // lanes), np.intp(x.shape[1])
    source, target, stride, step = np.intp(x.ctypes.data), np.intp(out.ctypes.data), 4 * count, 4 * lanes * vectors
    w, start = np.intp(packed.ctypes.data), np.intp(bias.ctypes.data)
    for row in range(0, x.shape[0], BLOCK):
        rows = min(BLOCK, x.shape[0] - row)
        at = (source + row * stride, stride, w, count, start, np.intp(0), target + row * step, step)
        float_layer(layout, rows, at, vectors, lanes)


def kernel(name: str, index_bytes: int) -> Any:
    """Give `pack` or `multiply` for layouts of int64 or int32."""
    layout = (types.int64 if index_bytes == 8 else types.int32)[::1]
    matrix, vector = types.float32[:, ::1], types.float32[::1]
    if name == "pack":
        return specialized(cached(pack), (types.float32[:, :], layout, vector))
    return specialized(cached(multiply), (matrix, vector, vector, layout, matrix))
