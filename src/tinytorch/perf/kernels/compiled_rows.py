"""Softmax, cross-entropy and layer norm there and back, a row at a time. Imported only where Numba is wanted.

A row is walked several times while it lies in the cache, and memory is read and written once. Largest elements are
found among whole numbers that are in the order of the floats, sums are added up in lanes: both as vectors.
"""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached
from tinytorch.perf.kernels.compiled_curves import odds
from tinytorch.perf.kernels.compiled_sharing import shared
from tinytorch.perf.kernels.tiles import float_of_bits

__all__ = ["kernel"]

# The hash of compiled_curves.py: Numba's disk cache sees this file change, and no other. A test keeps it true.
CURVES = "b7ac69c33ceface6"

summing = partial(cached, flags=("contract", "reassoc"))


@cached
def largest(row):
    """Give the largest element of a row; a NaN with a positive sign, as NumPy makes them, counts as the largest."""
    bits, top = row.view(np.int32), np.int32(-0x80000000)
    for i in range(bits.size):
        ordered = np.int32(bits[i] ^ ((bits[i] >> np.int32(31)) & np.int32(0x7FFFFFFF)))
        top = np.int32(max(top, ordered))
    return float_of_bits(np.int32(top ^ ((top >> np.int32(31)) & np.int32(0x7FFFFFFF))))


@summing
def total(row, top):
    """Add up `exp(row - top)`."""
    found = np.float32(0)
    for i in range(row.size):
        found += odds(row[i] - top)
    return found


@summing
def write_odds(row, top, out):
    """Write `exp(row - top)`, and give the sum of it."""
    found = np.float32(0)
    for i in range(row.size):
        each = odds(row[i] - top)
        out[i] = each
        found += each
    return found


@summing
def dot(a, b):
    """Multiply element by element and add up."""
    found = np.float32(0)
    for i in range(a.size):
        found += a[i] * b[i]
    return found


@summing
def plain_sum(row):
    """Add up a row."""
    found = np.float32(0)
    for i in range(row.size):
        found += row[i]
    return found


@summing
def make_odds(row, top):
    """Make `exp(row - top)` of a row, in place, and give the sum of it."""
    found = np.float32(0)
    for i in range(row.size):
        each = odds(row[i] - top)
        row[i] = each
        found += each
    return found


@cached
def odds_there(x, totals, causal):
    """Make `exp(x - largest)` of each row, in place, and keep its sum, at least 1.

    Args:
        x: (pieces, n, s).
        totals: (pieces, n), written to.
        causal: Whether the last row of a piece sees all, and each before it one less; what is not seen becomes 0.
    """
    lowest, one = np.float32(-3.4028235e38), np.float32(1)
    for piece in range(x.shape[0]):
        for r in range(x.shape[1]):
            seen = x.shape[2] - x.shape[1] + 1 + r if causal else x.shape[2]
            row, unseen = x[piece, r, :seen], x[piece, r, seen:]
            top = largest(row)
            found = make_odds(row, max(top, lowest))
            totals[piece, r] = max(one, found)
            for i in range(unseen.size):
                unseen[i] = np.float32(0)


@cached
def odds_back(slope, own, pulls):
    """Make `(slope - pull) * odds` of each row, in place."""
    for r in range(slope.shape[0]):
        row, odds_of_row, pull = slope[r], own[r], pulls[r]
        for i in range(row.size):
            row[i] = (row[i] - pull) * odds_of_row[i]


@cached
def softmax_there(x, out):
    """Write `exp(x) / sum(exp(x))` of each row."""
    for r in range(x.shape[0]):
        row, to = x[r], out[r]
        share = np.float32(1) / write_odds(row, largest(row), to)
        for i in range(row.size):
            to[i] *= share


@cached
def softmax_back(value, g, out):
    """Write `value * (g - sum(g * value))` of each row."""
    for r in range(g.shape[0]):
        own, slope, to = value[r], g[r], out[r]
        pull = dot(own, slope)
        for i in range(own.size):
            to[i] = own[i] * (slope[i] - pull)


@cached
def log_softmax_there(x, out):
    """Write `x - log(sum(exp(x)))` of each row."""
    for r in range(x.shape[0]):
        row, to = x[r], out[r]
        top = largest(row)
        rest = np.log(total(row, top))
        for i in range(row.size):
            to[i] = (row[i] - top) - rest


@cached
def log_softmax_back(value, g, out):
    """Write `g - exp(value) * sum(g)` of each row."""
    for r in range(g.shape[0]):
        own, slope, to = value[r], g[r], out[r]
        pull = plain_sum(slope)
        for i in range(own.size):
            to[i] = slope[i] - odds(own[i]) * pull


