"""Where the windows of a convolution or a pooling lie on an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch.core.ops.op import Array
from tinytorch.errors import RangeError, ShapeError, explain

__all__ = ["covered", "require_images", "require_windows", "window_count"]


def window_count(size: int, kernel: int, stride: int, padding: int) -> int:
    """Count the windows along one axis; below 1 if not even one fits.

    Example:
        >>> window_count(28, 3, 1, 1), window_count(28, 2, 2, 0), window_count(2, 3, 1, 0)
        (28, 14, 0)
    """
    return (size + 2 * padding - kernel) // stride + 1


def covered(offset: int, stride: int, size: int, count: int) -> tuple[slice, slice]:
    """Find which of `count` windows have their element at `offset` inside an axis of `size`: those, and where it lies.

    Args:
        offset: The position of the element in the first window, minus the padding; negative in front of the axis.
        stride: From one window to the next.
        size: Of the axis, without padding.
        count: How many windows there are.

    Example:
        >>> covered(-1, 2, 7, 4)  # the windows 1, 2 and 3 have it at 1, 3 and 5
        (slice(1, 4, None), slice(1, 6, 2))
    """
    first = max(0, -(offset // stride))
    last = max(first, min(count, (size - 1 - offset) // stride + 1))
    start = first * stride + offset
    return slice(first, last), slice(start, max(start, (last - 1) * stride + offset + 1), stride)


def require_images(x: Array, channels: int | None = None) -> None:
    """Refuse what is not (N, C, H, W), or has other than `channels` channels."""
    if x.ndim != 4 or (channels is not None and x.shape[1] != channels):
        rule = f"of shape (N, {'C' if channels is None else channels}, H, W)"
        raise ShapeError(explain("images", rule, x.shape, remedy="Reshape them, one channel of greys included."))


def require_windows(x: Array, kernel: tuple[Any, Any], strides: tuple[Any, Any], padding: Any) -> None:
    """Refuse a kernel that fits nowhere, and a step or a border that is none."""
    for name, sizes in (("a kernel's size", kernel), ("the stride", strides)):
        for size in sizes:
            if not _whole(size, 1):
                raise RangeError(explain(name, "a whole number above 0", size))
    if not _whole(padding, 0):
        raise RangeError(explain("the padding", "a whole number of at least 0", padding))
    padded = tuple(length + 2 * padding for length in x.shape[2:])
    if kernel[0] > padded[0] or kernel[1] > padded[1]:
        rule = f"of at most the padded image's size {padded}"
        raise ShapeError(explain("a kernel", rule, kernel, remedy="Take a smaller one, or pad more."))


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= least
