"""The loops around the tiles of bytes: convolutions from floats to floats. Imported only where Numba is wanted.

The windows of a convolution are never copied once per element of the kernel: each line of the image is laid out once,
for each group of columns that a lane multiplies at once, and the lines that a kernel covers follow each other.
"""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from tinytorch.perf.kernels.byte_tiles import copy_group, copy_groups, larger_pairs, window_tile
from tinytorch.perf.kernels.caching import cached, specialized
from tinytorch.perf.kernels.compiled import largest
from tinytorch.perf.kernels.compiled_curves import bend

__all__ = ["int8_convolution", "run_int8_convolution"]

# The hashes of tiles.py, compiled.py and byte_tiles.py: Numba's disk cache sees this file change, and no other. A test
# keeps them true.
BASE = "b0df2b7c505d8ce1"
LOOPS = "09a10f199e8159da"
TILES = "d3758bc89e55b4d6"


@cached
def quantize_image(image, planes, padding, fixed):
    """Write an image as whole numbers of at most 127, inside its padding, and give what one of them stands for.

    Args:
        image: (C, H, W).
        planes: (C, lines, columns), padded; as unsigned bytes they stand 128 higher.
        padding: Lines and columns before the first.
        fixed: What one stands for; 0 to find it: a 127th of the largest magnitude.
    """
    top = largest(image.reshape(image.size))
    scale = fixed if fixed > 0 and top == top else top / np.float32(127)
    inverse = np.float32(1) / scale if scale >= np.float32(1e-37) else np.float32(0)
    offset = np.int32(planes[0, 0, planes.shape[2] - 1])  # never written: what stands for 0
    for channel in range(image.shape[0]):
        for line in range(image.shape[1]):
            row, target = image[channel, line], planes[channel, padding + line, padding:]
            if inverse == 0:
                for i in range(row.size):
                    target[i] = offset
            else:
                for i in range(row.size):
                    whole = np.rint(row[i] * inverse)
                    target[i] = np.int32(min(max(whole, np.float32(-127)), np.float32(127))) + offset
    return scale


@cached
def lay_out_lines(kernels, planes, sizes, lines):
    """Put the columns that one lane multiplies at once beside each other, for all windows of each line.

    Args:
        kernels: Its kind says how many columns that are.
        planes: (C, lines, columns), whole numbers, padded.
        sizes: As for `run_int8_convolution`.
        lines: (lines, C · groups, windows across, padded, times columns of a lane).
    """
    groups, stride, across, lane = sizes[1], sizes[2], sizes[5], 4 // kernels.itemsize
    lanes = 16 if kernels.itemsize == 1 else 8
    for line in range(lines.shape[0]):
        for channel in range(planes.shape[0]):
            source = np.intp(planes[channel, line].ctypes.data)
            for group in range(groups):
                target = np.intp(lines[line, channel * groups + group].ctypes.data)
                if stride == 1:
                    for window in range(0, across, lanes):
                        copy_groups(kernels, source + group * lane + window, target + window * lane)
                else:
                    for window in range(across):
                        copy_group(kernels, source + group * lane + window * stride, target + window * lane)


@cached
def window_rows(kernels, vectors, at):
    """Do all kernels on one or two vectors of windows: as many at a time as registers hold, then fewer."""
    w, stride, windows, jump, count, start, scales, biases, own, relu, out, out_stride, channels = at
    wide = kernels.itemsize == 1
    done = 0
    while done < channels:
        left = channels - done
        here = (w, stride, windows, jump, count, start, scales, biases, own, relu, out, out_stride)
        if vectors == 1 and wide and left >= 16:
            window_tile(kernels, 16, 1, here)
            step = 16
        elif vectors == 1 and left >= 8:
            window_tile(kernels, 8, 1, here)
            step = 8
        elif vectors == 2 and wide and left >= 6:
            window_tile(kernels, 6, 2, here)
            step = 6
        elif left >= 4:
            if vectors == 1:
                window_tile(kernels, 4, 1, here)
            else:
                window_tile(kernels, 4, 2, here)
            step = 4
        elif left >= 2:
            if vectors == 1:
                window_tile(kernels, 2, 1, here)
            else:
                window_tile(kernels, 2, 2, here)
            step = 2
        else:
            if vectors == 1:
                window_tile(kernels, 1, 1, here)
            else:
                window_tile(kernels, 1, 2, here)
            step = 1
        done += step
        w, start, scales, biases = w + step * stride, start + 4 * step, scales + 4 * step, biases + 4 * step
        out += step * out_stride


