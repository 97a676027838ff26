"""Convolution and pooling for training, on the tiles of `window_tiles`. Imported only where Numba is wanted.

A convolution's results and both gradients lay out an image's windows in planes that stay in the cache, one channel and
column of the kernel each, and walk over them by a table of offsets. The caller decides how large the parts are that are
worked on at a time.
"""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached
from tinytorch.perf.kernels.compiled_sharing import shared
from tinytorch.perf.kernels.window_tiles import (
    copy_lanes,
    correlation_tile,
    pool_gradient_lanes,
    pool_lanes,
    product_tile,
)

__all__ = [
    "correlation",
    "pool",
    "pool_gradient",
    "run_correlation",
    "run_pool",
    "run_pool_gradient",
    "run_weight_gradient",
    "weight_gradient",
]

# The hash of tiles.py and window_tiles.py: Numba's disk cache sees this file change only. A test keeps it true.
TILES = "4cc725c3a4c9ceae"


OFFSETS = 11  # numbers of a geometry, before its offsets


@cached
def lay_out(layout, image, first, geometry, planes):
    """Copy what the windows of some lines touch, once per column of the kernel.

    Plane (c, j, r) holds the rows of channel c whose number modulo the stride is r, moved by j.

    Args:
        layout: Its kind says the width of vectors.
        image: (C, H, W).
        first: The first line of windows.
        geometry: Height and width of the kernel, stride, rows and columns of padding in front, windows across, rows and
            floats of a plane, remainders.
        planes: Where to.
    """
    lanes = 16 if layout.itemsize == 8 else 8
    width, stride, above, before = geometry[1], geometry[2], geometry[3], geometry[4]
    across, rows, size, remainders = geometry[5], geometry[6], geometry[7], geometry[8]
    base, plane = np.intp(planes.ctypes.data), 0
    for channel in range(image.shape[0]):
        for j in range(width):
            for r in range(remainders):
                for q in range(rows):
                    line = (first + q) * stride + r - above
                    there = 0 <= line < image.shape[1]
                    start = plane * size + q * across
                    if stride > 1:
                        copy_apart(image[channel], (line, there, j - before, stride), planes[start : start + across])
                        continue
                    source = np.intp(image[channel, line if there else 0].ctypes.data)
                    for t in range(0, across, lanes):
                        column = j - before + t
                        high = image.shape[2] - column if there else 0
                        copy_lanes(layout, (source + 4 * column, -column, high, base + 4 * (start + t)))
                plane += 1


@cached
def copy_apart(channel, where, row):
    """Copy the pixels of a line that are a stride apart, with zeros where there are none."""
    line, there, column, stride = where
    for t in range(row.size):
        at = column + t * stride
        row[t] = channel[line, at] if there and 0 <= at < channel.shape[1] else np.float32(0)


@cached
def block(left, most):
    """Give how many rows the next tile has: those that the tiles are made for."""
    return 8 if left >= 8 and most >= 8 else 6 if left >= 6 and most >= 8 else 4 if left >= 4 else 2 if left >= 2 else 1


@cached
def widest(rows, most):
    """Give how many vectors a tile of so many rows may have: sums and factors fit the registers."""
    return 3 if most < 8 or rows == 8 else 8 if rows == 1 else 4


@cached
def pack(layout, kernels, packed):
    """Lay out (O, K) as tiles read it: blocks of rows, each with its numbers of one column side by side."""
    most = 8 if layout.itemsize == 8 else 4
    done, at = 0, 0
    while done < kernels.shape[0]:
        rows = block(kernels.shape[0] - done, most)
        for k in range(kernels.shape[1]):
            for r in range(rows):
                packed[at] = kernels[done + r, k]
                at += 1
        done += rows


