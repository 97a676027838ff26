"""Linear layers in single precision, one after the other, each with its activation: weights packed once.

The twin `chain_by_numpy` says what is computed; `Chain.run` is the compiled form of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.ops import OPS
from tinytorch.perf.kernels import forms

__all__ = ["CURVES", "Chain", "Dense", "aligned", "chain_by_numpy", "pack_chain", "panels", "unpanel"]

Floats = NDArray[np.float32]

CURVES = {"none": 0, "relu": 1, "sigmoid": 2, "tanh": 3, "gelu": 4}
ROWS_AT_ONCE = 96
ROW_BYTES = 64  # arrays start at a multiple of this, a cache line


@dataclass(frozen=True, eq=False)
class Dense:
    """One linear layer with what follows it.

    Attributes:
        weight: (in, out).
        bias: (out,), or None.
        curve: `none`, `relu`, `sigmoid`, `tanh` or `gelu`.
    """

    weight: Floats
    bias: Floats | None = None
    curve: str = "none"


@dataclass(frozen=True, eq=False)
class Chain:
    """Layers packed for the compiled kernel.

    Attributes:
        weights: All weights and biases, in the order in which they are read.
        layout: One row a layer: inputs, vectors of outputs, bytes up to its weights, bytes up to its biases, curve. Its
            kind says the width of vectors: int64 for 16 floats, int32 for 8.
        width: Floats in a row of the widest layer, padded.
    """

    weights: Floats
    layout: NDArray[Any]
    width: int

    def scratch(self, rows: int) -> Floats:
        """Make the memory that one call at a time needs."""
        return np.empty((2, min(rows, ROWS_AT_ONCE) * self.width), np.float32)

    def kernel(self) -> Callable[..., None]:
        """Give the compiled function of `(x, weights, layout, scratch, out)`, x and out of two axes and contiguous."""
        return _compiled(self.layout.dtype.itemsize)


def chain_by_numpy(x: Floats, layers: Sequence[Dense]) -> Floats:
    """Compute what a chain computes."""
    for layer in layers:
        x = x @ layer.weight
        x = x if layer.bias is None else x + layer.bias
        x = x if layer.curve == "none" else OPS[layer.curve].run(x)[0]
    return x


def pack_chain(layers: Sequence[Dense]) -> Chain:
    """Put the weights of all layers into one array, panel after panel, each layer's padded biases behind them."""
    lanes = forms.lanes()
    parts: list[Floats] = []
    rows, used = [], 0
    for layer in layers:
        count, outputs = layer.weight.shape
        vectors = -(-outputs // lanes)
        biases = np.zeros(vectors * lanes, np.float32)
        biases[:outputs] = 0 if layer.bias is None else layer.bias
        weights = panels(layer.weight, lanes)
        rows.append((count, vectors, 4 * used, 4 * (used + weights.size), CURVES[layer.curve]))
        parts += [weights, biases]
        used += weights.size + biases.size
    packed = aligned((used,), np.float32)
    packed[:] = np.concatenate(parts)
    layout = np.array(rows, np.int64 if lanes == 16 else np.int32)
    return Chain(packed, layout, int(layout[:, 1].max()) * lanes)


def panels(weight: NDArray[Any], lanes: int, group: int = 1) -> NDArray[Any]:
    """Lay out a matrix so that a tile reads it from the first element to the last.

    A panel is as many columns as a tile is wide: four vectors (two of short ones) while they last, then two, then one.
    In it, `group` rows of a column stand side by side. Columns and rows are padded with zeros.

    Args:
        weight: (in, out).
        lanes: Sums in a vector.
        group: Rows that one lane multiplies at once.

    Returns:
        (elements, padded,).

    Example:
        >>> panels(np.arange(6).reshape(2, 3), lanes=2).tolist()
        [0, 1, 2, 0, 3, 4, 5, 0]
    """
    rows, columns = weight.shape
    vectors, groups = -(-columns // lanes), -(-rows // group)
    padded = np.zeros((groups * group, vectors * lanes), weight.dtype)
    padded[:rows, :columns] = weight
    parts, done = [], 0
    for width in _widths(vectors, widest=4 if lanes == 16 else 2):
        panel = padded[:, done * lanes : (done + width) * lanes]
        parts.append(panel.reshape(groups, group, width * lanes).transpose(0, 2, 1).ravel())
        done += width
    return np.concatenate(parts)


def unpanel(packed: NDArray[Any], shape: tuple[int, int], lanes: int, group: int = 1) -> NDArray[Any]:
    """Undo `panels`.

    Example:
        >>> unpanel(np.array([0, 1, 2, 0, 3, 4, 5, 0]), (2, 3), lanes=2).tolist()
        [[0, 1, 2], [3, 4, 5]]
    """
    rows, columns = shape
    vectors, groups = -(-columns // lanes), -(-rows // group)
    parts, done = [], 0
    for width in _widths(vectors, widest=4 if lanes == 16 else 2):
        size = groups * group * width * lanes
        panel = packed[done : done + size].reshape(groups, width * lanes, group)
        parts.append(panel.transpose(0, 2, 1).reshape(groups * group, width * lanes))
        done += size
    return np.ascontiguousarray(np.concatenate(parts, axis=1)[:rows, :columns])


def _widths(vectors: int, widest: int) -> list[int]:
    found = [widest] * (vectors // widest)
    left = vectors % widest
    return found + [size for size in (2, 1) if left & size]


def aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Make an array that starts at a cache line; its contents are whatever was there."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    raw = np.empty(size + ROW_BYTES, np.uint8)
    start = -raw.ctypes.data % ROW_BYTES
    return raw[start : start + size].view(kind).reshape(shape)


@cache
def _compiled(index_bytes: int) -> Callable[..., None]:
    """Compile the kernel for one width of vectors, or load it from disk."""
    from tinytorch.perf.kernels import compiled

    return compiled.chain(index_bytes)
