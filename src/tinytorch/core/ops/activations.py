"""The nonlinearities of networks, and dropout."""

from __future__ import annotations

import math

import numpy as np

from tinytorch.core.ops.chunks import chunks
from tinytorch.core.ops.op import Array, Value, op

__all__ = ["dropout", "gelu", "log_softmax", "relu", "sigmoid", "softmax", "tanh"]

# `maximum` against a zero of the same kind spares NumPy a conversion: 0.37 instead of 0.67 µs on a small array.
ZEROS = {kind: np.zeros((), kind) for kind in "?" + np.typecodes["AllInteger"] + np.typecodes["Float"]}

GELU_SCALE = math.sqrt(2 / math.pi)
GELU_CUBE = 0.044715


@op("ReLU")
def relu(x: Array) -> Value:
    """`max(0, x)`; gradient 0 at 0."""
    value = np.maximum(x, ZEROS[x.dtype.char])
    return value, (lambda g: g * (value > 0),)


@op("Sigmoid")
def sigmoid(x: Array) -> Value:
    """`1 / (1 + exp(-x))`, with no exponential of a positive number, so that none overflows."""
    small = np.exp(-np.abs(x))
    value = np.where(x >= 0, 1, small) / (1 + small)
    return value, (lambda g: g * value * (1 - value),)


@op("Tanh")
def tanh(x: Array) -> Value:
    """The hyperbolic tangent."""
    value = np.tanh(x)
    return value, (lambda g: g * (1 - value * value),)


@op("GELU")
def gelu(x: Array) -> Value:
    """`x * Φ(x)` in its tanh form.

    Source:
        D. Hendrycks, K. Gimpel (2016), Gaussian Error Linear Units (GELUs).
    """
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    value = np.empty(x.shape, x.dtype)
    flat, out = x.reshape(-1), value.reshape(-1)
    for part in chunks(x.size):
        _open_gate(flat[part], out[part])
        out[part] *= flat[part]

    def rule(g: Array) -> Array:
        slope = np.empty(x.shape, x.dtype)
        g, out = g.reshape(-1), slope.reshape(-1)
        for part in chunks(x.size):
            _slope_of_gelu(flat[part], out[part])
            out[part] *= g[part]
        return slope

    return value, (rule,)


def _open_gate(x: Array, out: Array) -> Array:
    """Write `(1 + tanh(GELU_SCALE (x + GELU_CUBE x³))) / 2` to `out`, without a temporary array."""
    np.multiply(x, x, out=out)
    out *= GELU_SCALE * GELU_CUBE
    out += GELU_SCALE
    out *= x
    np.tanh(out, out=out)
    out += 1
    out *= 0.5
    return out


def _slope_of_gelu(x: Array, out: Array) -> None:
    """Write `gate + x gate'` to `out`, where `gate' = 2 gate (1 - gate) GELU_SCALE (1 + 3 GELU_CUBE x²)`.

    The gate is computed again: in the cache that costs what writing it once and reading it later would.
    """
    gate = _open_gate(x, np.empty_like(x))
    np.multiply(x, x, out=out)
    out *= 6 * GELU_SCALE * GELU_CUBE
    out += 2 * GELU_SCALE
    out *= x
    out *= gate
    out *= 1 - gate
    out += gate


@op("Softmax")
def softmax(x: Array, *, dim: int = -1) -> Value:
    """`exp(x) / sum(exp(x))` along `dim`, the largest element subtracted first."""
    value = np.exp(x - x.max(axis=dim, keepdims=True))
    value /= value.sum(axis=dim, keepdims=True)

    def rule(g: Array) -> Array:
        weighted = g * value
        return weighted - value * weighted.sum(axis=dim, keepdims=True)

    return value, (rule,)


@op("LogSoftmax")
def log_softmax(x: Array, *, dim: int = -1) -> Value:
    """`x - log(sum(exp(x)))` along `dim`, the largest element subtracted first."""
    shifted = x - x.max(axis=dim, keepdims=True)
    value = shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))
    return value, (lambda g: g - np.exp(value) * g.sum(axis=dim, keepdims=True),)


@op("Dropout")
def dropout(x: Array, *, p: float) -> Value:
    """Set each element to 0 with probability `p` and scale the others by `1 / (1 - p)`.

    Draws from NumPy's global state, as `np.random.seed` users expect.

    Source:
        N. Srivastava et al. (2014), Dropout: A Simple Way to Prevent Neural Networks from Overfitting.
    """
    if p == 1:
        return np.zeros_like(x), (np.zeros_like,)
    kept = np.random.random_sample(x.shape) >= p  # noqa: NPY002  the documented source of the mask
    mask = kept.astype(x.dtype) / x.dtype.type(1 - p)
    return x * mask, (lambda g: g * mask,)
