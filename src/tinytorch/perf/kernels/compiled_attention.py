"""Causal or full attention there and back, a sequence of one head at a time. Imported only where Numba is wanted.

Some queries at a time look at all keys that they may: their scores, odds and slopes stay in the cache, and all products
are those of the tiles. Backprop computes the odds again, which is cheaper than keeping them in memory.

Source:
    T. Dao et al. (2022), FlashAttention, appendix B.
"""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached
from tinytorch.perf.kernels.compiled_products import rows_of_panel
from tinytorch.perf.kernels.compiled_rows import dot, largest, make_odds
from tinytorch.perf.kernels.compiled_sharing import shared
from tinytorch.perf.kernels.tiles import address_as_pointer

__all__ = ["kernel"]

# The hashes of compiled_products.py and compiled_rows.py: Numba's disk cache sees this file change, and no other. A
# test keeps them true.
PRODUCTS, ROWS = "8ffa8b9ab9ed0a51", "0b1cc573ed5c5203"

QUERIES = 48  # at a time; a multiple of the heights of tiles


@cached
def line(x, r):
    """Give a row of a matrix whose rows are contiguous, in the kind of array that LLVM makes vectors of."""
    return numba.carray(address_as_pointer(np.intp(x.ctypes.data) + r * np.intp(x.strides[0])), x.shape[1])


@cached
def fill(x, number):
    """Write one number to all places."""
    for r in range(x.shape[0]):
        row = line(x, r)
        for i in range(row.size):
            row[i] = number


@cached
def copy(x, out):
    """Write what is in another matrix."""
    for r in range(x.shape[0]):
        row, to = line(x, r), line(out, r)
        for i in range(row.size):
            to[i] = row[i]


@cached
def turn(x, scale, out):
    """Write the transpose of a matrix, times a number, with zeros beyond it."""
    for j in range(x.shape[0]):
        row = line(x, j)
        for i in range(row.size):
            out[i, j] = row[i] * scale
    for i in range(out.shape[0]):
        for j in range(x.shape[0], out.shape[1]):
            out[i, j] = np.float32(0)


@cached
def multiply(layout, x, steps, w, out):
    """Add products to `out`, as many columns of it as there are, rounded up to vectors.

    Args:
        layout: Its kind says the width of vectors.
        x: (rows, steps), of any strides.
        steps: How many of them to go.
        w: (steps and more, columns and more), its rows contiguous.
        out: (rows, columns), its rows contiguous, and there beyond them as far as vectors go.
    """
    lanes, widest = (16, 4) if layout.itemsize == 8 else (8, 2)
    vectors, done = (out.shape[1] + lanes - 1) // lanes, 0
    while done < vectors:
        left = vectors - done
        width = widest if left >= widest else 2 if left >= 2 else 1
        here, row = np.intp(out.ctypes.data) + 4 * lanes * done, np.intp(out.strides[0])
        at = (
            *(np.intp(x.ctypes.data), np.intp(x.strides[0]), np.intp(x.strides[1])),
            *(np.intp(w.ctypes.data) + 4 * lanes * done, np.intp(w.strides[0]), np.intp(steps)),
            *(here, row, here, row),
        )
        rows_of_panel(layout, (np.intp(x.shape[0]), width), at)
        done += width


@cached
def look(layout, q, keys, hidden, scores, totals):
    """Write the odds of some queries, and their sums, at least 1.

    Args:
        layout: As in `multiply`.
        q: (queries, D).
        keys: (D, keys and more): the keys turned round, and scaled.
        hidden: How many of the keys that the last query sees the first one does not; 0 where all see all.
        scores: (queries, keys that are seen).
        totals: (queries,), written to.
    """
    lowest, one, zero = np.float32(-3.4028235e38), np.float32(1), np.float32(0)
    fill(scores, zero)
    multiply(layout, q, keys.shape[0], keys, scores)
    for r in range(scores.shape[0]):
        seen = scores.shape[1] - max(hidden - r, 0)
        whole = line(scores, r)
        row, unseen = whole[:seen], whole[seen:]
        totals[r] = max(one, make_odds(row, max(largest(row), lowest)))
        for i in range(unseen.size):
            unseen[i] = zero


@cached
def room(memory, at, rows, columns):
    """Give a matrix in memory, and where the next one may begin: at a cache line."""
    size = rows * columns
    return memory[at : at + size].reshape(rows, columns), at + (size + 15) // 16 * 16


