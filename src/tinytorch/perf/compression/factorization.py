"""A product of two thin matrices in place of a large one, and two thin convolutions in place of a wide one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.spatial import Conv2d
from tinytorch.errors import DTypeError, RangeError, ShapeError, explain
from tinytorch.perf.replacement import layers_by_path, replace_layers
from tinytorch.perf.techniques import Technique

__all__ = ["FACTORIZE", "factorize", "low_rank_approximate"]

Array = NDArray[Any]
Model = TypeVar("Model")


def low_rank_approximate(W: Array, rank_ratio: float = 0.5) -> tuple[Array, Array, Array]:
    """Give the best approximation of a matrix by one of lower rank: `(U * S) @ V`.

    Args:
        W: (m, n).
        rank_ratio: The rank in parts of `min(m, n)`, in (0, 1]; it is rounded down, and at least 1.

    Returns:
        U (m, r), S (r,) and V (r, n).

    Raises:
        ShapeError: If `W` is no matrix with an element.
        RangeError: If `rank_ratio` is out of range, or an element is not finite.

    Example:
        >>> U, S, V = low_rank_approximate(np.ones((4, 2)), rank_ratio=0.5)
        >>> ((U * S) @ V).round(3).tolist()
        [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]

    Source:
        C. Eckart, G. Young (1936), The approximation of one matrix by another of lower rank.
    """
    W = np.asarray(W)
    if W.ndim != 2 or W.size == 0:
        raise ShapeError(explain("W", "a matrix with an element", f"the shape {W.shape}"))
    if not 0 < rank_ratio <= 1:
        raise RangeError(explain("rank_ratio", "a ratio in (0, 1]", rank_ratio))
    if not np.isfinite(W).all():
        raise RangeError(explain("an element of W", "finite", float(W[~np.isfinite(W)][0])))
    rank = _rank(W.shape, rank_ratio)
    U, S, V = np.linalg.svd(W, full_matrices=False)
    return U[:, :rank].copy(), S[:rank].copy(), V[:rank].copy()


def _rank(shape: tuple[int, ...], rank_ratio: float) -> int:
    return max(1, int(rank_ratio * min(shape)))


def factorize(model: Model, rank_ratio: float = 0.25) -> Model:
    """Build a copy of a model in which two thin layers stand for each one that becomes smaller by that.

    For a linear layer these are two linear layers. For a convolution they are one of as large kernels to as many
    channels as the rank, and one of 1 x 1 from these: the best of their rank for the kernels as rows of a matrix.

    Args:
        model: A model that holds linear layers or convolutions, wherever they stand in it. It is left alone.
        rank_ratio: The rank in parts of the smaller side, in (0, 1]; the sides of a convolution are its kernels, and
            the numbers of one.

    Raises:
        DTypeError: If no layer inside it becomes smaller.
        RangeError: If `rank_ratio` is out of range, or a weight is not finite.

    Example:
        >>> factorize(Sequential(Linear(16, 16), Linear(16, 1)), rank_ratio=0.25)
        Sequential(Sequential(Linear(16, 4, bias=False), Linear(4, 16)), Linear(16, 1))
        >>> factorize(Sequential(Conv2d(8, 16, 3, padding=1)), rank_ratio=0.25)[0][1]
        Conv2d(4, 16, 1, stride=1, padding=0)

    Source:
        E. Denton, W. Zaremba, J. Bruna, Y. LeCun, R. Fergus (2014), Exploiting Linear Structure Within Convolutional
        Networks for Efficient Evaluation; X. Zhang, J. Zou, K. He, J. Sun (2015), Accelerating Very Deep Convolutional
        Networks for Classification and Detection, on kernels of the same size followed by those of 1 x 1.
    """
    smaller, made = replace_layers(deepcopy(model), lambda layer: _thin(layer, rank_ratio))
    if not made:
        rule = f"one that holds a Linear or Conv2d layer which the rank ratio {rank_ratio} makes smaller"
        raise DTypeError(explain("the model", rule, type(model).__name__, remedy="Lower rank_ratio."))
    return smaller


def factorize_inside(model: Any, rank_ratio: float) -> int:
    """Replace layers inside a model, in place, and count the thin pairs put in."""
    return len(replace_layers(model, lambda layer: None if layer is model else _thin(layer, rank_ratio))[1])


def _thin(layer: Any, rank_ratio: float) -> Sequential | None:
    if not isinstance(layer, Linear | Conv2d):
        return None
    U, S, V = low_rank_approximate(_matrix(layer), rank_ratio)
    if U.size + V.size >= layer.weight.data.size:
        return None
    root = np.sqrt(S)  # to both sides alike, which keeps fine-tuning in balance
    first, second = deepcopy(layer), deepcopy(layer)  # no weights are drawn, and the kind of number is kept
    first.bias = None
    (_set_thin if isinstance(layer, Linear) else _set_narrow)(first, second, U * root, root[:, None] * V)
    first.zero_grad()
    second.zero_grad()
    return Sequential(first, second)


def _matrix(layer: Linear | Conv2d) -> Array:
    """Give the weights as a matrix: (in, out), or (numbers of a kernel, kernels)."""
    weight = layer.weight.data
    return weight if isinstance(layer, Linear) else weight.reshape(len(weight), -1).T


def _set_thin(first: Any, second: Any, left: Array, right: Array) -> None:
    first.weight.data, second.weight.data = left, right
    first.out_features, second.in_features = right.shape[0], right.shape[0]


def _set_narrow(first: Any, second: Any, left: Array, right: Array) -> None:
    _, *kernel = first.weight.shape
    first.weight.data = np.ascontiguousarray(left.T).reshape(-1, *kernel)  # (rank, in, height, width)
    second.weight.data = np.ascontiguousarray(right.T)[:, :, None, None]  # (out, rank, 1, 1)
    first.out_channels, second.in_channels = right.shape[0], right.shape[0]
    second.kernel_size, second.stride, second.padding = (1, 1), 1, 0


@dataclass(frozen=True)
class _Pair:
    """Two layers in the place of one: (rows, rank), then (rank, columns)."""

    rows: int
    rank: int
    columns: int

    def problems(self, rank_ratio: float | None) -> Iterator[str]:
        if self.rank * (self.rows + self.columns) >= self.rows * self.columns:
            yield explain("a pair of thin layers", f"smaller than one of ({self.rows}, {self.columns})", self)
        if rank_ratio is not None and self.rank > (most := _rank((self.rows, self.columns), rank_ratio)):
            yield explain("a rank", f"at most {most}, {rank_ratio} of the smaller side", self.rank)


def _check(model: Any, original: Any = None, *, rank_ratio: float | None = None) -> list[str]:
    layers = layers_by_path(model)
    pairs = {path: pair for path, layer in layers.items() if (pair := _pair(layer)) is not None}
    problems = [f"{problem} — at {path}" for path, pair in pairs.items() for problem in pair.problems(rank_ratio)]
    if not pairs:
        problems.append(explain("the model", "one that holds a pair of thin layers", type(model).__name__))
    if rank_ratio is not None:
        problems += _left_over(layers, rank_ratio)
    if original is not None:
        problems += _misplaced(pairs, layers_by_path(original))
    return problems


def _pair(layer: Any) -> _Pair | None:
    """Recognize two layers with nothing between and a waist, whatever kind of weights they have by now."""
    if not isinstance(layer, Sequential) or len(layer) != 2:
        return None
    first, second = (_sides(inner) for inner in layer)
    if not first or not second or first[1] != second[0] or first[1] >= min(first[0], second[1]):
        return None
    if not all(hasattr(inner, "in_features") for inner in layer) and not _mixes_channels(layer[1]):
        return None
    return _Pair(*first, second[1])


def _mixes_channels(layer: Any) -> bool:
    """Say whether a layer is a convolution that sees one place at a time, and all places."""
    return getattr(layer, "kernel_size", None) == (1, 1) and (layer.stride, layer.padding) == (1, 0)


def _sides(layer: Any) -> tuple[int, int] | None:
    """Give the sides of a layer's matrix of weights, as `_matrix` has it."""
    if hasattr(layer, "in_channels") and hasattr(layer, "kernel_size"):
        return int(layer.in_channels * math.prod(layer.kernel_size)), int(layer.out_channels)
    rows, columns = getattr(layer, "in_features", None), getattr(layer, "out_features", None)
    return None if rows is None or columns is None else (int(rows), int(columns))


def _left_over(layers: dict[str, Any], rank_ratio: float) -> Iterator[str]:
    """Find layers that a pair of this rank would be smaller than; those in pairs are done."""
    inside = {id(part) for layer in layers.values() if _pair(layer) is not None for part in layer}
    for path, layer in layers.items():
        if isinstance(layer, Linear | Conv2d) and id(layer) not in inside:
            rows, columns = _matrix(layer).shape
            rank = _rank((rows, columns), rank_ratio)
            if rank * (rows + columns) < rows * columns:
                yield explain("a layer that a pair would be smaller than", "one", repr(layer), at=path)


def _misplaced(pairs: dict[str, _Pair], before: dict[str, Any]) -> Iterator[str]:
    """Find pairs that stand where the original has no single layer of their sides."""
    for path, pair in pairs.items():
        sides = _sides(before.get(path))
        if sides != (pair.rows, pair.columns):
            yield explain("a pair", f"in the place of one layer of ({pair.rows}, {pair.columns})", sides, at=path)


FACTORIZE = Technique(
    "factorize.low_rank.v1",
    factorize,
    "Two layers of a low rank stand for each linear layer and each convolution that they are smaller than.",
    _check,
)
