"""A step of a language model as one function: layer norms, linear layers and causal attention over a cache.

Imported only where Numba is wanted.
"""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import overload

from tinytorch.perf.kernels.caching import cached, specialized
from tinytorch.perf.kernels.compiled import float_layer, int8_layer, largest, quantize_row
from tinytorch.perf.kernels.compiled_curves import bend, exponential
from tinytorch.perf.kernels.tiles import address_as_pointer, amx_begin, amx_end

__all__ = ["run_step", "step"]

CHAINS = {"floats16": types.int64, "floats8": types.int32}  # the kinds of a chain's layout

SMALLEST = np.float32(-80)  # what is smaller by exp(-80) counts as nothing: denormal numbers take thirty times as long

# The hashes of compiled.py and compiled_curves.py: Numba's disk cache sees this file change, and no other. A test keeps
# them true.
LOOPS = "09a10f199e8159da"
CURVES = "b7ac69c33ceface6"


def summing(function):
    """Compile with sums in any order, so that they are made in vectors."""
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder can be written to
        return numba.njit(**options)(function)


@summing
def normalize(x, weights, eps, out):
    """Give each row the mean 0 and the variance 1, times gamma, plus beta: the two rows of weights."""
    size, gamma, beta = x.shape[1], weights[0], weights[1]
    for row in range(x.shape[0]):
        total = np.float32(0)
        for i in range(size):
            total += x[row, i]
        mean = total / np.float32(size)
        total = np.float32(0)
        for i in range(size):
            total += (x[row, i] - mean) * (x[row, i] - mean)
        scale = np.float32(1) / np.sqrt(total / np.float32(size) + eps)
        for i in range(size):
            out[row, i] = (x[row, i] - mean) * scale * gamma[i] + beta[i]


@cached
def dense(layers, index, x, room, out):
    """Do a linear layer on floats for the rows of `x`, and give the rows of its results, padded, which stand in `out`.

    Args:
        layers: Packed weights, as `dense.pack` gives them, and the layout of a chain.
        index: Which layer.
        x: (rows, in and more).
        room: Not needed here.
        out: Floats.
    """
    weights, layout = layers
    lanes = np.intp(16) if layout.itemsize == 8 else np.intp(8)
    rows, base, target = x.shape[0], np.intp(weights.ctypes.data), np.intp(out.ctypes.data)
    count, vectors, curve = np.intp(layout[index, 0]), np.intp(layout[index, 1]), layout[index, 4]
    w, bias = base + np.intp(layout[index, 2]), base + np.intp(layout[index, 3])
    relu = np.intp(1) if curve == 1 else np.intp(0)
    width = vectors * lanes
    at = (np.intp(x.ctypes.data), np.intp(x.shape[1] * 4), w, count, bias, relu, target, width * 4)
    float_layer(layout, rows, at, vectors, lanes)
    if curve > 1:
        bend(curve, out[: rows * width])
    return out[: rows * width].reshape(rows, width)


@cached
def dense_on_bytes(layers, index, x, room, out):
    """Do the same on bytes.

    Args:
        layers: Per layer where its bytes and its columns are, its inputs, steps, outputs and curve, as `pack_layers`
            gives them; and the scales of activations, 0 to find them.
        index: Which layer.
        x: (rows, in and more).
        room: Room for activations (rows, in, padded), and for their scales (rows,).
        out: Floats.
    """
    table, fixed = layers
    activations, scales = room
    rows, inputs, width, curve = x.shape[0], table[index, 2], np.intp(table[index, 4]), table[index, 5]
    for row in range(rows):
        scales[row] = quantize_row(x[row, :inputs], activations[row], fixed[index])
    columns = numba.carray(address_as_pointer(np.intp(table[index, 1])), (3, width))
    source, stride = np.intp(activations.ctypes.data), np.intp(activations.shape[1] * activations.itemsize)
    own, relu = np.intp(scales.ctypes.data), np.intp(1) if curve == 1 else np.intp(0)
    w, count, target = np.intp(table[index, 0]), np.intp(table[index, 3]), np.intp(out.ctypes.data)
    amx_begin(activations)
    int8_layer(activations, rows, columns, (source, stride, w, count, own, relu, target, width * 4))
    amx_end(activations)
    if curve > 1:
        bend(curve, out[: rows * width])
    return out[: rows * width].reshape(rows, width)


def linear(layers, index, x, room, out):
    """Do a linear layer, on floats or on bytes as the layers are."""


@overload(linear)
def choose_linear(layers, index, x, room, out):
    """Say, while the code is made, which of the two it is: addresses are whole numbers."""
    own = dense_on_bytes if layers[0].dtype == types.int64 else dense

    def choice(layers, index, x, room, out):
        return own(layers, index, x, room, out)

    return choice


@cached
def keep(x, kept, scales, row, head, position):
    """Write a vector into a cache, as it is, or as bytes with a scale."""
    place = kept[row, head, position]
    if kept.itemsize == 4:
        for d in range(x.size):
            place[d] = x[d]
        return
    scale = largest(x) / np.float32(127)
    inverse = np.float32(1) / scale if scale >= np.float32(1e-37) else np.float32(0)
    for d in range(x.size):
        whole = np.rint(x[d] * inverse) if inverse > 0 else np.float32(0)
        place[d] = np.int32(min(max(whole, np.float32(-127)), np.float32(127)))
    scales[row, head, position] = scale


