"""Convolution by the tiles of linear layers: the kernels are the rows, and a block of windows is laid out as weights.

The results of a block lie side by side as they do in the image, and so are written where they belong. Imported only
where Numba is wanted.
"""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached, specialized
from tinytorch.perf.kernels.compiled import float_panel
from tinytorch.perf.kernels.compiled_curves import bend
from tinytorch.perf.kernels.tiles import address_as_pointer

__all__ = ["convolution", "run_convolution"]

# The hash of compiled.py: Numba's disk cache sees this file change, and no other. A test keeps it true.
LOOPS = "09a10f199e8159da"


@cached
def lay_out(image, first, sizes, columns):
    """Copy a block of windows, from the one numbered `first` on: a row for each channel, line and column of a kernel.

    Args:
        image: (C, H, W).
        first: The number of the first window, counted along lines.
        sizes: Height and width of the kernel, stride, padding, windows down and across.
        columns: (C · kh · kw and more, windows of a block).
    """
    height, width, stride, padding, across = sizes[0], sizes[1], sizes[2], sizes[3], sizes[5]
    block = min(columns.shape[1], sizes[4] * across - first)
    filled = 0
    while filled < block:
        down = (first + filled) // across
        left = first + filled - down * across
        run = min(across - left, block - filled)
        for channel in range(image.shape[0]):
            for i in range(height):
                line = down * stride - padding + i
                beyond = line < 0 or line >= image.shape[1]
                for j in range(width):
                    row, begin = (channel * height + i) * width + j, left * stride - padding + j
                    end = begin + (run - 1) * stride
                    if beyond:
                        for t in range(run):
                            columns[np.uintp(row), np.uintp(filled + t)] = np.float32(0)
                    elif begin >= 0 and end < image.shape[2] and stride == 1:
                        for t in range(run):
                            value = image[np.uintp(channel), np.uintp(line), np.uintp(begin + t)]
                            columns[np.uintp(row), np.uintp(filled + t)] = value
                    else:
                        for t in range(run):
                            at = begin + t * stride
                            there = 0 <= at < image.shape[2]
                            value = image[np.uintp(channel), np.uintp(line), np.uintp(at)] if there else np.float32(0)
                            columns[np.uintp(row), np.uintp(filled + t)] = value
        filled += run


def run_convolution(x, kernels, layout, sizes, columns, part, out):
    """Do a convolution with its activation.

    Args:
        x: (N, C, H, W), contiguous.
        kernels: (O, C · kh · kw + 1), the bias last.
        layout: (1, 1): the curve; its kind says the width of vectors, as that of a chain.
        sizes: As in `lay_out`.
        columns: (C · kh · kw + 2, windows of a block): windows, a row of ones for the bias, a row of zeros.
        part: (O, windows of a block): results of a block that is not full.
        out: (N, O, windows), contiguous.
    """
    count, block, total, curve = np.intp(kernels.shape[1]), columns.shape[1], out.shape[2], layout[0, 0]
    rows, source, relu = kernels.shape[0], np.intp(kernels.ctypes.data), np.intp(1) if curve == 1 else np.intp(0)
    w, zeros = np.intp(columns.ctypes.data), np.intp(columns[count].ctypes.data)
    vectors = 4 if layout.itemsize == 8 else 2
    for image in range(x.shape[0]):
        target = np.intp(out[image].ctypes.data)
        for start in range(0, total, block):
            lay_out(x[image], start, sizes, columns)
            if start + block <= total:
                at = (source, count * 4, w, count, zeros, relu, target + start * 4, np.intp(total * 4))
                float_panel(layout, vectors, rows, at)
            else:
                at = (source, count * 4, w, count, zeros, relu, np.intp(part.ctypes.data), np.intp(block * 4))
                float_panel(layout, vectors, rows, at)
                for row in range(rows):
                    out[image, row, start:total] = part[row, : total - start]
        if curve > 1:
            bend(curve, numba.carray(address_as_pointer(target), rows * total))


def convolution(index_bytes: int) -> Any:
    """Give `run_convolution` for layouts of int64 or int32."""
    kind = types.int64 if index_bytes == 8 else types.int32
    images, results, matrix = types.float32[:, :, :, ::1], types.float32[:, :, ::1], types.float32[:, ::1]
    signature = (images, matrix, kind[:, ::1], types.int64[::1], matrix, matrix, results)
    return specialized(cached(run_convolution), signature)
