"""A step of a language model as one function: layer norms, linear layers and attention over a cache.

Imported only where Numba is wanted.
"""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from tinytorch.perf.kernels.compiled import bend, cached, exponential, float_layer, specialized

__all__ = ["run_step", "step"]

# The hash of compiled.py: Numba's disk cache sees this file change, and no other. A test keeps it true.
LOOPS = "7f02af0c81359b68"


def summing(function):
    """Compile with sums in any order, so that they are made in vectors."""
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder can be written to
        return numba.njit(**options)(function)


@summing
def normalize(x, gamma, beta, eps, out):
    """Give a row the mean 0 and the variance 1, times gamma, plus beta."""
    total = np.float32(0)
    for i in range(x.size):
        total += x[i]
    mean = total / np.float32(x.size)
    total = np.float32(0)
    for i in range(x.size):
        total += (x[i] - mean) * (x[i] - mean)
    scale = np.float32(1) / np.sqrt(total / np.float32(x.size) + eps)
    for i in range(x.size):
        out[i] = (x[i] - mean) * scale * gamma[i] + beta[i]


@cached
def dense(weights, layout, index, x, stride, out):
    """Do a linear layer for the rows of `x`, and give the rows of its results, padded, which stand in `out`.

    Args:
        weights: Packed, as `dense.pack` gives them.
        layout: As for a chain.
        index: Which layer.
        x: (rows, in).
        stride: Floats from a row of `x` to the next.
        out: Floats.
    """
    lanes = np.intp(16) if layout.itemsize == 8 else np.intp(8)
    rows, base, target = x.shape[0], np.intp(weights.ctypes.data), np.intp(out.ctypes.data)
    count, vectors, curve = np.intp(layout[index, 0]), np.intp(layout[index, 1]), layout[index, 4]
    w, bias = base + np.intp(layout[index, 2]), base + np.intp(layout[index, 3])
    relu = np.intp(1) if curve == 1 else np.intp(0)
    width = vectors * lanes
    at = (np.intp(x.ctypes.data), np.intp(stride * 4), w, count, bias, relu, target, width * 4)
    float_layer(layout, rows, at, vectors, lanes)
    if curve > 1:
        bend(curve, out[: rows * width])
    return out[: rows * width].reshape(rows, width)


@summing
def look(q, keys, count, scores):
    """Write `exp(score - largest)` of the first `count` keys, and give their sum."""
    scale, top = np.float32(1) / np.sqrt(np.float32(q.size)), np.float32(-np.inf)
    for s in range(count):
        total = np.float32(0)
        for d in range(q.size):
            total += q[d] * keys[s, d]
        scores[s] = total * scale
        top = max(top, scores[s])
    total = np.float32(0)
    for s in range(count):
        scores[s] = exponential(scores[s] - top)
        total += scores[s]
    return total


@summing
def gather(scores, values, count, share, out):
    """Add up the first `count` values in proportion to their scores."""
    for d in range(out.size):
        out[d] = np.float32(0)
    for s in range(count):
        own = scores[s] * share
        for d in range(out.size):
            out[d] += own * values[s, d]


@cached
def attend(projected, keys, values, position, scores, out):
    """Write the newest keys and values, and let the newest queries look at all.

    Args:
        projected: (B, 3 E and more): queries, keys, values.
        keys: (B, H, L, D), and so the values.
        position: Of the newest.
        scores: (L,).
        out: (B, E).
    """
    heads, width = keys.shape[1], keys.shape[3]
    size = heads * width
    for row in range(projected.shape[0]):
        for head in range(heads):
            first = head * width
            for d in range(width):
                keys[row, head, position, d] = projected[row, size + first + d]
                values[row, head, position, d] = projected[row, 2 * size + first + d]
            total = look(projected[row, first : first + width], keys[row, head], position + 1, scores)
            part = out[row, first : first + width]
            gather(scores, values[row, head], position + 1, np.float32(1) / total, part)


@cached
def add(x, more):
    """Add to `x` what stands in the first columns of `more`."""
    for row in range(x.shape[0]):
        for i in range(x.shape[1]):
            x[row, i] += more[row, i]


def run_step(tokens, position, model, kept, scratch, out):
    """Give the logits of the token after each.

    Args:
        tokens: (B,), each of a row of the table.
        position: Of all of them.
        model: Table of tokens, table of positions, layer norms, their eps, packed weights, layout; as in `Decoder`.
        kept: Keys and values, (N, B, H, L, D) each.
        scratch: Floats: two of the width and two of the widest layer a row, and one a position.
        out: (B, V).
    """
    table, places, norms, eps, weights, layout = model
    keys, values = kept
    rows, width = tokens.size, table.shape[1]
    x = scratch[: rows * width].reshape(rows, width)
    normal = scratch[rows * width : 2 * rows * width].reshape(rows, width)
    scores = scratch[2 * rows * width : 2 * rows * width + places.shape[0]]
    rest = scratch[2 * rows * width + places.shape[0] :]
    first, second = rest[: rest.size // 2], rest[rest.size // 2 :]
    for row in range(rows):
        for i in range(width):
            x[row, i] = table[tokens[row], i] + places[position, i]
    for block in range(keys.shape[0]):
        for row in range(rows):
            normalize(x[row], norms[2 * block, 0], norms[2 * block, 1], eps[2 * block], normal[row])
        projected = dense(weights, layout, 4 * block, normal, width, first)
        attend(projected, keys[block], values[block], position, scores, normal)
        add(x, dense(weights, layout, 4 * block + 1, normal, width, second))
        for row in range(rows):
            normalize(x[row], norms[2 * block + 1, 0], norms[2 * block + 1, 1], eps[2 * block + 1], normal[row])
        hidden = dense(weights, layout, 4 * block + 2, normal, width, first)
        add(x, dense(weights, layout, 4 * block + 3, hidden, hidden.shape[1], second))
    last = 2 * keys.shape[0]
    for row in range(rows):
        normalize(x[row], norms[last, 0], norms[last, 1], eps[last], normal[row])
    logits = dense(weights, layout, 4 * keys.shape[0], normal, width, first)
    for row in range(rows):
        for i in range(out.shape[1]):
            out[row, i] = logits[row, i]


def step(index_bytes: int) -> Any:
    """Give `run_step` for layouts of int64 or int32."""
    layout = (types.int64 if index_bytes == 8 else types.int32)[:, ::1]
    vector, matrix = types.float32[::1], types.float32[:, ::1]
    model = types.Tuple((matrix, matrix, types.float32[:, :, ::1], vector, vector, layout))
    kept = types.UniTuple(types.float32[:, :, :, :, ::1], 2)
    return specialized(cached(run_step), (types.int64[::1], types.int64, model, kept, vector, matrix))