@summing
def look(q, keys, steps, count, scores):
    """Write `exp(score - largest)` of the first `count` keys, and give their sum; `steps` are the scales of bytes."""
    scale, top = np.float32(1) / np.sqrt(np.float32(q.size)), np.float32(-np.inf)
    for s in range(count):
        total = np.float32(0)
        for d in range(q.size):
            total += q[d] * np.float32(keys[s, d])
        scores[s] = total * (scale * steps[s] if steps.size else scale)
        top = max(top, scores[s])
    total = np.float32(0)
    for s in range(count):
        below = scores[s] - top
        scores[s] = exponential(below) if below > SMALLEST else np.float32(0)
        total += scores[s]
    return total


@summing
def gather(scores, values, steps, count, total, out):
    """Add up the first `count` values in proportion to their scores."""
    share = np.float32(1) / total
    for d in range(out.size):
        out[d] = np.float32(0)
    for s in range(count):
        own = scores[s] * (share * steps[s] if steps.size else share)
        for d in range(out.size):
            out[d] += own * np.float32(values[s, d])


@cached
def attend(projected, block, kept, position, scores, out):
    """Write new keys and values, and let the new queries look at what is not later than they are.

    Args:
        projected: (B T, 3 E and more): queries, keys, values.
        block: Whose keys and values; in the last one, only the last query of each sequence looks.
        kept: Keys and values (N, B, H, L, D), and their scales (N, B, H, L), or empty.
        position: Of the first of T.
        scores: (L,).
        out: (B T, E).
    """
    keys, values, key_scales, value_scales = kept
    heads, width = keys.shape[2], keys.shape[4]
    size, none = heads * width, scores[:0]
    scaled, span = keys.itemsize == 1, projected.shape[0] // keys.shape[1]
    needed = span - 1 if block == keys.shape[0] - 1 else 0
    for line in range(projected.shape[0]):
        row, later = line // span, line % span
        place = position + later
        for head in range(heads):
            first = head * width
            q, own = projected[line, first : first + width], projected[line, size + first : size + first + width]
            keep(own, keys[block], key_scales[block], row, head, place)
            keep(projected[line, 2 * size + first :][:width], values[block], value_scales[block], row, head, place)
            if later >= needed:
                steps = key_scales[block, row, head] if scaled else none
                total = look(q, keys[block, row, head], steps, place + 1, scores)
                steps = value_scales[block, row, head] if scaled else none
                gather(scores, values[block, row, head], steps, place + 1, total, out[line, first : first + width])


@cached
def last_rows(x, rows):
    """Move the last row of each of `rows` parts to the front, and give these."""
    span = x.shape[0] // rows
    for row in range(rows):
        for i in range(x.shape[1]):
            x[row, i] = x[row * span + span - 1, i]
    return x[:rows]


@cached
def add(x, more):
    """Add to `x` what stands in the first columns of `more`."""
    for row in range(x.shape[0]):
        for i in range(x.shape[1]):
            x[row, i] += more[row, i]


def run_step(x, position, model, kept, scratch, out):
    """Give the logits of the token after the last of each sequence.

    Args:
        x: (B T, E), what stands for T tokens of each; it is written over.
        position: Of the first of T.
        model: Layer norms, their eps, the layers of blocks, the head.
        kept: Keys and values (N, B, H, L, D), and their scales (N, B, H, L), or empty.
        scratch: Floats: one of the width, two of the widest layer and one more a row, one a position; and room for
            activations (B T, in, padded).
        out: (B, V).
    """
    norms, eps, layers, head = model
    floats, activations = scratch
    (rows, width), sequences = x.shape, kept[0].shape[1]
    blocks, places = kept[0].shape[0], kept[0].shape[3]
    normal, rest = floats[: rows * width].reshape(rows, width), floats[rows * width :]
    scores, room, rest = rest[:places], (activations, rest[places : places + rows]), rest[places + rows :]
    first, second = rest[: rest.size // 2], rest[rest.size // 2 :]
    for block in range(blocks):
        normalize(x, norms[2 * block], eps[2 * block], normal)
        attend(linear(layers, 4 * block, normal, room, first), block, kept, position, scores, normal)
        if block == blocks - 1:
            x, normal = last_rows(x, sequences), last_rows(normal, sequences)
        add(x, linear(layers, 4 * block + 1, normal, room, second))
        normalize(x, norms[2 * block + 1], eps[2 * block + 1], normal)
        hidden = linear(layers, 4 * block + 2, normal, room, first)
        add(x, linear(layers, 4 * block + 3, hidden, room, second))
    normalize(x, norms[2 * blocks], eps[2 * blocks], normal)
    logits = linear(head, 0, normal, room, first)
    for row in range(sequences):
        for i in range(out.shape[1]):
            out[row, i] = logits[row, i]


def step(blocks: str, head: str, memory: str) -> Any:
    """Give `run_step` for the kinds of blocks, of a head and of a cache.

    Args:
        blocks: `floats16` or `floats8` for layers of floats, by the width of vectors; for layers of bytes the kind of
            their activations.
        head: The same.
        memory: `float32` or `int8`.
    """
    vector, matrix = types.float32[::1], types.float32[:, ::1]
    model = types.Tuple((types.float32[:, :, ::1], vector, _layers(blocks), _layers(head)))
    scales = types.float32[:, :, :, ::1]
    part = getattr(types, memory)[:, :, :, :, ::1]
    activations = getattr(types, next((kind for kind in (blocks, head) if kind not in CHAINS), "uint8"))[:, ::1]
    kept, scratch = types.Tuple((part, part, scales, scales)), types.Tuple((vector, activations))
    return specialized(cached(run_step), (matrix, types.int64, model, kept, scratch, matrix))


def _layers(kind: str) -> Any:
    if kind in CHAINS:
        return types.Tuple((types.float32[::1], CHAINS[kind][:, ::1]))
    return types.Tuple((types.int64[:, ::1], types.float32[::1]))