@cached
def window_line(kernels, columns, line, how, out):
    """Do all kernels on one line of windows.

    Args:
        kernels: (O, steps · lane).
        columns: (3, O): what the sums start from (the bits of int32), scales, biases.
        line: The address of the first line of the image that the kernels cover, and the bytes of a step.
        how: The address of the scale of the activations (0 for the sums themselves), and whether ReLU follows.
        out: The address of the first result, the bytes from a kernel's to the next one's, and the vectors of each.
    """
    lanes = 16 if kernels.itemsize == 1 else 8
    bytes_of_vector = lanes * 4 // kernels.itemsize
    stride, count = np.intp(kernels.shape[1] * kernels.itemsize), np.intp(kernels.shape[1] * kernels.itemsize // 4)
    start, scales, biases = [np.intp(columns[i].ctypes.data) for i in range(3)]
    w, windows, (target, out_stride, left) = np.intp(kernels.ctypes.data), line[0], out
    while left > 0:
        vectors = 2 if left >= 2 else 1
        at = (w, stride, windows, line[1], count, start, scales, biases, how[0], how[1], target, out_stride)
        window_rows(kernels, vectors, (*at, np.intp(kernels.shape[0])))
        windows, target, left = windows + vectors * bytes_of_vector, target + vectors * lanes * 4, left - vectors


@cached
def largest_of_windows(kernels, results, size, count):
    """Write the largest of each window of `size` lines and columns to the beginning of each channel's first line.

    Args:
        kernels: Its kind says the width of vectors.
        results: (O, size, columns and more).
        size: Lines and columns of a window, and from one to the next.
        count: Windows of a line.
    """
    lanes = np.intp(16 if kernels.itemsize == 1 else 8)
    for channel in range(results.shape[0]):
        found = results[channel]
        if size == 2:
            above, below, done = np.intp(found[0].ctypes.data), np.intp(found[1].ctypes.data), np.intp(0)
            while done < count:
                larger_pairs(kernels, above + 8 * done, below + 8 * done, above + 4 * done)
                done += lanes
        else:
            for i in range(count):
                best = found[0, i * size]
                for line in range(size):
                    for j in range(size):
                        best = max(best, found[line, i * size + j])
                found[0, i] = best


def run_int8_convolution(x, kernels, columns, sizes, memory, how, out):
    """Do a convolution on bytes with its activation and the pooling that follows, from floats to floats.

    Args:
        x: (N, C, H, W), contiguous.
        kernels: (O, steps · lane), in the order of the lines; their kind says the form of the product.
        columns: (3, O): what the sums start from (the bits of int32), scales, biases.
        sizes: Height of the kernel, groups of columns, stride, padding, windows down and across, lines and columns of
            a window of pooling (1 for none).
        memory: Of one image: as whole numbers, (C, lines, columns); laid out, (lines, C · groups, windows across,
            padded, times columns of a lane); results, (O, lines of a window, windows across, padded).
        how: The curve, -1 for the sums themselves as bits of int32, and the scale of activations, 0 to find it.
        out: (N, O, lines, columns), contiguous.
    """
    planes, lines, results = memory
    curve, fixed = how
    stride, padding, across, size = sizes[2], sizes[3], sizes[5], sizes[6]
    relu, jump = np.intp(1) if curve == 1 else np.intp(0), np.intp(lines.shape[2] * lines.itemsize)
    unit, padded = np.empty(1, np.float32), np.intp(results.shape[2])
    own = np.intp(unit.ctypes.data) if curve >= 0 else np.intp(0)
    vectors, direct = padded // (16 if kernels.itemsize == 1 else 8), size == 1 and padded == across
    for image in range(x.shape[0]):
        unit[0] = quantize_image(x[image], planes, padding, fixed)
        lay_out_lines(kernels, planes, sizes, lines)
        for line in range(out.shape[2]):
            for part in range(size):
                covered = np.intp(lines[(line * size + part) * stride].ctypes.data)
                target = (np.intp(results[0, part].ctypes.data), np.intp(4 * size * padded), vectors)
                if direct:
                    target = (np.intp(out[image, 0, line].ctypes.data), np.intp(4 * out.shape[2] * padded), vectors)
                window_line(kernels, columns, (covered, jump), (own, relu), target)
            if curve > 1 and not direct:
                bend(curve, results.reshape(results.size))
            if size > 1:
                largest_of_windows(kernels, results, size, out.shape[3])
            for channel in range(0 if direct else out.shape[1]):
                for i in range(np.uintp(out.shape[3])):
                    out[image, channel, line, i] = results[channel, 0, i]
        if curve > 1 and direct:
            bend(curve, out[image].reshape(out[image].size))


def int8_convolution(kind: str) -> Any:
    """Give `run_int8_convolution` for kernels of one kind: `int8`, `int16` or `int32`."""
    images, matrix, how = types.float32[:, :, :, ::1], types.float32[:, ::1], types.Tuple((types.int64, types.float32))
    kernels, whole = getattr(types, kind)[:, ::1], (types.uint8 if kind == "int8" else types.int8)[:, :, ::1]
    memory = types.Tuple((whole, whole, types.float32[:, :, ::1]))
    signature = (images, kernels, matrix, types.int64[::1], memory, how, images)
    return specialized(cached(run_int8_convolution), signature)
