"""The loops around the tiles: whole layers on blocks of rows. Imported only where Numba is wanted."""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached, specialized
from tinytorch.perf.kernels.compiled_curves import bend
from tinytorch.perf.kernels.tiles import (
    address_as_pointer,
    amx_begin,
    amx_end,
    amx_tile,
    float_of_bits,
    float_tile,
    has_amx,
    int8_finish,
    int8_tile,
)

__all__ = ["chain", "int8", "run_chain", "run_int8"]

# The hashes of tiles.py and compiled_curves.py: Numba's disk cache sees this file change, and no other. A test keeps
# them true.
TILES, CURVES = "b0df2b7c505d8ce1", "b7ac69c33ceface6"

# A tile of 6 rows and 4 vectors holds 24 sums, 4 vectors of weights and 1 of activations in 29 of 32 registers.
BLOCK = 96  # rows that share a panel of weights in the cache; a multiple of 6


@cached
def float_panel(layout, vectors, rows, at):
    """Do all rows of one panel, which is as wide as a tile: six rows at a time, then two, then one."""
    x, stride, w, count, start, is_relu, out, out_stride = at
    row = 0
    while row + 6 <= rows:
        here = (x + row * stride, stride, w, count, start, is_relu, out + row * out_stride, out_stride)
        if vectors == 4:
            float_tile(layout, 6, 4, here)
        elif vectors == 2:
            float_tile(layout, 6, 2, here)
        else:
            float_tile(layout, 6, 1, here)
        row += 6
    while row + 2 <= rows:
        here = (x + row * stride, stride, w, count, start, is_relu, out + row * out_stride, out_stride)
        if vectors == 4:
            float_tile(layout, 2, 4, here)
        elif vectors == 2:
            float_tile(layout, 2, 2, here)
        else:
            float_tile(layout, 2, 1, here)
        row += 2
    if row < rows:
        here = (x + row * stride, stride, w, count, start, is_relu, out + row * out_stride, out_stride)
        if vectors == 4:
            float_tile(layout, 1, 4, here)
        elif vectors == 2:
            float_tile(layout, 1, 2, here)
        else:
            float_tile(layout, 1, 1, here)


@cached
def float_layer(layout, rows, at, vectors, lanes):
    """Do one layer: its panels are four vectors wide, then two, then one."""
    x, stride, w, count, start, is_relu, out, out_stride = at
    done, widest = 0, 4 if lanes == 16 else 2  # machines of short vectors have half as many of them
    while done < vectors:
        left = vectors - done
        width = widest if left >= widest else 2 if left >= 2 else 1
        float_panel(layout, width, rows, (x, stride, w, count, start, is_relu, out, out_stride))
        w += 4 * lanes * width * count
        start += 4 * lanes * width
        out += 4 * lanes * width
        done += width


