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
LONGEST_REPEATED = 256


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
    scale = gamma * inverse
    out = np.empty(x.shape, np.result_type(x, scale))
    for block, into in _blocks(x, out):
        # The rounding of a product before the mean is gone is that of x itself; so two passes do instead of three.
        np.multiply(block, _rows(scale, block), out=into)
        np.add(into, _rows(beta - mean * scale, block), out=into)
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


def _rows(values: Array, block: Array) -> Array:
    """Shape a number per channel for (n, C, S); repeated where S is short, as NumPy loops over the last axis."""
    size = block.shape[2]
    return np.repeat(values, size).reshape(-1, size) if size <= LONGEST_REPEATED else values[:, None]


def _sum(block: Array) -> Array:
    """Add up a channel of (n, C, S): as a matrix product, in a third of the time of `sum`."""
    count, channels, size = block.shape
    return (block.reshape(-1, size) @ np.ones(size, block.dtype)).reshape(count, channels).sum(axis=0)


def _products(a: Array, b: Array) -> Array:
    """Add up the products of two blocks, a channel at a time, without the memory of the products."""
    return np.asarray(np.einsum("ncs,ncs->c", a, b))


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
        means.append(_sum(block) / counts[-1])
        centred = block - _rows(means[-1], block)
        squares.append(_products(centred, centred))
    share = (np.array(counts) / sum(counts)).astype(means[0].dtype)[:, None]
    mean = (share * means).sum(axis=0)
    between = (share * np.square(means - mean)).sum(axis=0)
    return mean, np.sum(squares, axis=0) / mean.dtype.type(sum(counts)) + between


def _gradients(g: Array, x: Array, gamma: Array, mean: Array, inverse: Array, *, own: bool) -> tuple[Array, ...]:
    """Give the gradients of the input, gamma and beta."""
    to_gamma, to_beta = np.zeros_like(mean), np.zeros_like(mean)
    for of_g, of_x in _blocks(g, x):
        to_gamma += _products(of_x - _rows(mean, of_x), of_g)
        to_beta += _sum(of_g)
    to_gamma *= inverse
    scale = gamma * inverse
    if own:
        return _through_moments(g, x, (mean, inverse), (scale, to_gamma, to_beta)), to_gamma, to_beta
    return g * scale.reshape(-1, *(1,) * (x.ndim - 2)), to_gamma, to_beta


def _through_moments(g: Array, x: Array, moments: tuple[Array, Array], gradients: tuple[Array, Array, Array]) -> Array:
    """Give `scale * (g - (normalized x * to_gamma + to_beta) / n)`, where n elements share a mean."""
    (mean, inverse), (scale, to_gamma, to_beta) = moments, gradients
    share = mean.dtype.type(len(mean) / x.size)
    of_one, constant = -share * inverse * to_gamma, share * (inverse * mean * to_gamma - to_beta)
    out = np.empty(x.shape, np.result_type(g, scale))
    for of_g, of_x, into in _blocks(g, x, out):
        np.multiply(of_x, _rows(of_one, into), out=into)
        np.add(into, of_g, out=into)
        np.add(into, _rows(constant, into), out=into)
        np.multiply(into, _rows(scale, into), out=into)
    return out
