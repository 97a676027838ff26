"""The twin of `conv2d`: results, and the gradients of images, kernels and biases."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from tinytorch.core.ops import OPS
from tinytorch.core.ops.op import Array, Rule, Value, together
from tinytorch.core.ops.windows import window_count
from tinytorch.perf.acceleration.arrays import plain
from tinytorch.perf.kernels.windows import Windows, correlate, weight_gradient

__all__ = ["conv2d"]


def conv2d(x: Array, weight: Array, bias: Array | None = None, *, stride: int = 1, padding: int = 0) -> Value:
    """Do what the op `conv2d` does: float32, any kernel, stride and padding."""
    if not _is_served(x, weight, bias, (stride, padding)):
        return OPS["conv2d"].run(*((x, weight) if bias is None else (x, weight, bias)), stride=stride, padding=padding)
    x, weight = plain(x), plain(weight)
    windows = _windows(x, weight, stride, padding)
    biases = np.zeros(len(weight), np.float32) if bias is None else plain(bias)
    value = correlate(x, weight.reshape(len(weight), -1), biases, windows)
    images: Rule = lambda g: _image_gradient(plain(g), weight, x.shape, windows)
    if bias is None:
        return value, (images, lambda g: weight_gradient(x, plain(g), windows, biased=False).reshape(weight.shape))
    return value, (images, *together(lambda g: _parameter_gradients(x, plain(g), weight.shape, windows), 2))


def _is_served(x: Array, weight: Array, bias: Array | None, steps: tuple[int, int]) -> bool:
    """Say whether all is as it must be; what is wrong is for NumPy's function to refuse."""
    arrays = (x, weight) if bias is None else (x, weight, bias)
    stride, padding = steps
    return (
        all(array.dtype == np.float32 for array in arrays)
        and x.ndim == weight.ndim == 4
        and x.shape[1] == weight.shape[1]
        and 0 not in (*x.shape, *weight.shape)
        and (bias is None or bias.shape == weight.shape[:1])
        and type(stride) is type(padding) is int
        and stride > 0 <= padding
        and all(size + 2 * padding >= kernel for size, kernel in zip(x.shape[2:], weight.shape[2:], strict=True))
    )


def _windows(x: Array, weight: Array, stride: int, padding: int) -> Windows:
    height, width = weight.shape[2:]
    counts = window_count(x.shape[2], height, stride, padding), window_count(x.shape[3], width, stride, padding)
    return Windows(x.shape[1], (height, width), counts, (padding, padding), stride)


def _parameter_gradients(x: Array, g: Array, shape: tuple[int, ...], windows: Windows) -> tuple[Array, Array]:
    """Give the gradients of the kernels, of that shape, and of the biases."""
    found = weight_gradient(x, g, windows, biased=True)
    return np.ascontiguousarray(found[:, :-1]).reshape(shape), found[:, -1].copy()


def _image_gradient(g: Array, weight: Array, shape: tuple[int, ...], windows: Windows) -> Array:
    """Correlate the results' gradient with the kernels turned round.

    With a stride, the pixels of one remainder modulo it hear of the kernel's elements of that remainder only: each is a
    correlation of its own.
    """
    if windows.stride == 1:
        (rows,), (across,) = (_remainders(windows, axis, shape[2 + axis]) for axis in (0, 1))
        return _remainder_gradient(g, weight, rows, across)
    out = np.zeros(shape, np.float32)
    for rows, across in product(*(_remainders(windows, axis, shape[2 + axis]) for axis in (0, 1))):
        out[:, :, rows.pixels, across.pixels] = _remainder_gradient(g, weight, rows, across)
    return out


class Remainder(NamedTuple):
    """What is of one remainder modulo the stride along an axis.

    Attributes:
        elements: Of the kernel.
        pixels: Of the image.
        pixel_count: How many pixels; at least one.
        padding: Of the results' gradient, in front.
    """

    elements: slice
    pixels: slice
    pixel_count: int
    padding: int


def _remainders(windows: Windows, axis: int, size: int) -> list[Remainder]:
    """List the remainders that an axis of an image has pixels of."""
    kernel, stride, padding = windows.kernel[axis], windows.stride, windows.padding[axis]
    found = []
    for remainder in range(min(stride, kernel)):
        window = -((remainder - padding) // stride)  # the first whose first such element is a pixel
        first = window * stride + remainder - padding
        count = (size - 1 - first) // stride + 1
        elements = len(range(remainder, kernel, stride))
        if count > 0:
            own = slice(remainder, None, stride), slice(first, None, stride)
            found.append(Remainder(*own, count, elements - 1 - window))
    return found


def _remainder_gradient(g: Array, weight: Array, rows: Remainder, across: Remainder) -> Array:
    turned = weight[:, :, rows.elements, across.elements][:, :, ::-1, ::-1].transpose(1, 0, 2, 3)  # (C, O, kh, kw)
    counts, padding = (rows.pixel_count, across.pixel_count), (rows.padding, across.padding)
    windows = Windows(len(weight), turned.shape[2:], counts, padding)
    kernels = np.ascontiguousarray(turned.reshape(len(turned), -1))
    return correlate(g, kernels, np.zeros(len(turned), np.float32), windows)
