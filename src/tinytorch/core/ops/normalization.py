"""Normalizing along an axis, with the whole gradient: mean and variance depend on the input too."""

from __future__ import annotations

import math

import numpy as np

from tinytorch.core.ops.op import Array, Value, op
from tinytorch.errors import ShapeError, explain

__all__ = ["layer_norm"]


@op("LayerNorm")
def layer_norm(x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5) -> Value:
    """`gamma * (x - mean) / sqrt(variance + eps) + beta` along the last axis; the variance is the biased one.

    Args:
        x: (..., D).
        gamma: (D,).
        beta: (D,).
        eps: Keeps a constant row from dividing by 0.

    Source:
        J. L. Ba, J. R. Kiros, G. E. Hinton (2016), Layer Normalization.
    """
    size = _require_matching_rows(x, gamma, beta)
    normal = x - x.mean(axis=-1, keepdims=True)  # (..., D)
    scale = 1 / np.sqrt(_dots(normal, normal) / size + x.dtype.type(eps))  # (..., 1)
    normal *= scale
    value = normal * gamma
    value += beta

    def slope(g: Array) -> Array:
        weighted = g * gamma
        pull = _dots(weighted, normal) / size
        weighted -= weighted.mean(axis=-1, keepdims=True)
        weighted -= normal * pull
        weighted *= scale
        return weighted

    return value, (slope, lambda g: np.einsum("nd,nd->d", _rows(g), _rows(normal)), lambda g: _rows(g).sum(axis=0))


def _require_matching_rows(x: Array, gamma: Array, beta: Array) -> int:
    size = x.shape[-1] if x.ndim else 0
    if size == 0 or not gamma.shape == beta.shape == (size,):
        got = f"{x.shape} beside {gamma.shape} and {beta.shape}"
        raise ShapeError(explain("the input of layer_norm", "(..., D) beside (D,) and (D,), D above 0", got))
    return size


def _dots(a: Array, b: Array) -> Array:
    """Multiply row by row and add up, without the memory of the products: (..., 1)."""
    return np.asarray(np.einsum("...d,...d->...", a, b))[..., None]


def _rows(x: Array) -> Array:
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
