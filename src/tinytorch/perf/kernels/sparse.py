"""Matrices of which most numbers are 0: those that are not, and a byte for the place of each.

The columns of a weight (in, out) follow each other. Each entry says by a byte how many places it lies below the one
before it, the first of a column how many below the top; where that is more than 255, entries of 0 are put between.

Source:
    S. Han, H. Mao, W. Dally (2016), Deep Compression, section 2, on places told by their distance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.ops import OPS
from tinytorch.errors import RangeError, explain
from tinytorch.perf.kernels import forms
from tinytorch.perf.kernels.dense import CURVES, aligned

__all__ = [
    "FARTHEST",
    "Entries",
    "compress",
    "expand",
    "multiply",
    "multiply_by_numpy",
    "require_lawful",
    "scratch",
    "sparse_kernel",
]

Floats = NDArray[np.float32]

FARTHEST = 255
BLOCK = 64  # rows whose numbers of one place lie side by side
SMALLEST_BLOCK = 8  # rows from which on they are computed side by side
COLUMNS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Entries:
    """A sparse matrix (in, out).

    Attributes:
        values: (K,), float32 or int8.
        gaps: (K,), uint8: the distance of each from the one before it in its column, or from the top.
        starts: (out + 1,), int32: where each column begins, and the last ends.
        scales: (out,), what one step of each column's int8 stands for; (0,) beside float32.
    """

    values: NDArray[Any]
    gaps: NDArray[np.uint8]
    starts: NDArray[np.int32]
    scales: Floats

    @property
    def arrays(self) -> tuple[NDArray[Any], NDArray[np.uint8], NDArray[np.int32], Floats]:
        """What the compiled function takes, in its order."""
        return self.values, self.gaps, self.starts, self.scales

    @property
    def nbytes(self) -> int:
        """Bytes in memory, and as stored."""
        return sum(array.nbytes for array in self.arrays)


def compress(weight: NDArray[Any], scales: Floats | None = None) -> Entries:
    """Leave the zeros of a matrix out.

    Args:
        weight: (in, out), float32; or int8, with `scales`.
        scales: (out,).

    Example:
        >>> found = compress(np.float32([[0, 5], [7, 0], [0, 6]]))
        >>> found.values.tolist(), found.gaps.tolist(), found.starts.tolist()
        ([7.0, 5.0, 6.0], [1, 0, 2], [0, 1, 3])
    """
    columns, places = np.nonzero(weight.T)
    first = np.concatenate([[True], columns[1:] != columns[:-1]])[: len(columns)]
    distances = np.where(first, places, places - np.concatenate([[0], places[:-1]])[: len(places)])
    between = np.maximum(distances - 1, 0) // FARTHEST
    ends = np.cumsum(between + 1) - 1
    count = int(ends[-1]) + 1 if len(ends) else 0
    gaps, values = np.full(count, FARTHEST, np.uint8), np.zeros(count, weight.dtype)
    gaps[ends] = distances - FARTHEST * between
    values[ends] = weight.T[columns, places]
    lengths = np.bincount(columns, between + 1, weight.shape[1])
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return Entries(values, gaps, starts, np.empty(0, np.float32) if scales is None else scales)


def places_of(entries: Entries) -> NDArray[np.int64]:
    """Give the place of each entry in its column, (K,)."""
    total = np.concatenate([[0], np.cumsum(entries.gaps, dtype=np.int64)])
    return total[1:] - np.repeat(total[entries.starts[:-1]], np.diff(entries.starts))


def expand(entries: Entries, inputs: int) -> Floats:
    """Give the matrix with its zeros, (in, out), as float32."""
    matrix = np.zeros((inputs, len(entries.starts) - 1), np.float32)
    columns = np.repeat(np.arange(matrix.shape[1]), np.diff(entries.starts))
    there = entries.values != 0  # what is between may share a place with nothing else, but need not write
    matrix[places_of(entries)[there], columns[there]] = entries.values[there]
    return matrix * entries.scales if len(entries.scales) else matrix


def require_lawful(entries: Entries, inputs: int) -> None:
    """Refuse entries that lie outside the matrix, where kernels do not look, or two in one place.

    Raises:
        RangeError: If there are such.
    """
    starts, count = entries.starts, len(entries.values)
    if starts[0] != 0 or starts[-1] != count or (np.diff(starts) < 0).any() or len(entries.gaps) != count:
        raise RangeError(explain("the starts of columns", f"in order, from 0 to {count}", starts.tolist()))
    if count and (last := int(places_of(entries).max())) >= inputs:
        raise RangeError(explain("the place of an entry", f"below {inputs}", last))
    again = (entries.gaps == 0) & (entries.values != 0)
    again[starts[:-1][starts[:-1] < count]] = False  # the first of a column may lie at the top
    if again.any():
        raise RangeError(explain("the places of a column's entries", "each below the one before", "two in one place"))


def multiply(x: Floats, entries: Entries, bias: Floats, out: Floats, curve: str = "none") -> None:
    """Compute `x @ matrix + bias`, and the activation that follows.

    Args:
        x: (rows, in), contiguous.
        entries: The matrix (in, out).
        bias: (out,).
        out: (rows, out), contiguous; the result goes here.
        curve: The activation: `none`, `relu`, `sigmoid`, `tanh` or `gelu`.
    """
    if forms.form() == "numpy":
        multiply_by_numpy(x, entries, bias, out, curve)
        return
    memory = scratch(len(x), x.shape[1])
    sparse_kernel(entries.values.dtype.name)(x, entries.arrays, bias, memory, CURVES[curve], out)


def scratch(rows: int, inputs: int) -> Floats:
    """Make the memory that one call at a time needs, for that many rows."""
    return aligned((inputs if rows >= SMALLEST_BLOCK else 0, BLOCK), np.float32)


def multiply_by_numpy(x: Floats, entries: Entries, bias: Floats, out: Floats, curve: str = "none") -> None:
    """Say what `multiply` computes: some columns with their zeros at a time."""
    for begin in range(0, len(bias), COLUMNS_AT_ONCE):
        part = slice(begin, begin + COLUMNS_AT_ONCE)
        starts = entries.starts[begin : begin + COLUMNS_AT_ONCE + 1]
        inside = slice(starts[0], starts[-1])
        some = Entries(entries.values[inside], entries.gaps[inside], starts - starts[0], entries.scales[part])
        out[:, part] = x @ expand(some, x.shape[1]) + bias[part]
    if curve != "none":
        out[...] = OPS[curve].run(out)[0]


@cache
def sparse_kernel(kind: str) -> Callable[..., None]:
    """Compile the kernel for values of one kind, or load it from disk.

    Returns:
        A function of `(x, arrays, bias, scratch, curve, out)`.
    """
    from tinytorch.perf.kernels import compiled_sparse

    kernel: Callable[..., None] = compiled_sparse.product(kind)
    return kernel
