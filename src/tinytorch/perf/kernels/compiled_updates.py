"""Steps of optimizers in one pass over a parameter, bit for bit what NumPy gives. Imported only where Numba is wanted.

Nothing may be contracted or reordered here: every product and sum is rounded as NumPy rounds it.
"""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached
from tinytorch.perf.kernels.compiled_sharing import shared

__all__ = ["kernel"]

exact = partial(cached, flags=())


@exact
def sgd(data, g, rate, decay):
    """Do one step without momentum."""
    for i in range(data.size):
        change = g[i] + decay * data[i] if decay != 0 else g[i]
        data[i] -= rate * change


@exact
def momentum(data, g, buffer, rate, share, decay):
    """Do one step with momentum: `share` of the buffer stays."""
    for i in range(data.size):
        change = g[i] + decay * data[i] if decay != 0 else g[i]
        buffer[i] = buffer[i] * share + change
        data[i] -= rate * buffer[i]


@exact
def adam(data, g, m, v, numbers):
    """Do one step of Adam or AdamW.

    Args:
        data: (n,), changed, as m and v are.
        g: (n,).
        m: (n,).
        v: (n,).
        numbers: β1, 1 - β1, β2, 1 - β2, √(1 - β2ᵗ), eps, lr / (1 - β1ᵗ), decay in the gradient, what is kept of data.
    """
    keep_m, new_m, keep_v, new_v, scale, eps, rate, decay, kept = numbers
    for i in range(data.size):
        each = g[i] + decay * data[i] if decay != 0 else g[i]
        m[i] = m[i] * keep_m + new_m * each
        v[i] = v[i] * keep_v + (each * each) * new_v
        data[i] = (data[i] - m[i] / (np.sqrt(v[i]) / scale + eps) * rate) * kept


VECTOR, NUMBER = types.float32[::1], types.float32

KERNELS = {
    "sgd": (sgd, (VECTOR, VECTOR, NUMBER, NUMBER), "rraa"),
    "momentum": (momentum, (VECTOR, VECTOR, VECTOR, NUMBER, NUMBER, NUMBER), "rrraaa"),
    "adam": (adam, (VECTOR, VECTOR, VECTOR, VECTOR, types.UniTuple(NUMBER, 9)), "rrrra"),
}


def kernel(name: str) -> Any:
    """Give one of `KERNELS`, to be shared."""
    return shared(*KERNELS[name])
