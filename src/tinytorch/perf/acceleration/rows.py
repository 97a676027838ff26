"""The twins of what is done row by row: softmax, its logarithm, cross-entropy and layer norm.

A row is read once, and everything is done to it while it lies in the nearest cache.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tinytorch.core.ops import OPS
from tinytorch.core.ops.losses import require_classes
from tinytorch.core.ops.op import Array, Value, together
from tinytorch.perf.acceleration.arrays import is_plain, plain
from tinytorch.perf.kernels.crew import share
from tinytorch.perf.kernels.threads import thread_count

__all__ = ["cross_entropy", "layer_norm", "log_softmax", "softmax"]

FEWEST = 512  # elements; with fewer, the kernel's call costs what NumPy's calls do
SHARED = 16_384  # elements from which on a second thread pays
APART = 32  # floats between what threads write, so that no cache line is wanted by two


def softmax(x: Array, *, dim: int = -1) -> Value:
    """Do what the op `softmax` does: float32, contiguous, along the last axis, of 512 elements or more."""
    return _along_rows("softmax", x, dim)


def log_softmax(x: Array, *, dim: int = -1) -> Value:
    """Do what the op `log_softmax` does: float32, contiguous, along the last axis, of 512 elements or more."""
    return _along_rows("log_softmax", x, dim)


def cross_entropy(logits: Array, targets: Array) -> Value:
    """Do what the op `cross_entropy` does: float32 logits, contiguous, 512 of them or more.

    The loss is added up in double precision. The exponentials are computed again in backprop, which is cheaper than
    keeping them.
    """
    if not _is_served(logits):
        return OPS["cross_entropy"].run(logits, targets)
    rows, classes = require_classes(logits, targets)
    kept = np.array(classes), np.empty(len(rows), np.float32), np.empty(len(rows), np.float32)
    losses = np.zeros((thread_count(), 1))
    _share("cross_entropy_there", rows, *kept, losses)
    return np.float32(losses.sum() / len(rows)), (lambda g: _slope_of_loss(g, rows, kept, logits.shape), None)


def _slope_of_loss(g: Array, rows: Array, kept: tuple[Array, ...], shape: tuple[int, ...]) -> Array:
    out, scale = np.empty(shape, np.float32), np.float32(g.item() / len(rows))
    _share("cross_entropy_back", rows, *kept, scale, out.reshape(rows.shape))
    return out


def layer_norm(x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5) -> Value:
    """Do what the op `layer_norm` does: float32, contiguous, of 512 elements or more."""
    fits = gamma.shape == beta.shape == x.shape[-1:] and gamma.dtype == beta.dtype == np.float32
    if not (fits and _is_served(x)):
        return OPS["layer_norm"].run(x, gamma, beta, eps=eps)
    value, rows = np.empty_like(x), _as_rows(x)
    gamma, moments = plain(gamma), np.empty((len(rows), 2), np.float32)
    _share("layer_norm_there", rows, gamma, plain(beta), np.float32(eps), moments, _as_rows(value))
    return value, together(lambda g: _slopes_of_norm(g, x, gamma, moments), 3)


def _slopes_of_norm(g: Array, x: Array, gamma: Array, moments: Array) -> tuple[Array, Array, Array]:
    """Give the gradients of the rows, of gamma and of beta; each thread adds up its own rows' share of these two."""
    dx, shares = np.empty_like(x), np.zeros((2, thread_count(), len(gamma) + APART), np.float32)
    _share("layer_norm_back", _as_rows(x), _as_rows(plain(g)), gamma, moments, _as_rows(dx), *shares)
    dgamma, dbeta = shares[:, :, : len(gamma)].sum(axis=1)
    return dx, dgamma, dbeta


def _along_rows(name: str, x: Array, dim: int) -> Value:
    if dim not in {-1, x.ndim - 1} or not _is_served(x):
        return OPS[name].run(x, dim=dim)
    value = np.empty_like(x)
    _share(f"{name}_there", _as_rows(x), _as_rows(value))
    return value, (lambda g: _slope(f"{name}_back", value, g),)


def _slope(name: str, value: Array, g: Array) -> Array:
    out = np.empty_like(value)
    _share(name, *map(_as_rows, (value, plain(g), out)))
    return out


def _is_served(x: Array) -> bool:
    return x.size >= FEWEST and x.ndim > 0 and is_plain(x)


def _as_rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


def _share(name: str, rows: Array, *rest: Any) -> None:
    """Let each thread do a part of the rows."""
    share(_compiled(name), len(rows), rows, *rest, alone=rows.size < SHARED)


@cache
def _compiled(name: str) -> Callable[..., Any]:
    from tinytorch.perf.kernels import compiled_rows

    return compiled_rows.kernel(name)
