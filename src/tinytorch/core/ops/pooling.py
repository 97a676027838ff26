"""Pooling: one number of each window, found along rows first and then along columns.

Two passes of kw and kh steps instead of one of kh * kw; each step is one NumPy call on all windows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from tinytorch.core.ops.op import Array, Value, op
from tinytorch.core.ops.windows import covered, require_images, require_windows, window_count
from tinytorch.errors import RangeError, explain

__all__ = ["avg_pool2d", "max_pool2d"]

Size = int | tuple[int, int]


@op("MaxPool2d")
def max_pool2d(x: Array, *, kernel_size: Size, stride: Size | None = None, padding: int = 0) -> Value:
    """The largest element of each window; its gradient goes to the first of them, row by row.

    Args:
        x: (N, C, H, W).
        kernel_size: The size of a window, or its height and width.
        stride: From one window to the next; the kernel's size if left out.
        padding: How many elements of minus infinity stand on each side.
    """
    down, across = _axes(x, kernel_size, stride, padding)
    wide = _reduced(x, across, np.maximum, _lowest(x))  # (N, C, H, columns)
    value = _reduced(wide, down, np.maximum, _lowest(x))  # (N, C, rows, columns)
    return value, (lambda g: _to_first(_to_first(g, wide, value, down), x, wide, across),)


@op("AvgPool2d")
def avg_pool2d(x: Array, *, kernel_size: Size, stride: Size | None = None, padding: int = 0) -> Value:
    """The mean of each window; zeros of the padding count.

    Args:
        x: (N, C, H, W).
        kernel_size: The size of a window, or its height and width.
        stride: From one window to the next; the kernel's size if left out.
        padding: How many zeros stand on each side.
    """
    down, across = _axes(x, kernel_size, stride, padding)
    share = 1 / (down.kernel * across.kernel)
    value = _reduced(_reduced(x, across, np.add, 0), down, np.add, 0) * share
    return value, (lambda g: _spread(_spread(g * share, down), across),)


class Axis(NamedTuple):
    """How windows lie along one axis of the images."""

    axis: int
    size: int
    kernel: int
    stride: int
    padding: int

    @property
    def places(self) -> int:
        """How many windows there are."""
        return window_count(self.size, self.kernel, self.stride, self.padding)

    def shape(self, like: Array, length: int) -> tuple[int, ...]:
        """Give the shape of an array whose axis is `length` long."""
        return (*like.shape[: self.axis], length, *like.shape[self.axis + 1 :])

    def steps(self) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
        """Give, for each position in a window, the windows that have it inside the image, and where it lies."""
        before = (slice(None),) * self.axis
        for offset in range(self.kernel):
            windows, elements = covered(offset - self.padding, self.stride, self.size, self.places)
            yield (*before, windows), (*before, elements)


def _axes(x: Array, kernel_size: Size, stride: Size | None, padding: int) -> tuple[Axis, Axis]:
    """Check the windows, and say how they lie down and across."""
    kernel = _pair(kernel_size)
    steps = kernel if stride is None else _pair(stride)
    require_images(x)
    require_windows(x, kernel, steps, padding)
    if 2 * padding > min(kernel):  # a window could lie in the padding altogether
        raise RangeError(explain("the padding", f"at most half of the kernel {kernel}", padding))
    return (
        Axis(2, x.shape[2], kernel[0], steps[0], padding),
        Axis(3, x.shape[3], kernel[1], steps[1], padding),
    )


def _pair(size: Size) -> tuple[int, int]:
    return size if isinstance(size, tuple) and len(size) == 2 else (size, size)


def _lowest(x: Array) -> float | int:
    return -np.inf if x.dtype.kind == "f" else int(np.iinfo(x.dtype).min)


def _reduced(x: Array, axis: Axis, combine: Callable[..., Array], start: float) -> Array:
    """Combine the elements of each window along one axis."""
    out = np.full(axis.shape(x, axis.places), start, x.dtype)
    for windows, elements in axis.steps():
        combine(out[windows], x[elements], out=out[windows])
    return out


def _to_first(g: Array, x: Array, largest: Array, axis: Axis) -> Array:
    """Hand each window's gradient to the first element that equals its largest."""
    out = np.zeros(x.shape, g.dtype)
    waiting = np.ones(largest.shape, bool)
    whole = axis.kernel if axis.padding == 0 else 0  # whoever still waits at the end of a whole window has it last
    for position, (windows, elements) in enumerate(axis.steps(), start=1):
        hit = waiting if position == whole else x[elements] == largest[windows]
        hit &= waiting[windows]
        _hand(out[elements], g[windows], hit, axis)
        if position != whole:
            waiting[windows] ^= hit
    return out


def _hand(out: Array, g: Array, hit: Array, axis: Axis) -> None:
    """Add `g` where it is a hit; windows that do not overlap need no sum."""
    if axis.stride >= axis.kernel:
        np.multiply(g, hit, out=out)
    else:
        np.add(out, g * hit, out=out)


def _spread(g: Array, axis: Axis) -> Array:
    """Hand each window's gradient to all its elements."""
    out = np.zeros(axis.shape(g, axis.size), g.dtype)
    for windows, elements in axis.steps():
        out[elements] += g[windows]
    return out