def run_chain(x, weights, layout, scratch, out):
    """Do linear layers with their activations, one after the other, for a block of rows at a time.

    Args:
        x: (rows, in), contiguous.
        weights: Packed, as `dense.pack` gives them.
        layout: One row a layer: inputs, vectors of outputs, bytes up to its weights, bytes up to its biases, curve.
        scratch: (2, floats of a block of the widest layer).
        out: (rows, out), contiguous.
    """
    lanes = 16 if layout.itemsize == 8 else 8
    depth, width = layout.shape[0], out.shape[1]
    base, source, target = np.intp(weights.ctypes.data), np.intp(x.ctypes.data), np.intp(out.ctypes.data)
    direct = lanes * layout[depth - 1, 1] == width
    for start in range(0, x.shape[0], BLOCK):
        rows = min(BLOCK, x.shape[0] - start)
        here, stride = source + start * x.shape[1] * 4, np.intp(x.shape[1] * 4)
        for layer in range(depth):
            count, vectors, curve = np.intp(layout[layer, 0]), np.intp(layout[layer, 1]), layout[layer, 4]
            there, step = np.intp(scratch[layer & 1].ctypes.data), vectors * lanes * 4
            if direct and layer == depth - 1:
                there = target + start * step
            w, bias = base + np.intp(layout[layer, 2]), base + np.intp(layout[layer, 3])
            relu = np.intp(1) if curve == 1 else np.intp(0)
            float_layer(layout, rows, (here, stride, w, count, bias, relu, there, step), vectors, lanes)
            if curve > 1:
                bend(curve, numba.carray(address_as_pointer(there), rows * vectors * lanes))
            here, stride = there, step
        if not direct:
            result = scratch[(depth - 1) & 1]
            for row in range(rows):
                for column in range(width):
                    out[start + row, column] = result[row * (stride // 4) + column]


def chain(index_bytes: int) -> Any:
    """Give `run_chain` for layouts of int64 or int32."""
    kind = types.int64 if index_bytes == 8 else types.int32
    matrix, vector = types.float32[:, ::1], types.float32[::1]
    return specialized(cached(run_chain), (matrix, vector, kind[:, ::1], matrix, matrix))


@cached
def amx_panel(activations, vectors, rows, at):
    """Do as many rows of a panel as fill tiles of AMX, and give their number."""
    x, stride, w, count, start, _, _, row_scales, _, out, out_stride = at
    row, panel, steps = 0, np.intp(64) * vectors, count // 16
    if not has_amx(activations):
        return row
    while row + 16 <= rows:
        tall = 2 if row + 32 <= rows else 1
        column = np.intp(0)
        while column < vectors:
            sums, there = start + 64 * column, out + row * out_stride + 64 * column
            here = (x + row * stride, stride, w + 64 * column, panel, steps, sums, there, out_stride)
            if tall == 2 and column + 2 <= vectors:
                amx_tile(activations, 2, 2, here)
            elif tall == 2:
                amx_tile(activations, 2, 1, here)
            elif column + 2 <= vectors:
                amx_tile(activations, 1, 2, here)
            else:
                amx_tile(activations, 1, 1, here)
            column += 2
        row += 16 * tall
    if row_scales != 0:
        finish_rows(activations, vectors, row, at)
    return row


@cached
def finish_rows(activations, vectors, rows, at):
    """Make floats of the sums in the first rows of a panel."""
    x, stride, w, count, start, scales, biases, row_scales, is_relu, out, out_stride = at
    for row in range(rows):
        own, there = row_scales + 4 * row, out + row * out_stride
        here = (x, stride, w, count, start, scales, biases, own, is_relu, there, out_stride)
        if vectors == 4:
            int8_finish(activations, 4, here)
        elif vectors == 2:
            int8_finish(activations, 2, here)
        else:
            int8_finish(activations, 1, here)


@cached
def int8_panel(activations, vectors, rows, at):
    """Do all rows of one panel, which is as wide as a tile: six rows at a time, then two, then one."""
    x, stride, w, count, start, scales, biases, row_scales, is_relu, out, out_stride = at
    row = amx_panel(activations, vectors, rows, at)
    while row < rows:
        own = row_scales + 4 * row if row_scales != 0 else row_scales
        here = (
            x + row * stride,
            stride,
            w,
            count,
            start,
            scales,
            biases,
            own,
            is_relu,
            out + row * out_stride,
            out_stride,
        )
        if row + 6 <= rows:
            if vectors == 4:
                int8_tile(activations, 6, 4, here)
            elif vectors == 2:
                int8_tile(activations, 6, 2, here)
            else:
                int8_tile(activations, 6, 1, here)
            row += 6
        elif row + 2 <= rows:
            if vectors == 4:
                int8_tile(activations, 2, 4, here)
            elif vectors == 2:
                int8_tile(activations, 2, 2, here)
            else:
                int8_tile(activations, 2, 1, here)
            row += 2
        else:
            if vectors == 4:
                int8_tile(activations, 1, 4, here)
            elif vectors == 2:
                int8_tile(activations, 1, 2, here)
            else:
                int8_tile(activations, 1, 1, here)
            row += 1


@cached
def int8_layer(activations, rows, columns, at):
    """Do all panels of a layer for a block of rows."""
    x, stride, w, count, row_scales, is_relu, out, out_stride = at
    lanes = 16 if activations.itemsize == 1 else 8
    widest = 4 if lanes == 16 else 2
    start, scales, biases = [np.intp(columns[i].ctypes.data) for i in range(3)]
    done, vectors = 0, columns.shape[1] // lanes
    while done < vectors:
        left = vectors - done
        width = widest if left >= widest else 2 if left >= 2 else 1
        int8_panel(
            activations,
            width,
            rows,
            (x, stride, w, count, start, scales, biases, row_scales, is_relu, out, out_stride),
        )
        step = 4 * lanes * width
        w += lanes * width * count * (4 // activations.itemsize)
        start, scales, biases, out = start + step, scales + step, biases + step, out + step
        done += width


@cached
def largest(row):
    """Give the largest magnitude of a row; NaN if any number is no finite one."""
    bits, top = row.view(np.int32), np.int32(0)
    for i in range(bits.size):
        magnitude = bits[i] & np.int32(0x7FFFFFFF)
        top = max(top, magnitude)
    return float_of_bits(top) if top < np.int32(0x7F800000) else np.float32(np.nan)


@cached
def quantize_row(row, target, fixed):
    """Write a row as whole numbers of at most 127, and give what one of them stands for.

    Args:
        row: (in,).
        target: (in and more,): as unsigned bytes they stand 128 higher.
        fixed: What one stands for; 0 to find it: a 127th of the largest magnitude.
    """
    top = largest(row)
    scale = fixed if fixed > 0 and top == top else top / np.float32(127)
    inverse = np.float32(1) / scale if scale >= np.float32(1e-37) else np.float32(0)
    offset = np.int32(128) if target.itemsize == 1 else np.int32(0)
    if inverse == 0:
        for i in range(row.size):
            target[i] = offset
        return scale
    for i in range(row.size):
        whole = np.rint(row[i] * inverse)
        target[i] = np.int32(min(max(whole, np.float32(-127)), np.float32(127))) + offset
    return scale


def run_int8(x, weights, columns, activations, scratch, how, out):
    """Do a linear layer on bytes, from floats to floats.

    Args:
        x: (rows, in), contiguous.
        weights: Packed bytes, as `int8.pack` gives them.
        columns: (3, outputs, padded): what the sums start from (the bits of int32), scales, biases.
        activations: (rows of a block, in, padded); its kind says the form of the product.
        scratch: Floats: the scales of a block of rows, then its results.
        how: The curve, -1 for the sums themselves as bits of int32, and the scale of activations, 0 to find it.
        out: (rows, out), contiguous.
    """
    curve, fixed = how
    padded, width = np.intp(columns.shape[1]), out.shape[1]
    count = np.intp(activations.shape[1] * activations.itemsize // 4)
    stride = np.intp(activations.shape[1] * activations.itemsize)
    source, base = np.intp(activations.ctypes.data), np.intp(weights.ctypes.data)
    scales, results = np.intp(scratch.ctypes.data), np.intp(scratch[BLOCK:].ctypes.data)
    relu = np.intp(1) if curve == 1 else np.intp(0)
    for start in range(0, x.shape[0], BLOCK):
        rows = min(BLOCK, x.shape[0] - start)
        for row in range(rows):
            scratch[row] = quantize_row(x[start + row], activations[row], fixed)
        there = np.intp(out.ctypes.data) + start * width * 4 if width == padded else results
        at = (source, stride, base, count, scales if curve >= 0 else np.intp(0), relu, there, padded * 4)
        amx_begin(activations)
        int8_layer(activations, rows, columns, at)
        amx_end(activations)
        if curve > 1:
            bend(curve, numba.carray(address_as_pointer(there), rows * padded))
        if width != padded:
            for row in range(rows):
                for column in range(width):
                    out[start + row, column] = scratch[BLOCK + row * padded + column]


def int8(kind: str) -> Any:
    """Give `run_int8` for activations of one kind: `uint8`, `int16` or `int32`."""
    floats, matrix, how = types.float32[::1], types.float32[:, ::1], types.Tuple((types.int64, types.float32))
    activations = getattr(types, kind)[:, ::1]
    return specialized(cached(run_int8), (matrix, types.int8[::1], matrix, activations, floats, how, matrix))
