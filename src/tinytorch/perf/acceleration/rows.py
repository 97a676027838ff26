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
from tinytorch.perf.kernels.threads import in_parts, thread_count

__all__ = ["cross_entropy", "layer_norm", "log_softmax", "softmax"]

FEWEST = 512  # elements; with fewer, the kernel's call costs what NumPy's calls do
SHARED = 65_536  # elements from which on a second thread pays


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
    sums, there = np.zeros(len(rows)), _compiled("cross_entropy_there")

    def work(part: int, start: int, stop: int) -> None:
        sums[part] = there(rows[start:stop], *(x[start:stop] for x in kept))

    parts = _in_rows(work, rows)
    return np.float32(sums[:parts].sum() / len(rows)), (lambda g: _slope_of_loss(g, rows, kept, logits.shape), None)


def _slope_of_loss(g: Array, rows: Array, kept: tuple[Array, ...], shape: tuple[int, ...]) -> Array:
    out, back, scale = np.empty(shape, np.float32), _compiled("cross_entropy_back"), np.float32(g.item() / len(rows))
    to = out.reshape(rows.shape)

    def work(_: int, start: int, stop: int) -> None:
        back(rows[start:stop], *(x[start:stop] for x in kept), scale, to[start:stop])

    _in_rows(work, rows)
    return out


def layer_norm(x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5) -> Value:
    """Do what the op `layer_norm` does: float32, contiguous, of 512 elements or more."""
    fits = gamma.shape == beta.shape == x.shape[-1:] and gamma.dtype == beta.dtype == np.float32
    if not (fits and _is_served(x)):
        return OPS["layer_norm"].run(x, gamma, beta, eps=eps)
    value, rows = np.empty_like(x), _as_rows(x)
    to, moments, small = _as_rows(value), np.empty((len(rows), 2), np.float32), np.float32(eps)
    gamma, beta, there = plain(gamma), plain(beta), _compiled("layer_norm_there")

    def work(_: int, start: int, stop: int) -> None:
        there(rows[start:stop], gamma, beta, small, moments[start:stop], to[start:stop])

    _in_rows(work, rows)
    return value, together(lambda g: _slopes_of_norm(g, x, gamma, moments), 3)


def _slopes_of_norm(g: Array, x: Array, gamma: Array, moments: Array) -> tuple[Array, Array, Array]:
    """Give the gradients of the rows, of gamma and of beta; each thread adds up its own rows' share of these two."""
    dx, rows, slopes = np.empty_like(x), _as_rows(x), _as_rows(plain(g))
    to, back = _as_rows(dx), _compiled("layer_norm_back")
    shares = np.zeros((2, thread_count(), len(gamma)), np.float32)

    def work(part: int, start: int, stop: int) -> None:
        rest = slice(start, stop)
        back(rows[rest], slopes[rest], gamma, moments[rest], to[rest], shares[0, part], shares[1, part])

    _in_rows(work, rows)
    dgamma, dbeta = shares.sum(axis=1)
    return dx, dgamma, dbeta


def _along_rows(name: str, x: Array, dim: int) -> Value:
    if dim not in {-1, x.ndim - 1} or not _is_served(x):
        return OPS[name].run(x, dim=dim)
    value = np.empty_like(x)
    _share(f"{name}_there", x, value)
    return value, (lambda g: _slope(f"{name}_back", value, g),)


def _slope(name: str, value: Array, g: Array) -> Array:
    out = np.empty_like(value)
    _share(name, value, plain(g), out)
    return out


def _is_served(x: Array) -> bool:
    return x.size >= FEWEST and x.ndim > 0 and is_plain(x)


def _as_rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


def _share(name: str, *arrays: Array) -> None:
    """Let each thread do a part of the rows."""
    kernel, flat = _compiled(name), [_as_rows(array) for array in arrays]
    _in_rows(lambda _, start, stop: kernel(*(x[start:stop] for x in flat)), flat[0])


def _in_rows(work: Callable[[int, int, int], None], rows: Array) -> int:
    return in_parts(work, len(rows), None if rows.size >= SHARED else 1)


@cache
def _compiled(name: str) -> Callable[..., Any]:
    from tinytorch.perf.kernels import compiled_rows

    return compiled_rows.kernel(name)
