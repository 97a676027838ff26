"""Ops that make one number of many, over any axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinytorch.core.ops.op import Array, Value, op

__all__ = ["max", "mean", "min", "sum"]

Axes = int | tuple[int, ...] | None


@op("Sum")
def sum(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Value:
    """Add up the elements along `axis`, or all of them."""
    return x.sum(axis=axis, keepdims=keepdims), (lambda g: np.broadcast_to(_kept(g, x, axis), x.shape),)


@op("Mean")
def mean(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Value:
    """Average the elements along `axis`, or all of them."""
    value = x.mean(axis=axis, keepdims=keepdims)
    share = value.size / (x.size or 1)
    return value, (lambda g: np.broadcast_to(_kept(g, x, axis) * share, x.shape),)


@op("Max")
def max(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Value:
    """Take the largest element along `axis`, or of all; tied elements share the gradient evenly."""
    value = x.max(axis=axis, keepdims=keepdims)
    return value, (_extreme(x, value, axis),)


@op("Min")
def min(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Value:
    """Take the smallest element along `axis`, or of all; tied elements share the gradient evenly."""
    value = x.min(axis=axis, keepdims=keepdims)
    return value, (_extreme(x, value, axis),)


def _extreme(x: Array, value: Array, axis: Axes) -> Callable[[Array], Array]:
    def rule(g: Array) -> Array:
        hit = x == _kept(np.asarray(value), x, axis)
        return hit * (_kept(g, x, axis) / hit.sum(axis=axis, keepdims=True, dtype=x.dtype))

    return rule


def _kept(reduced: Array, x: Array, axis: Axes) -> Array:
    """Put the reduced axes back, with length 1."""
    if axis is None:
        return reduced.reshape((1,) * x.ndim)
    gone = {a % (x.ndim or 1) for a in (axis if isinstance(axis, tuple) else (axis,))}
    return reduced.reshape([1 if a in gone else size for a, size in enumerate(x.shape)])
