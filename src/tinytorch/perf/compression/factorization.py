"""A product of two thin matrices in place of a large one."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.layers import Layer, Linear, Sequential, layers_of
from tinytorch.errors import DTypeError, RangeError, ShapeError, explain

__all__ = ["FACTORIZE", "factorize", "low_rank_approximate"]

FACTORIZE = "factorize.low_rank.v1"

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
    rank = max(1, int(rank_ratio * min(W.shape)))
    U, S, V = np.linalg.svd(W, full_matrices=False)
    return U[:, :rank].copy(), S[:rank].copy(), V[:rank].copy()


def factorize(model: Model, rank_ratio: float = 0.25) -> Model:
    """Build a copy of a model in which two thin linear layers stand for each one that becomes smaller by that.

    Args:
        model: A model that holds linear layers, wherever they stand in it. It is left alone.
        rank_ratio: The rank in parts of the smaller side, in (0, 1].

    Raises:
        DTypeError: If no layer inside it becomes smaller.
        RangeError: If `rank_ratio` is out of range, or a weight is not finite.

    Example:
        >>> factorize(Sequential(Linear(16, 16), Linear(16, 1)), rank_ratio=0.25)
        Sequential(Sequential(Linear(16, 4, bias=False), Linear(4, 16)), Linear(16, 1))
    """
    copy = deepcopy(model)
    if not factorize_inside(copy, rank_ratio):
        rule = f"one that holds a Linear layer which the rank ratio {rank_ratio} makes smaller"
        raise DTypeError(explain("the model", rule, type(model).__name__, remedy="Lower rank_ratio."))
    return copy


def factorize_inside(model: Any, rank_ratio: float) -> int:
    """Replace layers in place, and count those that were; a layer that stands in two places is replaced in both."""
    made = {id(layer): _thin(layer, rank_ratio) for layer in layers_of(model) if isinstance(layer, Linear)}
    smaller = {key: thin for key, thin in made.items() if thin is not None}
    for holder in {id(each): each for each in (model, *layers_of(model))}.values():
        vars(holder).update({name: _replaced(value, smaller) for name, value in vars(holder).items()})
    return len(smaller)


def _replaced(value: Any, smaller: dict[int, Sequential]) -> Any:
    if isinstance(value, Layer):
        return smaller.get(id(value), value)
    if type(value) in (list, tuple):
        return type(value)(_replaced(item, smaller) for item in value)
    if type(value) is dict:
        return {key: _replaced(item, smaller) for key, item in value.items()}
    return value


def _thin(layer: Linear, rank_ratio: float) -> Sequential | None:
    U, S, V = low_rank_approximate(layer.weight.data, rank_ratio)
    if U.size + V.size >= layer.weight.data.size:
        return None
    first, second = deepcopy(layer), deepcopy(layer)  # no weights are drawn, and the kind of number is kept
    root = np.sqrt(S)  # to both sides alike, which keeps fine-tuning in balance
    first.weight.data, second.weight.data = U * root, root[:, None] * V
    first.bias, first.out_features, second.in_features = None, len(S), len(S)
    first.zero_grad()
    second.zero_grad()
    return Sequential(first, second)
