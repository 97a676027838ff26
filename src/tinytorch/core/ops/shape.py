"""Ops that move elements and change none."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from tinytorch.core.ops.op import Array, Rule, Value, op

__all__ = ["broadcast_to", "concatenate", "permute", "reshape", "slice", "stack", "transpose"]


@op("Reshape")
def reshape(x: Array, *, shape: tuple[int, ...]) -> Value:
    """Give the elements, in order, another shape; one size may be -1."""
    return x.reshape(shape), (lambda g: g.reshape(x.shape),)


@op("Transpose")
def transpose(x: Array, *, dim0: int = -2, dim1: int = -1) -> Value:
    """Exchange two axes."""
    return x.swapaxes(dim0, dim1), (lambda g: g.swapaxes(dim0, dim1),)


@op("Permute")
def permute(x: Array, *, axes: tuple[int, ...]) -> Value:
    """Put the axes in another order."""
    return x.transpose(axes), (lambda g: g.transpose(np.argsort([axis % x.ndim for axis in axes])),)


@op("BroadcastTo")
def broadcast_to(x: Array, *, shape: tuple[int, ...]) -> Value:
    """Repeat along axes of length 1 and new leading axes; the gradient is summed back."""
    return np.broadcast_to(x, shape), (lambda g: g,)


@op("Slice")
def slice(x: Array, *, key: Any) -> Value:
    """Take `x[key]`, for every key NumPy knows; an element taken twice gets both gradients."""

    def rule(g: Array) -> Array:
        spread = np.zeros(x.shape, g.dtype)
        if is_basic(key):
            spread[key] = g
        else:
            np.add.at(spread, key, g)
        return spread

    return x[key], (rule,)


def is_basic(key: Any) -> bool:
    """Say whether a key can name no element twice, and so makes a view."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(
        part is None or part is Ellipsis or isinstance(part, int | np.integer | builtins.slice) for part in parts
    )


@op("Concatenate")
def concatenate(*arrays: Array, axis: int = 0) -> Value:
    """Join along an axis there is."""
    value = np.concatenate(arrays, axis=axis)
    ends = np.cumsum([array.shape[axis] for array in arrays])
    return value, tuple(
        _part(int(end) - array.shape[axis], int(end), axis) for array, end in zip(arrays, ends, strict=True)
    )


def _part(start: int, end: int, axis: int) -> Rule:
    return lambda g: g.swapaxes(0, axis)[start:end].swapaxes(0, axis)


@op("Stack")
def stack(*arrays: Array, axis: int = 0) -> Value:
    """Join along a new axis."""
    return np.stack(arrays, axis=axis), tuple(_member(index, axis) for index in range(len(arrays)))


def _member(index: int, axis: int) -> Rule:
    return lambda g: np.moveaxis(g, axis, 0)[index, ...]
