"""Which arrays kernels take: float32, in C order, writeable: Numba takes these for kinds of their own."""

from __future__ import annotations

import numpy as np

from tinytorch.core.ops.op import Array

__all__ = ["is_plain", "plain"]


def is_plain(x: Array) -> bool:
    """Say whether a kernel takes an array as it is.

    Example:
        >>> is_plain(np.zeros((2, 3), np.float32)), is_plain(np.zeros((2, 3), np.float32).T)
        (True, False)
    """
    flags = x.flags
    return x.dtype == np.float32 and flags.c_contiguous and flags.writeable


def plain(x: Array) -> Array:
    """Give an array that a kernel takes: the same, or a copy.

    Example:
        >>> plain(np.broadcast_to(1.0, 3)).tolist()
        [1.0, 1.0, 1.0]
    """
    return x if is_plain(x) else np.array(x, np.float32, order="C")
