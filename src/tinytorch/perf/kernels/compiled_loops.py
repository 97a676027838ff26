"""Loops over arrays, which LLVM makes vectors of. Imported only where Numba is wanted."""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached
from tinytorch.perf.kernels.compiled_sharing import shared

__all__ = ["relu_gradient", "run_relu_gradient", "run_sum", "sum_of_two"]

FLOATS = types.float32[::1]


def run_relu_gradient(g, value, out):
    """Multiply by 1 where the value is above 0, else by 0: as NumPy does, so that NaN stays NaN."""
    for i in range(g.size):
        out[i] = g[i] * (np.float32(1) if value[i] > 0 else np.float32(0))


def run_sum(a, b, out):
    """Add element by element."""
    for i in range(a.size):
        out[i] = a[i] + b[i]


def sum_of_two() -> Callable[..., None]:
    """Give `run_sum`, to be shared."""
    return shared(cached(run_sum), (FLOATS, FLOATS, FLOATS), "rrr")


def relu_gradient() -> Callable[..., None]:
    """Give `run_relu_gradient`, to be shared."""
    return shared(cached(run_relu_gradient), (FLOATS, FLOATS, FLOATS), "rrr")
