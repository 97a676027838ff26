"""The twin of `add`, for residual connections: NumPy is as fast on one thread, and has no second."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from tinytorch.core.ops import OPS
from tinytorch.core.ops.op import Array, Value
from tinytorch.perf.acceleration.arrays import is_plain
from tinytorch.perf.kernels.crew import share

__all__ = ["add"]

SHARED = 65_536  # elements from which on a second thread pays


def add(a: Array, b: Array) -> Value:
    """Do what the op `add` does: float32 of one shape, contiguous, of 65,536 elements or more."""
    if not (
        type(a) is type(b) is np.ndarray and a.size >= SHARED and a.shape == b.shape and is_plain(a) and is_plain(b)
    ):
        return OPS["add"].run(a, b)
    out = np.empty_like(a)
    share(_compiled(), a.size, *(x.reshape(-1) for x in (a, b, out)))
    return out, (lambda g: g, lambda g: g)


@cache
def _compiled() -> Callable[..., None]:
    from tinytorch.perf.kernels import compiled_loops

    return compiled_loops.sum_of_two()