@cached
def there(heads, how, layout, memory, out, start, stop):
    """Write the results of some sequences.

    Args:
        heads: Queries (B, H, T, D), keys (B, H, S, D) and values (B, H, S, E), the last axis of all contiguous.
        how: What scores are multiplied by, and whether query i looks at keys up to i + S - T only.
        layout: As in `multiply`.
        memory: Floats.
        out: (B, H, T, E), written to.
        start: The first sequence; head after head, batch after batch.
        stop: The one after the last.
    """
    (q, k, v), (scale, causal) = heads, how
    T, S, wide = q.shape[2], k.shape[2], spread(k.shape[2])
    keys, at = room(memory, 0, q.shape[3], wide)
    values, at = room(memory, at, S, v.shape[3])
    scores, at = room(memory, at, QUERIES, wide)
    totals = memory[at : at + QUERIES]
    for sequence in range(start, stop):
        b, h = sequence // q.shape[1], sequence % q.shape[1]
        turn(k[b, h], scale, keys)
        copy(v[b, h], values)
        for first in range(0, T, QUERIES):
            last = min(first + QUERIES, T)
            count, seen, hidden = last - first, S - T + last if causal else S, last - first - 1 if causal else 0
            found = out[b, h, first:last]
            look(layout, q[b, h, first:last], keys, hidden, scores[:count, :seen], totals)
            fill(found, np.float32(0))
            multiply(layout, scores[:count], seen, values, found)
            for r in range(count):
                share, row = np.float32(1) / totals[r], line(found, r)
                for i in range(row.size):
                    row[i] *= share


@cached
def spread(columns):
    """Give the length of rows that hold so many columns, whole vectors of them, and do not compete for the cache."""
    return ((columns + 15) // 16 | 1) * 16


@cached
def back(heads, how, layout, memory, gradients, start, stop):
    """Write the gradients of some sequences, of the three in the order of `there`.

    To these `heads` has what `there` wrote, and its gradient.
    """
    (q, k, v, value, g), (scale, causal), (dq, dk, dv) = heads, how, gradients
    T, S, D, E, wide = q.shape[2], k.shape[2], q.shape[3], v.shape[3], spread(k.shape[2])
    zero = np.float32(0)
    keys, at = room(memory, 0, D, wide)
    values, at = room(memory, at, E, wide)
    straight, at = room(memory, at, S, D)
    queries, at = room(memory, at, QUERIES, D)
    parts, at = room(memory, at, QUERIES, E)
    scores, at = room(memory, at, QUERIES, wide)
    slopes, at = room(memory, at, QUERIES, wide)
    to_keys, at = room(memory, at, S, D)
    to_values, at = room(memory, at, S, E)
    totals = memory[at : at + QUERIES]
    for sequence in range(start, stop):
        b, h = sequence // q.shape[1], sequence % q.shape[1]
        turn(k[b, h], scale, keys)
        turn(v[b, h], np.float32(1), values)
        copy(k[b, h], straight)
        fill(to_keys, zero)
        fill(to_values, zero)
        for first in range(0, T, QUERIES):
            last = min(first + QUERIES, T)
            count, seen, hidden = last - first, S - T + last if causal else S, last - first - 1 if causal else 0
            odds, slope, found = scores[:count, :seen], slopes[:count, :seen], dq[b, h, first:last]
            copy(q[b, h, first:last], queries)
            look(layout, queries[:count], keys, hidden, odds, totals)
            divide(g[b, h, first:last], totals, parts)
            fill(slope, zero)
            multiply(layout, parts[:count], E, values, slope)
            pull_back(parts[:count], value[b, h, first:last], odds, scale, slope)
            fill(found, zero)
            multiply(layout, slope, seen, straight, found)
            multiply(layout, slope.T, count, queries, to_keys[:seen])
            multiply(layout, odds.T, count, parts, to_values[:seen])
        copy(to_keys, dk[b, h])
        copy(to_values, dv[b, h])


@cached
def divide(g, totals, out):
    """Write rows divided by their totals."""
    for r in range(g.shape[0]):
        share, row, to = np.float32(1) / totals[r], line(g, r), line(out, r)
        for i in range(row.size):
            to[i] = row[i] * share


@cached
def pull_back(parts, value, odds, scale, slope):
    """Make gradients of scores, times `scale`, of those of odds, in place."""
    for r in range(slope.shape[0]):
        row, own, pull = line(slope, r), line(odds, r), dot(line(parts, r), line(value, r))
        for i in range(row.size):
            row[i] = (row[i] - pull) * own[i] * scale


def kernel(name: str, index_bytes: int) -> Any:
    """Give `there` or `back`, to be shared, for layouts of int64 or int32."""
    layout = (types.int64 if index_bytes == 8 else types.int32)[::1]
    heads, memory = types.float32[:, :, :, :], types.float32[:, ::1]
    how = types.Tuple((types.float32, types.boolean))
    three, five = types.UniTuple(heads, 3), types.UniTuple(heads, 5)
    if name == "there":
        return shared(there, (three, how, layout, memory, heads), "aaapa+")
    return shared(back, (five, how, layout, memory, three), "aaapa+")
