"""The loops around the tiles of nibbles: linear layers from floats to floats. Imported only where Numba is wanted."""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached, specialized
from tinytorch.perf.kernels.compiled import largest
from tinytorch.perf.kernels.compiled_curves import bend
from tinytorch.perf.kernels.nibble_tiles import nibble_tile
from tinytorch.perf.kernels.tiles import address_as_pointer

__all__ = ["int4", "run_int4"]

# The hashes of tiles.py, compiled.py and nibble_tiles.py: Numba's disk cache sees this file change, and no other. A
# test keeps them true.
BASE = "b0df2b7c505d8ce1"
LOOPS = "09a10f199e8159da"
TILES = "5b599f80bdb2d496"

ROWS = 32  # that share a panel of weights in the cache


@cached
def quantize_groups(row, size, target, units, starts):
    """Write a row as whole numbers of at most 127, each group with a scale of its own.

    Args:
        row: (in,).
        size: Numbers in a group.
        target: (in, padded,) int8; what is beyond `in` is 0 and stays so.
        units: (groups,): what one of them stands for.
        starts: (groups,): what the sums of the group start from, as nibbles stand 8 higher than weights.
    """
    for group in range(units.size):
        first, end = group * size, min((group + 1) * size, row.size)
        top = largest(row[first:end])
        unit, total = top / np.float32(127), np.int32(0)
        inverse = np.float32(1) / unit if unit >= np.float32(1e-37) else np.float32(0)
        if inverse == 0:
            for i in range(first, end):
                target[i] = 0
        else:
            for i in range(first, end):
                whole = np.int32(min(max(np.rint(row[i] * inverse), np.float32(-127)), np.float32(127)))
                target[i] = whole
                total += whole
        units[group], starts[group] = unit, np.int32(-8) * total


@cached
def nibble_rows(sizes, rows, vectors, at):
    """Do all rows of one or more panels: four at a time, then one."""
    x, x_stride, units, starts, unit_stride, w, panel, scales, scale_panel, groups, steps, bias, relu, out, stride = at
    row = 0
    while row < rows:
        here = (
            x + row * x_stride,
            x_stride,
            units + row * unit_stride,
            starts + row * unit_stride,
            unit_stride,
            w,
            panel,
            scales,
            scale_panel,
            groups,
            steps,
            bias,
            relu,
            out + row * stride,
            stride,
        )
        if row + 4 <= rows:
            if vectors == 2:
                nibble_tile(sizes, 4, 2, here)
            else:
                nibble_tile(sizes, 4, 1, here)
            row += 4
        else:
            if vectors == 4:
                nibble_tile(sizes, 1, 4, here)
            elif vectors == 2:
                nibble_tile(sizes, 1, 2, here)
            else:
                nibble_tile(sizes, 1, 1, here)
            row += 1


@cached
def nibble_panels(sizes, rows, at):
    """Do all panels for a block of rows: as many at a time as registers hold, then fewer."""
    x, x_stride, units, starts, unit_stride, w, panel, scales, scale_panel, groups, steps, bias, relu, out, stride = at
    lanes, left = np.intp(16 if sizes.itemsize == 8 else 8), np.intp(sizes[1])
    widest = 4 if rows < 4 else 2
    while left > 0:
        vectors = widest if left >= widest else 2 if left >= 2 else 1
        here = (x, x_stride, units, starts, unit_stride, w, panel, scales, scale_panel, groups, steps)
        nibble_rows(sizes, rows, vectors, (*here, bias, relu, out, stride))
        w, scales, left = w + vectors * panel, scales + vectors * scale_panel, left - vectors
        bias, out = bias + vectors * 4 * lanes, out + vectors * 4 * lanes


def run_int4(x, weights, sizes, memory, curve, out):
    """Do a linear layer of nibbles, from floats to floats.

    Args:
        x: (rows, in), contiguous.
        weights: Packed nibbles; scales (panels, groups, lanes), the upper halves of floats; biases, padded.
        sizes: Numbers in a group, and panels; its kind says the form of the product.
        memory: Of a block of rows: activations (rows, in, padded), their scales and the starts of sums (rows, groups),
            and results (rows, outputs, padded).
        curve: The activation that follows.
        out: (rows, out), contiguous.
    """
    values, scales, biases = weights
    activations, units, starts, results = memory
    size, padded, width = np.intp(sizes[0]), np.intp(results.shape[1]), out.shape[1]
    groups, steps, relu = np.intp(units.shape[1]), size // 8, np.intp(1) if curve == 1 else np.intp(0)
    panel, scale_panel = np.intp(values.size // sizes[1]), np.intp(2 * scales.shape[1] * scales.shape[2])
    for start in range(0, x.shape[0], ROWS):
        rows = min(ROWS, x.shape[0] - start)
        for row in range(rows):
            quantize_groups(x[start + row], size, activations[row], units[row], starts[row])
        there = np.intp(out.ctypes.data) + start * width * 4 if width == padded else np.intp(results.ctypes.data)
        rows_at = (np.intp(activations.ctypes.data), np.intp(activations.shape[1]), np.intp(units.ctypes.data))
        weights_at = (np.intp(values.ctypes.data), panel, np.intp(scales.ctypes.data), scale_panel)
        at = (*rows_at, np.intp(starts.ctypes.data), groups * 4, *weights_at, groups, steps)
        nibble_panels(sizes, rows, (*at, np.intp(biases.ctypes.data), relu, there, padded * 4))
        if curve > 1:
            bend(curve, numba.carray(address_as_pointer(there), rows * padded))
        if width != padded:
            for row in range(rows):
                for column in range(width):
                    out[start + row, column] = results[row, column]


def int4(kind: str) -> Any:
    """Give `run_int4` for sizes of one kind: `int64`, `int32` or `int16`."""
    floats, matrix = types.float32[::1], types.float32[:, ::1]
    weights = types.Tuple((types.uint8[::1], types.uint16[:, :, ::1], floats))
    memory = types.Tuple((types.int8[:, ::1], matrix, types.int32[:, ::1], matrix))
    signature = (matrix, weights, getattr(types, kind)[::1], memory, types.int64, matrix)
    return specialized(cached(run_int4), signature)
