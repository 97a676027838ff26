"""Loops over arrays, which LLVM makes vectors of. Imported only where Numba is wanted."""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached, specialized

__all__ = ["pool", "pool_gradient", "relu_gradient", "run_pool", "run_pool_gradient", "run_relu_gradient"]

FLOATS = types.float32[::1]
PLANES = types.float32[:, :, ::1]


def run_relu_gradient(g, value, out):
    """Multiply by 1 where the value is above 0, else by 0: as NumPy does, so that NaN stays NaN."""
    for i in range(g.size):
        out[i] = g[i] * (np.float32(1) if value[i] > 0 else np.float32(0))


@cached
def larger(a, b):
    """Give the larger of two numbers; NaN if one is, as NumPy's maximum."""
    return a if a > b or a != a else b


def run_pool(x, out):
    """Find the largest of each window of 2x2.

    Args:
        x: (channels of all images, H, W).
        out: (channels of all images, H // 2, W // 2).
    """
    for plane in range(x.shape[0]):
        for row in range(out.shape[1]):
            upper, lower, found = x[plane, 2 * row], x[plane, 2 * row + 1], out[plane, row]
            for i in range(found.size):
                here, there = larger(upper[2 * i], upper[2 * i + 1]), larger(lower[2 * i], lower[2 * i + 1])
                found[i] = larger(here, there)


def run_pool_gradient(x, g, out):
    """Hand each window's gradient to the first of its largest elements, row by row; 0 to all others.

    A row of a window that has its largest element is known by `==`, and so is an element of a row. NaN equals nothing:
    then it is the last one, as in the op.
    """
    zero, width = np.float32(0), g.shape[2]
    for plane in range(x.shape[0]):
        for row in range(g.shape[1]):
            upper, lower, given = x[plane, 2 * row], x[plane, 2 * row + 1], g[plane, row]
            first, second = out[plane, 2 * row], out[plane, 2 * row + 1]
            for i in range(width):
                here, there = larger(upper[2 * i], upper[2 * i + 1]), larger(lower[2 * i], lower[2 * i + 1])
                is_first = here == larger(here, there)
                above, below = (given[i], given[i] * zero) if is_first else (given[i] * zero, given[i])
                is_left = upper[2 * i] == here
                first[2 * i], first[2 * i + 1] = (above, above * zero) if is_left else (above * zero, above)
                is_left = lower[2 * i] == there
                second[2 * i], second[2 * i + 1] = (below, below * zero) if is_left else (below * zero, below)
            first[2 * width :] = zero
            second[2 * width :] = zero
        out[plane, 2 * g.shape[1] :] = zero


def relu_gradient() -> Callable[..., None]:
    """Give `run_relu_gradient`."""
    return specialized(cached(run_relu_gradient), (FLOATS, FLOATS, FLOATS))


def pool() -> Callable[..., None]:
    """Give `run_pool`."""
    return specialized(cached(run_pool), (PLANES, PLANES))


def pool_gradient() -> Callable[..., None]:
    """Give `run_pool_gradient`."""
    return specialized(cached(run_pool_gradient), (PLANES, PLANES, PLANES))