@cached
def cross_entropy_there(logits, classes, tops, totals, losses):
    """Write the sum of `-log softmax(logits)` at the classes; keep the largest logit and the sum of each row."""
    loss = 0.0
    for r in range(logits.shape[0]):
        row = logits[r]
        tops[r] = largest(row)
        totals[r] = total(row, tops[r])
        loss += np.log(totals[r]) - (row[classes[r]] - tops[r])
    losses[0] = loss


@cached
def cross_entropy_back(logits, classes, tops, totals, scale, out):
    """Write `scale * (softmax(logits) - 1 at the class)`; the exponentials are computed again."""
    for r in range(logits.shape[0]):
        row, to, top = logits[r], out[r], tops[r]
        share = scale / totals[r]
        for i in range(row.size):
            to[i] = odds(row[i] - top) * share
        to[classes[r]] -= scale


@summing
def squared_distance(row, mean):
    """Add up `(row - mean)²`."""
    found = np.float32(0)
    for i in range(row.size):
        found += (row[i] - mean) * (row[i] - mean)
    return found


@cached
def layer_norm_there(x, gamma, beta, eps, moments, out):
    """Write each row with mean 0 and variance 1, times gamma, plus beta; keep its mean and what it was multiplied by.

    Args:
        x: (n, D).
        gamma: (D,).
        beta: (D,).
        eps: Added to the variance.
        moments: (n, 2), written to.
        out: (n, D), written to.
    """
    share = np.float32(1) / np.float32(x.shape[1])
    for r in range(x.shape[0]):
        row, to = x[r], out[r]
        mean = plain_sum(row) * share
        scale = np.float32(1) / np.sqrt(squared_distance(row, mean) * share + eps)
        moments[r, 0], moments[r, 1] = mean, scale
        for i in range(row.size):
            to[i] = (row[i] - mean) * scale * gamma[i] + beta[i]


@summing
def pulls(row, mean, slope, gamma):
    """Give the sum of `g gamma`, and of it times `row - mean`."""
    level, along = np.float32(0), np.float32(0)
    for i in range(row.size):
        each = slope[i] * gamma[i]
        level += each
        along += each * (row[i] - mean)
    return level, along


@cached
def layer_norm_back(x, g, gamma, moments, dx, dgamma, dbeta):
    """Write the gradient of the rows; add to those of gamma and beta."""
    share = np.float32(1) / np.float32(x.shape[1])
    for r in range(x.shape[0]):
        row, slope, to, mean, scale = x[r], g[r], dx[r], moments[r, 0], moments[r, 1]
        level, along = pulls(row, mean, slope, gamma)
        level, along = level * share, along * share * scale * scale
        for i in range(row.size):
            centred = row[i] - mean
            to[i] = scale * (slope[i] * gamma[i] - level - along * centred)
            dgamma[i] += slope[i] * scale * centred
            dbeta[i] += slope[i]


PIECES, MATRIX, VECTOR, NUMBER = types.float32[:, :, ::1], types.float32[:, ::1], types.float32[::1], types.float32
CLASSES, LOSSES = types.intp[::1], types.float64[:, ::1]

KERNELS = {
    "softmax_there": (softmax_there, (MATRIX, MATRIX), "rr"),
    "softmax_back": (softmax_back, (MATRIX, MATRIX, MATRIX), "rrr"),
    "log_softmax_there": (log_softmax_there, (MATRIX, MATRIX), "rr"),
    "log_softmax_back": (log_softmax_back, (MATRIX, MATRIX, MATRIX), "rrr"),
    "cross_entropy_there": (cross_entropy_there, (MATRIX, CLASSES, VECTOR, VECTOR, LOSSES), "rrrrp"),
    "cross_entropy_back": (cross_entropy_back, (MATRIX, CLASSES, VECTOR, VECTOR, NUMBER, MATRIX), "rrrrar"),
    "odds_there": (odds_there, (PIECES, MATRIX, types.boolean), "rra"),
    "odds_back": (odds_back, (MATRIX, MATRIX, VECTOR), "rrr"),
    "layer_norm_there": (layer_norm_there, (MATRIX, VECTOR, VECTOR, NUMBER, MATRIX, MATRIX), "raaarr"),
    "layer_norm_back": (layer_norm_back, (MATRIX, MATRIX, VECTOR, MATRIX, MATRIX, MATRIX, MATRIX), "rrarrpp"),
}


def kernel(name: str) -> Any:
    """Give one of `KERNELS`, to be shared."""
    return shared(*KERNELS[name])
