"""The twins of optimizers' updates: one pass over a parameter and its buffers, bit for bit what NumPy gives."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tinytorch.core.ops.op import Array
from tinytorch.core.updates import UPDATES, AdamRates
from tinytorch.perf.acceleration.arrays import is_plain, plain
from tinytorch.perf.kernels.crew import share

__all__ = ["adam", "sgd"]

SHARED = 16_384  # elements from which on a second thread pays


def sgd(data: Array, gradient: Array, buffer: Array | None, rates: tuple[float, float, float]) -> None:
    """Do what the update `sgd` does: float32 and contiguous."""
    arrays = [data, plain(gradient)] if buffer is None else [data, plain(gradient), buffer]
    if not all(map(is_plain, arrays)):
        UPDATES["sgd"].run(data, gradient, buffer, rates)
        return
    lr, momentum, decay = map(np.float32, rates)
    if buffer is None:
        _share("sgd", arrays, lr, decay)
    else:
        _share("momentum", arrays, lr, momentum, decay)


def adam(data: Array, gradient: Array, m: Array, v: Array, rates: AdamRates) -> None:
    """Do what the update `adam` does: float32 and contiguous."""
    arrays = [data, plain(gradient), m, v]
    if not all(map(is_plain, arrays)):
        UPDATES["adam"].run(data, gradient, m, v, rates)
        return
    beta1, beta2, *others = rates
    _share("adam", arrays, tuple(map(np.float32, (beta1, 1 - beta1, beta2, 1 - beta2, *others))))


def _share(name: str, arrays: list[Array], *numbers: Any) -> None:
    """Let each thread do a part of all elements."""
    size = arrays[0].size
    share(_compiled(name), size, *(array.reshape(-1) for array in arrays), *numbers, alone=size < SHARED)


@cache
def _compiled(name: str) -> Callable[..., Any]:
    from tinytorch.perf.kernels import compiled_updates

    return compiled_updates.kernel(name)
