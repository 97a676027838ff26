"""The twin of `relu`: NumPy's maximum is as fast as memory; the gradient, three passes in NumPy, is one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from tinytorch.core.ops import OPS
from tinytorch.core.ops.activations import ZEROS
from tinytorch.core.ops.op import Array, Value
from tinytorch.perf.acceleration.arrays import is_plain
from tinytorch.perf.kernels.crew import share

__all__ = ["relu"]

FEWEST = 8_192  # elements; with fewer, NumPy's calls cost no more than the kernel's
SHARED = 131_072  # elements from which on a second thread pays


def relu(x: Array) -> Value:
    """Do what the op `relu` does: float32, contiguous, of 8,192 elements or more."""
    if x.size < FEWEST or not is_plain(x):
        return OPS["relu"].run(x)
    value = np.maximum(x, ZEROS["f"])
    return value, (lambda g: _gradient(g, value),)


def _gradient(g: Array, value: Array) -> Array:
    if not is_plain(g):
        return g * (value > 0)
    out = np.empty_like(g)
    share(_compiled(), g.size, *(x.reshape(-1) for x in (g, value, out)), alone=g.size < SHARED)
    return out


@cache
def _compiled() -> Callable[..., None]:
    from tinytorch.perf.kernels import compiled_loops

    return compiled_loops.relu_gradient()
