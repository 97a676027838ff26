"""Batch normalization in loops that LLVM makes vectors of. Imported only where Numba is wanted.

All take arrays (N, C, S), and the first and the end of the channels to do. Sums of a row are of single precision, in
vectors; rows are added up in double precision.
"""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
from numba import types

from tinytorch.perf.kernels.caching import cached
from tinytorch.perf.kernels.compiled_sharing import shared

__all__ = ["kernel", "run_moments", "run_products", "run_scaled", "run_through"]


def reordered(function):
    """Compile a function whose sums may be taken in another order; what calls it keeps it on disk."""
    return numba.njit(nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})(function)


@reordered
def total(row):
    """Add up a row."""
    found = np.float32(0)
    for i in range(row.size):
        found += row[i]
    return found


@reordered
def deviation(row, mean):
    """Add up the squared differences from the mean."""
    found = np.float32(0)
    for i in range(row.size):
        found += (row[i] - mean) * (row[i] - mean)
    return found


@reordered
def covariance(row, other, mean):
    """Add up the products with what another row differs from its mean."""
    found = np.float32(0)
    for i in range(row.size):
        found += row[i] * (other[i] - mean)
    return found


def run_moments(x, out, start, stop):
    """Find the mean and the biased variance of channels: (2, C). Each row's own are joined as it is read.

    Source:
        T. Chan, G. Golub, R. LeVeque (1983), Algorithms for Computing the Sample Variance, equation 2.1.
    """
    size = x.shape[2]
    for channel in range(start, stop):
        mean, squares = 0.0, 0.0
        for image in range(x.shape[0]):
            row = x[image, channel]
            own = total(row) / np.float32(size)
            apart = np.float64(own) - mean
            mean += apart / (image + 1)
            squares += deviation(row, own) + apart * apart * size * image / (image + 1)
        out[0, channel] = mean
        out[1, channel] = squares / (x.shape[0] * size)


def run_scaled(x, terms, out, start, stop):
    """Compute `(x - mean) * scale + shift`, the terms (3, C) in this order."""
    for image in range(x.shape[0]):
        for channel in range(start, stop):
            row, found = x[image, channel], out[image, channel]
            mean, scale, shift = terms[0, channel], terms[1, channel], terms[2, channel]
            for i in range(row.size):
                found[i] = (row[i] - mean) * scale + shift


def run_products(g, x, mean, out, start, stop):
    """Add up each channel's gradient, and its products with x less its mean: (2, C)."""
    for channel in range(start, stop):
        plain, products = 0.0, 0.0
        for image in range(x.shape[0]):
            plain += total(g[image, channel])
            products += covariance(g[image, channel], x[image, channel], mean[channel])
        out[0, channel] = plain
        out[1, channel] = products


def run_through(g, x, terms, out, start, stop):
    """Compute `(g + (x - mean) * slope + shift) * scale`, the terms (4, C): scale, slope, mean, shift."""
    for image in range(x.shape[0]):
        for channel in range(start, stop):
            given, row, found = g[image, channel], x[image, channel], out[image, channel]
            scale, slope = terms[0, channel], terms[1, channel]
            mean, shift = terms[2, channel], terms[3, channel]
            for i in range(row.size):
                found[i] = (given[i] + (row[i] - mean) * slope + shift) * scale


IMAGES, TERMS, CHANNELS = types.float32[:, :, ::1], types.float32[:, ::1], types.float32[::1]
SIGNATURES = {
    "moments": (IMAGES, TERMS),
    "scaled": (IMAGES, TERMS, IMAGES),
    "products": (IMAGES, IMAGES, CHANNELS, TERMS),
    "through": (IMAGES, IMAGES, TERMS, IMAGES),
}


def kernel(name: str) -> Callable[..., None]:
    """Give one of the functions above, by what follows `run_`, to be shared."""
    kinds = SIGNATURES[name]
    return shared(cached(globals()[f"run_{name}"]), kinds, "a" * len(kinds) + "+")
