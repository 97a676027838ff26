"""Curves of one exponential, and GELU there and back. Imported only where Numba is wanted."""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached
from tinytorch.perf.kernels.compiled_sharing import shared
from tinytorch.perf.kernels.tiles import float_of_bits

__all__ = ["bend", "curved", "exponential", "gelu_back", "gelu_there", "kernel", "odds"]

# The hash of tiles.py: Numba's disk cache sees this file change, and no other. A test keeps it true.
TILES = "b0df2b7c505d8ce1"


@cached
def exponential(x):
    """Give `exp(x)` to a few units in the last place; outside [-87, 88] what it is at the nearer end.

    Source:
        S. L. Moshier (1989), Methods and Programs for Mathematical Functions: the polynomial of Cephes' expf.
    """
    x = min(max(x, np.float32(-87)), np.float32(88))
    whole = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
    r = (x - whole * np.float32(0.693359375)) + whole * np.float32(2.12194440e-4)  # ln 2 in two parts
    p = np.float32(1.9875691500e-4) * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * (r * r) + r + np.float32(1)
    return p * float_of_bits((np.int32(whole) + np.int32(127)) << np.int32(23))


@cached
def curved(curve, x):
    """Apply sigmoid, tanh or GELU in its tanh form, all by one exponential; NaN stays NaN."""
    one, two = np.float32(1), np.float32(2)
    if curve == 2:
        y = one / (one + exponential(-x))
    elif curve == 3:
        y = one - two / (one + exponential(two * x))
    else:
        bend = np.float32(1.5957691) * (x + np.float32(0.044715) * x * x * x)
        y = x / (one + exponential(-bend)) if bend > np.float32(-87) else np.float32(0) * x  # as large as x may be
    return y if x == x else x


@cached
def bend(curve, values):
    """Apply a curve to a block, in place. One loop a curve, so that each is made of vectors."""
    if curve == 2:
        for i in range(values.size):
            values[i] = curved(2, values[i])
    elif curve == 3:
        for i in range(values.size):
            values[i] = curved(3, values[i])
    elif curve == 4:
        for i in range(values.size):
            values[i] = curved(4, values[i])


@cached
def odds(x):
    """Give `exp(x)` of a number of at most 0, to 2 units in the last place; 0 below -87; NaN stays NaN."""
    y = exponential(x)
    return y if x >= np.float32(-87) else np.float32(0) if x < np.float32(-87) else x


@cached
def gates(x):
    """Give the share of x that GELU lets through, and the rest of it, without a difference of like numbers."""
    one = np.float32(1)
    bend = np.float32(1.5957691) * (x + np.float32(0.044715) * x * x * x)
    small = odds(-abs(bend))
    whole = one / (one + small)
    small = small * whole
    positive = bend >= np.float32(0)
    return (whole, small) if positive else (small, whole)


@cached
def gelu_there(x, out):
    """Write `x * gate`."""
    for i in range(x.size):
        out[i] = x[i] * gates(x[i])[0]


@cached
def gelu_back(x, g, out):
    """Write `g * (gate + x gate')`, where `gate' = gate (1 - gate) bend'`; the gate is computed again."""
    for i in range(x.size):
        value = x[i]
        gate, rest = gates(value)
        slope = np.float32(1.5957691) + np.float32(3 * 0.044715 * 1.5957691) * value * value
        steep = gate * rest
        out[i] = g[i] * (gate + (value * steep * slope if steep > np.float32(0) else np.float32(0)))


def kernel(name: str) -> Any:
    """Give `gelu_there` or `gelu_back` for vectors of float32, to be shared."""
    function, count = {"gelu_there": (gelu_there, 2), "gelu_back": (gelu_back, 3)}[name]
    return shared(function, (types.float32[::1],) * count, "r" * count)
