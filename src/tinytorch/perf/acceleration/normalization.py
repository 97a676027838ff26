"""The twin of `batch_norm`: moments, values and gradients, each in one pass over memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from tinytorch.core.ops import OPS
from tinytorch.core.ops.batch_normalization import Observer
from tinytorch.core.ops.op import Array, Value, together
from tinytorch.perf.acceleration.arrays import plain
from tinytorch.perf.kernels.crew import share

__all__ = ["batch_norm"]

FEWEST, SHORTEST = 8_192, 16  # elements in all, and of one channel of one image; with fewer, NumPy is as fast
SHARED = 131_072  # elements from which on a second thread pays


def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    mean: Array | None = None,
    variance: Array | None = None,
    eps: float = 1e-5,
    observe: Observer | None = None,
) -> Value:
    """Do what the op `batch_norm` does: float32, from 8,192 elements on, 16 or more a channel of an image."""
    given = [] if mean is None or variance is None else [mean, variance]
    if not _is_served(x, gamma, beta, *given):
        options = {"mean": mean, "variance": variance, "eps": eps, "observe": observe}
        return OPS["batch_norm"].run(x, gamma, beta, **options)
    rows = plain(x).reshape(*x.shape[:2], -1)  # (N, C, S)
    moments = np.array(given) if given else _moments(rows)  # (2, C)
    if observe is not None and not given:
        observe(*moments.copy())
    inverse = 1 / np.sqrt(moments[1] + np.float32(eps))
    out = np.empty(x.shape, np.float32)
    _run("scaled", rows, np.array([moments[0], gamma * inverse, beta]), out.reshape(rows.shape))
    backprop = partial(_gradients, rows=rows, gamma=gamma, mean=moments[0], inverse=inverse, own=not given)
    return out, together(backprop, 3)


def _is_served(x: Array, *channels: Array) -> bool:
    return (
        x.dtype == np.float32
        and x.ndim > 2
        and x.size >= max(FEWEST, SHORTEST * x.shape[0] * x.shape[1])
        and all(array.dtype == np.float32 and array.shape == x.shape[1:2] for array in channels)
    )


def _moments(rows: Array) -> Array:
    """Give the mean and the biased variance of every channel: (2, C)."""
    out = np.empty((2, rows.shape[1]), np.float32)
    _run("moments", rows, out)
    return out


def _gradients(g: Array, rows: Array, gamma: Array, mean: Array, inverse: Array, *, own: bool) -> tuple[Array, ...]:
    """Give the gradients of the input, gamma and beta; through the moments if they are the batch's own."""
    of_rows = plain(g).reshape(rows.shape)
    sums = np.empty((2, len(mean)), np.float32)
    _run("products", of_rows, rows, mean, sums)
    to_beta, to_gamma = sums[0], sums[1] * inverse
    share = np.float32(len(mean) / rows.size if own else 0)
    terms = np.array([gamma * inverse, -share * inverse * to_gamma, mean, -share * to_beta])
    out = np.empty(g.shape, np.float32)
    _run("through", of_rows, rows, terms, out.reshape(rows.shape))
    return out, to_gamma, to_beta


def _run(name: str, rows: Array, *arrays: Array) -> None:
    """Share the channels among the threads: no sum is split, so their number changes no bit."""
    share(_compiled(name), rows.shape[1], rows, *arrays, alone=rows.size < SHARED)


@cache
def _compiled(name: str) -> Callable[..., None]:
    from tinytorch.perf.kernels import compiled_moments

    return compiled_moments.kernel(name)
