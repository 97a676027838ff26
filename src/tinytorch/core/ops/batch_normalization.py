"""Batch normalization: every channel with mean 0 and variance 1, then scaled and moved as it was learned."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from tinytorch.core.ops.op import Array, Value, op, together
from tinytorch.errors import ShapeError, explain

__all__ = ["batch_norm"]

Observer = Callable[[Array, Array], None]

# Several passes over a block that stays in the L2 cache cost less than one over the whole batch from memory.
BLOCK_BYTES = 1 << 19


@op("BatchNorm")
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
    """`(x - mean) / sqrt(variance + eps) * gamma + beta`, a channel at a time.

    Without `mean` and `variance`, those of the batch itself are taken (the biased variance), and the gradient goes
    through them; given ones are constants.

    Args:
        x: (N, C, ...).
        gamma: (C,).
        beta: (C,).
        mean: (C,), or left out.
        variance: (C,), left out with the mean.
        eps: Keeps the division finite.
        observe: Is told the mean and the variance of the batch, if they are computed.

    Source:
        S. Ioffe, C. Szegedy (2015), Batch Normalization.
    """
    _require_channels(x, gamma, beta)
    own = mean is None or variance is None
    if mean is None or variance is None:
        mean, variance = _moments(x)
        if observe is not None:
            observe(mean, variance)
    inverse = 1 / np.sqrt(variance + eps)  # (C,)
    out = np.empty(x.shape, np.result_type(x, gamma, mean))
    scale = (inverse * gamma)[:, None]
    for block, into in _blocks(x, out):
        np.subtract(block, mean[:, None], out=into)
        np.multiply(into, scale, out=into)
        np.add(into, beta[:, None], out=into)
    backprop = partial(_gradients, x=x, gamma=gamma, mean=mean, inverse=inverse, own=own)
    return out, together(backprop, 3)


def _require_channels(x: Array, gamma: Array, beta: Array) -> None:
    if x.ndim < 2 or not gamma.shape == beta.shape == x.shape[1:2]:
        rule = "of shapes (N, C, ...), (C,) and (C,)"
        got = f"{x.shape}, {gamma.shape} and {beta.shape}"
        raise ShapeError(explain("the input, gamma and beta of batch_norm", rule, got))


def _blocks(*arrays: Array) -> Iterator[list[Array]]:
    """Cut arrays of one shape along the batch, in step, each block as (n, C, S)."""
    batch, channels, *rest = arrays[0].shape
    size = math.prod(rest)
    count = max(1, BLOCK_BYTES // (channels * size * arrays[0].itemsize or 1))
    for start in range(0, batch, count):
        parts = [array[start : start + count] for array in arrays]
        yield [part.reshape(len(part), channels, size) for part in parts]


def _moments(x: Array) -> tuple[Array, Array]:
    """Give the mean and the biased variance of every channel.

    Every block is read once from memory: its own moments are exact, and are then joined.

    Source:
        T. Chan, G. Golub, R. LeVeque (1983), Algorithms for Computing the Sample Variance, equation 2.1.
    """
    if x.size == 0:
        remedy = "Call eval() to use the running statistics."
        raise ShapeError(explain("a batch", "of at least one element a channel to train on", x.shape, remedy=remedy))
    counts, means, squares = [], [], []
    for (block,) in _blocks(x):
        counts.append(len(block) * block.shape[2])
        means.append(block.mean(axis=(0, 2)))
        centred = block - means[-1][:, None]
        squares.append(np.square(centred, out=centred).sum(axis=(0, 2)))
    share = (np.array(counts) / sum(counts)).astype(means[0].dtype)[:, None]
    mean = (share * means).sum(axis=0)
    between = (share * np.square(means - mean)).sum(axis=0)
    return mean, np.sum(squares, axis=0) / mean.dtype.type(sum(counts)) + between


def _gradients(g: Array, x: Array, gamma: Array, mean: Array, inverse: Array, *, own: bool) -> tuple[Array, ...]:
    """Give the gradients of the input, gamma and beta."""
    to_gamma, to_beta = _sums(g, x, mean, inverse)
    scale = gamma * inverse
    if own:
        return _through_moments(g, x, mean, (scale, inverse * to_gamma, to_beta)), to_gamma, to_beta
    return g * scale.reshape(-1, *(1,) * (x.ndim - 2)), to_gamma, to_beta


def _sums(g: Array, x: Array, mean: Array, inverse: Array) -> tuple[Array, Array]:
    """Give the gradients of gamma and beta: the sums of `g * normalized x` and of `g`."""
    products, totals = np.zeros_like(mean), np.zeros_like(mean)
    for of_g, of_x in _blocks(g, x):
        centred = of_x - mean[:, None]
        products += np.multiply(centred, of_g, out=centred).sum(axis=(0, 2))
        totals += of_g.sum(axis=(0, 2))
    return products * inverse, totals


def _through_moments(g: Array, x: Array, mean: Array, factors: tuple[Array, Array, Array]) -> Array:
    """Give `scale * (g - (normalized x * to_gamma + to_beta) / n)`, where n elements share a mean."""
    scale, slope, total = (factor[:, None] for factor in factors)
    share = scale.dtype.type(len(mean) / x.size)
    out = np.empty(x.shape, np.result_type(g, scale))
    for of_g, of_x, into in _blocks(g, x, out):
        np.subtract(of_x, mean[:, None], out=into)
        np.multiply(into, -share * scale * slope, out=into)
        np.add(into, scale * of_g, out=into)
        np.subtract(into, share * scale * total, out=into)
    return out