def run_correlation(x, kernels, biases, layout, geometry, scratch, out):
    """Correlate images with kernels.

    Args:
        x: (N, C, H, W), contiguous.
        kernels: (O, K), contiguous.
        biases: (O,).
        layout: Its kind says the width of vectors: int64 for 16 floats, int32 for 8.
        geometry: As in `lay_out`, then how many lines of windows, and images, to do at a time (here always one); from
            OFFSETS on, for each column of `kernels` where in the planes its elements lie, in bytes.
        scratch: Floats: the packed kernels, then the planes.
        out: (N, O, windows), contiguous.
    """
    lanes, most = (16, 8) if layout.itemsize == 8 else (8, 4)
    across, lines, steps = geometry[5], geometry[9], np.intp(kernels.shape[1])
    total, channels = np.intp(out.shape[2]), np.intp(kernels.shape[0])
    pack(layout, kernels, scratch)
    w, bias = np.intp(scratch.ctypes.data), np.intp(biases.ctypes.data)
    table = np.intp(geometry[OFFSETS:].ctypes.data)
    planes = scratch[(kernels.size + 15) // 16 * 16 :]
    source = np.intp(planes.ctypes.data)
    for image in range(x.shape[0]):
        results = np.intp(out[image].ctypes.data)
        for first in range(0, total // across, lines):
            lay_out(layout, x[image], first, geometry, planes)
            begin = first * across
            windows = min(lines * across, total - begin)
            done = np.intp(0)
            while done < channels:
                rows = block(channels - done, most)
                target = results + 4 * (done * total + begin)
                count = (windows + lanes - 1) // lanes
                tiles = (count + widest(rows, most) - 1) // widest(rows, most)
                start = np.intp(0)
                for tile in range(tiles):
                    vectors = count // tiles + (1 if tile < count % tiles else 0)
                    last = min(np.intp(lanes), windows - (start + vectors - 1) * lanes)
                    here, there = source + 4 * lanes * start, target + 4 * lanes * start
                    at = (here, table, steps, w + 4 * done * steps, bias + 4 * done, there, 4 * total, last)
                    correlation_tile(layout, (rows, vectors), at)
                    start += vectors
                done += rows


def run_weight_gradient(x, g, layout, geometry, scratch, out):
    """Find the gradients of kernels and biases.

    Args:
        x: (N, C, H, W), contiguous.
        g: (N, O, windows), contiguous: the gradient of the results.
        layout: As in `run_correlation`.
        geometry: As in `run_correlation`; its last offset is that of a plane of ones.
        scratch: Floats: the sums tile by tile, rows of `g`, then planes of so many images.
        out: (O, K), or (O, K + 1) with the gradient of the biases in the last column.
    """
    lanes, most = (16, 8) if layout.itemsize == 8 else (8, 4)
    across, lines, group = geometry[5], geometry[9], geometry[10]
    size, length = planes_of(x.shape[1], geometry), (lines * across + 15) // 16 * 16
    total, channels, count = np.intp(g.shape[2]), np.intp(g.shape[1]), np.intp(out.shape[1])
    used = slots(layout, channels, count) * lanes
    used = (used + 15) // 16 * 16
    scratch[:used] = 0
    lines_of_g = scratch[used : used + group * most * length]
    planes = scratch[used + group * most * length :]
    for index in range(group):
        planes[(index + 1) * size - geometry[7] : (index + 1) * size] = 1
    source, table = np.intp(planes.ctypes.data), np.intp(geometry[OFFSETS:].ctypes.data)
    sums, left = np.intp(scratch.ctypes.data), np.intp(lines_of_g.ctypes.data)
    for image in range(0, x.shape[0], group):
        images = min(group, x.shape[0] - image)
        for first in range(0, total // across, lines):
            for index in range(images):
                lay_out(layout, x[image + index], first, geometry, planes[index * size :])
            begin = first * across
            windows = min(lines * across, total - begin)
            done, slot = np.intp(0), np.intp(0)
            while done < channels:
                rows = block(channels - done, most)
                for index in range(images):
                    for r in range(rows):
                        place = (index * rows + r) * length
                        lines_of_g[place : place + windows] = g[image + index, done + r, begin : begin + windows]
                tiles = (count + widest(rows, most) - 1) // widest(rows, most)
                start = np.intp(0)
                for tile in range(tiles):
                    vectors = count // tiles + (1 if tile < count % tiles else 0)
                    at = (
                        *(left, 4 * length, 4 * length * rows, source, table + 8 * start, 4 * size, images),
                        *(windows // lanes, windows % lanes, sums + 4 * lanes * slot),
                    )
                    product_tile(layout, (rows, vectors), at)
                    slot += (rows * vectors + lanes - 1) // lanes
                    start += vectors
                done += rows
    unpack(layout, scratch, out)


@cached
def planes_of(channels, geometry):
    """Count the floats of the planes of one image; one of ones stands behind the others and a line that they need."""
    return (channels * geometry[1] * geometry[8] + 1) * geometry[7] + 16


@cached
def slots(layout, channels, count):
    """Count the vectors that hold the sums of all tiles."""
    lanes, most = (16, 8) if layout.itemsize == 8 else (8, 4)
    done, found = 0, 0
    while done < channels:
        rows = block(channels - done, most)
        tiles = (count + widest(rows, most) - 1) // widest(rows, most)
        for tile in range(tiles):
            vectors = count // tiles + (1 if tile < count % tiles else 0)
            found += (rows * vectors + lanes - 1) // lanes
        done += rows
    return found


@cached
def unpack(layout, sums, out):
    """Write the sums of all tiles where they belong."""
    lanes, most = (16, 8) if layout.itemsize == 8 else (8, 4)
    done, slot = 0, 0
    while done < out.shape[0]:
        rows = block(out.shape[0] - done, most)
        tiles = (out.shape[1] + widest(rows, most) - 1) // widest(rows, most)
        start = 0
        for tile in range(tiles):
            vectors = out.shape[1] // tiles + (1 if tile < out.shape[1] % tiles else 0)
            for r in range(rows):
                for v in range(vectors):
                    out[done + r, start + v] = sums[slot * lanes + r * vectors + v]
            slot += (rows * vectors + lanes - 1) // lanes
            start += vectors
        done += rows


def run_pool(x, layout, out):
    """Find the largest of each window of 2x2.

    Args:
        x: (channels of all images, H, W), contiguous.
        layout: Its kind says the width of vectors.
        out: (channels of all images, H // 2, W // 2), contiguous.
    """
    lanes, width = 16 if layout.itemsize == 8 else 8, np.intp(x.shape[2])
    for plane in range(x.shape[0]):
        for row in range(out.shape[1]):
            source, target = np.intp(x[plane, 2 * row].ctypes.data), np.intp(out[plane, row].ctypes.data)
            for t in range(0, out.shape[2], lanes):
                upper, count = source + 8 * t, np.intp(min(lanes, out.shape[2] - t))
                pool_lanes(layout, (upper, upper + 4 * width, count, target + 4 * t))


def run_pool_gradient(x, g, layout, out):
    """Hand each window's gradient to the first of its largest elements, row by row; 0 to all others.

    Args:
        x: (channels of all images, H, W), contiguous.
        g: (channels of all images, H // 2, W // 2), contiguous.
        layout: Its kind says the width of vectors.
        out: Of x's shape, contiguous.
    """
    lanes, width, zero = 16 if layout.itemsize == 8 else 8, np.intp(x.shape[2]), np.float32(0)
    for plane in range(x.shape[0]):
        for row in range(g.shape[1]):
            source, target = np.intp(x[plane, 2 * row].ctypes.data), np.intp(out[plane, 2 * row].ctypes.data)
            given = np.intp(g[plane, row].ctypes.data)
            for t in range(0, g.shape[2], lanes):
                upper, first, count = source + 8 * t, target + 8 * t, np.intp(min(lanes, g.shape[2] - t))
                lower, second = upper + 4 * width, first + 4 * width
                pool_gradient_lanes(layout, (upper, lower, given + 4 * t, count, first, second))
            if 2 * g.shape[2] < width:
                out[plane, 2 * row, width - 1] = zero
                out[plane, 2 * row + 1, width - 1] = zero
        if 2 * g.shape[1] < x.shape[1]:
            out[plane, 2 * g.shape[1]] = zero


def correlation(index_bytes: int) -> Callable[..., None]:
    """Give `run_correlation` for layouts of int64 or int32, to be shared."""
    kind = types.int64 if index_bytes == 8 else types.int32
    whole, floats, matrix = types.int64[::1], types.float32[::1], types.float32[:, ::1]
    images, results = types.float32[:, :, :, ::1], types.float32[:, :, ::1]
    signature = (images, matrix, floats, kind[::1], whole, matrix, results)
    return shared(cached(run_correlation), signature, "raaaapr")


def weight_gradient(index_bytes: int) -> Callable[..., None]:
    """Give `run_weight_gradient` for layouts of int64 or int32, to be shared."""
    kind = types.int64 if index_bytes == 8 else types.int32
    whole, matrix = types.int64[::1], types.float32[:, ::1]
    images, results = types.float32[:, :, :, ::1], types.float32[:, :, ::1]
    signature = (images, results, kind[::1], whole, matrix, results)
    return shared(cached(run_weight_gradient), signature, "rraapp")


def pool(index_bytes: int) -> Callable[..., None]:
    """Give `run_pool` for layouts of int64 or int32, to be shared."""
    kind, planes = types.int64 if index_bytes == 8 else types.int32, types.float32[:, :, ::1]
    return shared(cached(run_pool), (planes, kind[::1], planes), "rar")


def pool_gradient(index_bytes: int) -> Callable[..., None]:
    """Give `run_pool_gradient` for layouts of int64 or int32, to be shared."""
    kind, planes = types.int64 if index_bytes == 8 else types.int32, types.float32[:, :, ::1]
    return shared(cached(run_pool_gradient), (planes, planes, kind[::1], planes), "rrar")
