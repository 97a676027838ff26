"""Matrix products: all at once, or tile by tile."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from tinytorch.core import ops
from tinytorch.core.ops.op import RECORDERS, Array, Value, on_tensors
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, ShapeError, explain

__all__ = ["DEFAULT_TILE_SIZE", "Accelerator", "tiled_matmul", "vectorized_matmul"]

DEFAULT_TILE_SIZE = 64  # three tiles of 64 x 64 floats, 48 KiB, stay in a nearest cache of as much


def vectorized_matmul(a: Any, b: Any) -> Tensor:
    """Multiply matrices by the matrix library, which has vectors, tiles and threads of its own; differentiable.

    Args:
        a: (..., N, K).
        b: (..., K, M); the leading axes are broadcast.

    Returns:
        (..., N, M).

    Raises:
        ShapeError: If an operand is not 2D or more, or K is not the same.

    Example:
        >>> vectorized_matmul(Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]])).tolist()
        [[11.0]]
    """
    _require_matrices(a, b)
    return ops.matmul(a, b)


def tiled_matmul(a: Any, b: Any, tile_size: int = DEFAULT_TILE_SIZE) -> Tensor:
    """Multiply matrices in tiles of `tile_size` rows and columns; differentiable, by tiles again.

    Tiles keep what is multiplied in a cache, where a plain loop fetches a matrix from memory once for each row of the
    other. The matrix library does that itself, and for its own caches: `vectorized_matmul` is faster. This one is there
    to show what tiles are, and to be measured (`benchmarks/acceleration.py`).

    Args:
        a: (..., N, K).
        b: (..., K, M); the leading axes are broadcast.
        tile_size: At least 1; the last tile of an axis is what is left.

    Returns:
        (..., N, M).

    Raises:
        ShapeError: If an operand is not 2D or more, or K is not the same.
        RangeError: If the tile size is no whole number above 0.

    Example:
        >>> tiled_matmul(Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]]), tile_size=1).tolist()
        [[11.0]]

    Source:
        M. Lam, E. Rothberg, M. Wolf (1991), The Cache Performance and Optimizations of Blocked Algorithms.
    """
    if isinstance(tile_size, bool) or not isinstance(tile_size, int | np.integer) or tile_size < 1:
        raise RangeError(explain("tile_size", "a whole number above 0", tile_size))
    _require_matrices(a, b)
    if type(a) in RECORDERS or type(b) in RECORDERS:
        return ops.matmul(a, b)  # how it is cut up is no part of a graph
    return _tiled_matmul(a, b, size=int(tile_size))


class Accelerator:
    """The products by the name that some code has for them."""

    @staticmethod
    def optimized_matmul(A: Any, B: Any) -> Tensor:
        """Do what `vectorized_matmul` does."""
        return vectorized_matmul(A, B)


@on_tensors("TiledMatmul")
def _tiled_matmul(a: Array, b: Array, *, size: int) -> Value:
    return _by_tiles(a, b, size), (lambda g: _by_tiles(g, b.mT, size), lambda g: _by_tiles(a.mT, g, size))


def _by_tiles(a: Array, b: Array, size: int) -> Array:
    """Sum, for each tile of the result, the products of the tiles left of it and above it."""
    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    rows, inner, columns = a.shape[-2], a.shape[-1], b.shape[-1]
    out = np.zeros((*leading, rows, columns), np.result_type(a, b))
    for down, across in product(_tiles(rows, size), _tiles(columns, size)):
        tile = out[..., down, across]
        for along in _tiles(inner, size):
            tile += a[..., down, along] @ b[..., along, across]
    return out


def _tiles(count: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, count, size)]


def _require_matrices(a: Any, b: Any) -> None:
    left, right = np.shape(a), np.shape(b)
    if min(len(left), len(right)) < 2:
        remedy = "Reshape a vector into a matrix of one row or one column."
        raise ShapeError(explain("the operands of a matrix product", "2D+", f"{left} and {right}", remedy=remedy))
    if left[-1] != right[-2]:
        got = f"{left} @ {right}, a shape mismatch"
        remedy = f"Inner dimensions must match: {left[-1]} columns meet {right[-2]} rows."
        raise ShapeError(explain("the operands of a matrix product", "(..., N, K) @ (..., K, M)", got, remedy=remedy))
