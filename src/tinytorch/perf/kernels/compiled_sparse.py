"""Products with sparse matrices: few rows one by one, many side by side. Imported only where Numba is wanted."""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached, specialized
from tinytorch.perf.kernels.compiled_curves import bend

__all__ = ["product", "run_product"]

# The hash of compiled_curves.py: Numba's disk cache sees this file change, and no other. A test keeps it true.
CURVES = "b7ac69c33ceface6"


@cached
def row_times_column(x, values, gaps, begin, end):
    """Give the sum of one row with one column, in four parts, so that none waits for the other."""
    a, b, c, d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    at, k = np.uintp(0), np.uintp(begin)
    while k + np.uintp(4) <= np.uintp(end):
        first = at + np.uintp(gaps[k])
        second = first + np.uintp(gaps[k + np.uintp(1)])
        third = second + np.uintp(gaps[k + np.uintp(2)])
        at = third + np.uintp(gaps[k + np.uintp(3)])
        a += np.float32(values[k]) * x[first]
        b += np.float32(values[k + np.uintp(1)]) * x[second]
        c += np.float32(values[k + np.uintp(2)]) * x[third]
        d += np.float32(values[k + np.uintp(3)]) * x[at]
        k += np.uintp(4)
    while k < np.uintp(end):
        at += np.uintp(gaps[k])
        a += np.float32(values[k]) * x[at]
        k += np.uintp(1)
    return (a + b) + (c + d)


@cached
def block_times_column(block, values, gaps, begin, end, sums):
    """Add up one column times the numbers of 64 rows, four entries at a time, so that sums are fetched less often."""
    for t in range(64):
        sums[t] = np.float32(0)
    at, k = np.uintp(0), np.uintp(begin)
    while k + np.uintp(4) <= np.uintp(end):
        first = at + np.uintp(gaps[k])
        second = first + np.uintp(gaps[k + np.uintp(1)])
        third = second + np.uintp(gaps[k + np.uintp(2)])
        at = third + np.uintp(gaps[k + np.uintp(3)])
        p, q = np.float32(values[k]), np.float32(values[k + np.uintp(1)])
        r, s = np.float32(values[k + np.uintp(2)]), np.float32(values[k + np.uintp(3)])
        for t in range(64):
            u = np.uintp(t)
            sums[u] += (p * block[first, u] + q * block[second, u]) + (r * block[third, u] + s * block[at, u])
        k += np.uintp(4)
    while k < np.uintp(end):
        at += np.uintp(gaps[k])
        p = np.float32(values[k])
        for t in range(64):
            u = np.uintp(t)
            sums[u] += p * block[at, u]
        k += np.uintp(1)


@cached
def finished(total, scales, bias, column, curve):
    """Make a result of a sum: scaled where the weights are whole numbers, with its bias, and none below 0 for ReLU."""
    scale = scales[column] if scales.size > 0 else np.float32(1)
    found = total * scale + bias[column]
    return np.float32(0) if curve == 1 and found < np.float32(0) else found


@cached
def lay_out(x, first, count, block):
    """Put the numbers of one place of `count` rows side by side, and zeros behind them."""
    for i in range(x.shape[1]):
        for t in range(64):
            block[i, t] = x[first + t, i] if t < count else np.float32(0)


def run_product(x, entries, bias, block, curve, out):
    """Compute `x @ matrix + bias`, and the activation that follows.

    Args:
        x: (rows, in).
        entries: The values (K,), gaps (K,), starts (out + 1,) and scales, (out,) or (0,), of `Entries`.
        bias: (out,).
        block: (in, 64), written to; (0, 64) where rows are few.
        curve: The activation.
        out: (rows, out), written to.
    """
    values, gaps, starts, scales = entries
    rows, done = x.shape[0], 0
    sums = np.empty(64, np.float32)
    while block.shape[0] > 0 and rows - done >= 8:
        count = min(64, rows - done)
        lay_out(x, done, count, block)
        for o in range(out.shape[1]):
            block_times_column(block, values, gaps, starts[o], starts[o + 1], sums)
            for t in range(count):
                out[done + t, o] = finished(sums[t], scales, bias, o, curve)
        done += count
    for row in range(done, rows):
        for o in range(out.shape[1]):
            total = row_times_column(x[row], values, gaps, starts[o], starts[o + 1])
            out[row, o] = finished(total, scales, bias, o, curve)
    if curve > 1:
        for row in range(rows):
            bend(curve, out[row])


def product(kind: str) -> Any:
    """Give `run_product` for values of float32 or int8."""
    matrix, row = types.float32[:, ::1], types.float32[::1]
    values = types.int8[::1] if kind == "int8" else types.float32[::1]
    entries = types.Tuple((values, types.uint8[::1], types.int32[::1], row))
    signature = (matrix, entries, row, matrix, types.int64, matrix)
    return specialized(cached(run_product), signature)
