"""A linear layer of weights that change: packed at each call, then multiplied by the tiles of compiled inference.

Imported only where Numba is wanted.
"""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached
from tinytorch.perf.kernels.compiled import float_layer
from tinytorch.perf.kernels.compiled_sharing import shared
from tinytorch.perf.kernels.product_tiles import strided_tile

__all__ = ["kernel"]

# The hashes of compiled.py and product_tiles.py: Numba's disk cache sees this file change, and no other. A test keeps
# them true.
LOOPS, TILES = "09a10f199e8159da", "93e8e9c6ce11e1ea"

BLOCK = 96  # rows that share a panel of weights in the cache; a multiple of 6
DEPTH = 128  # rows whose products are added up at a time: a panel of them takes 32 KiB


@cached
def pack(w, layout, packed, start, stop):
    """Lay out a matrix in panels, as `dense.panels` does, whose columns fill vectors.

    Args:
        w: (in, out), of any strides.
        layout: Empty; its kind says the width of vectors, as that of a chain.
        packed: (in · out,), written to.
        start: The first panel to do, all but the last being as wide as can be.
        stop: The panel after the last.
    """
    lanes, widest = (16, 4) if layout.itemsize == 8 else (8, 2)
    done, end = start * widest, min(stop * widest, w.shape[1] // lanes)
    at = done * lanes * w.shape[0]
    while done < end:
        left = end - done
        width = widest if left >= widest else 2 if left >= 2 else 1
        first, count = done * lanes, width * lanes
        for i in range(w.shape[0]):
            for j in range(count):
                packed[at + j] = w[i, first + j]
            at += count
        done += width


@cached
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


@cached
def gradient(x, g, layout, memory, sums):
    """Write the gradients of weights and biases that some rows give: products of columns.

    Args:
        x: (rows, in).
        g: (rows, out): the gradient of the results; its columns fill vectors.
        layout: As in `pack`.
        memory: Floats: DEPTH rows of the widest panel, then of x.
        sums: (in + 1, out), written to; the last row is the biases'.
    """
    lanes, widest = (16, 4) if layout.itemsize == 8 else (8, 2)
    inputs, vectors = np.intp(x.shape[1]), g.shape[1] // lanes
    sums[:] = np.float32(0)
    biases, panel, columns_of_x = sums[x.shape[1]], memory, memory[DEPTH * widest * lanes :]
    w, source = np.intp(panel.ctypes.data), np.intp(columns_of_x.ctypes.data)
    for first in range(0, x.shape[0], DEPTH):
        depth = np.intp(min(DEPTH, x.shape[0] - first))
        stack(x[first : first + depth], columns_of_x)
        done = 0
        while done < vectors:
            left = vectors - done
            width = widest if left >= widest else 2 if left >= 2 else 1
            columns = width * lanes
            lay_down(g[first : first + depth], done * lanes, columns, panel, biases[done * lanes :])
            to, row, i = np.intp(sums.ctypes.data) + 4 * done * lanes, np.intp(4 * g.shape[1]), np.intp(0)
            while i < inputs:
                tall, here = height(inputs - i), to + i * row
                own = source + 4 * i * depth
                at = (own, np.intp(4), np.intp(4 * tall), w, np.intp(4 * columns), depth, here, row, here, row)
                strided_tile(layout, (tall, width), at)
                i += tall
            done += width


@cached
def height(left):
    """Give how many rows of sums the next tile has."""
    return 6 if left >= 6 and left != 8 else 4 if left >= 4 else 2 if left >= 2 else 1


@cached
def stack(x, out):
    """Lay out columns as tiles read them: blocks of columns, in each the numbers of a row side by side."""
    for k in range(x.shape[0]):
        row, i = x[k], 0
        while i < row.size:
            tall = height(row.size - i)
            at = i * x.shape[0] + k * tall
            if tall == 6:
                for r in range(6):
                    out[at + r] = row[i + r]
            else:
                for r in range(tall):
                    out[at + r] = row[i + r]
            i += tall


@cached
def lay_down(g, first, columns, panel, biases):
    """Copy some columns row by row, and add the rows to the gradient of the biases."""
    for k in range(g.shape[0]):
        row, to = g[k, first : first + columns], panel[k * columns : (k + 1) * columns]
        for j in range(columns):
            to[j] = row[j]
            biases[j] += row[j]


KERNELS = {
    "pack": (pack, ("columns", "layout", "vector"), "aaa+"),
    "multiply": (multiply, ("matrix", "vector", "vector", "layout", "matrix"), "raaar"),
    "gradient": (gradient, ("matrix", "matrix", "layout", "matrix", "matrices"), "rrapp"),
}


def kernel(name: str, index_bytes: int) -> Any:
    """Give one of `KERNELS`, to be shared, for layouts of int64 or int32."""
    kinds = {
        "columns": types.float32[:, :],
        "layout": (types.int64 if index_bytes == 8 else types.int32)[::1],
        "matrices": types.float32[:, :, ::1],
        "matrix": types.float32[:, ::1],
        "vector": types.float32[::1],
    }
    function, arguments, cuts = KERNELS[name]
    return shared(function, tuple(kinds[argument] for argument in arguments), cuts)
