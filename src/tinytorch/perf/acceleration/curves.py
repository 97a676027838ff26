"""GELU, fused and not, and the twin of the op: one exponential and one pass over memory each way."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tinytorch.core import ops
from tinytorch.core.ops import OPS
from tinytorch.core.ops.activations import GELU_CUBE, GELU_SCALE
from tinytorch.core.ops.op import Array, Value, on_tensors
from tinytorch.core.tensor import Tensor
from tinytorch.perf.acceleration.arrays import is_plain, plain
from tinytorch.perf.kernels import form
from tinytorch.perf.kernels.crew import share

__all__ = ["fused_gelu", "gelu", "unfused_gelu"]

FEWEST = 2_048  # elements; with fewer, the kernel's call costs what NumPy's calls do
SHARED = 16_384  # elements from which on a second thread pays
WORTH_LOADING = 131_072  # elements from which on the kernel, a second to compile once, is worth its loading


def fused_gelu(x: Any) -> Tensor:
    """Do `0.5 x (1 + tanh(sqrt(2/π) (x + 0.044715 x³)))` without temporary arrays; differentiable, fused as well.

    From 131,072 elements of float32 on it is one loop, compiled by Numba where that is installed: one pass over memory
    and one exponential an element. Elsewhere it is a chain of NumPy's operations, in the memory of the result, over
    pieces that stay in the cache.

    Args:
        x: Of any shape.

    Returns:
        Of the same shape and kind.

    Example:
        >>> fused_gelu(Tensor([-1.0, 0.0, 1.0])).data.round(4).tolist()
        [-0.15880000591278076, 0.0, 0.8411999940872192]

    Source:
        D. Hendrycks, K. Gimpel (2016), Gaussian Error Linear Units (GELUs).
    """
    return _fused_gelu(x)


def unfused_gelu(x: Any) -> Tensor:
    """Give what `fused_gelu` gives, by one temporary array an operation: what fusing is measured against.

    Example:
        >>> unfused_gelu(Tensor([-1.0, 0.0, 1.0])).data.round(4).tolist()
        [-0.15880000591278076, 0.0, 0.8411999940872192]
    """
    x = x if isinstance(x, Tensor) else Tensor(x)
    cubed = x * x * x
    bent = (x + cubed * GELU_CUBE) * GELU_SCALE
    return x * (ops.tanh(bent) + 1) * 0.5


def _fused(x: Array) -> Value:
    compiled = x.size >= WORTH_LOADING and form() != "numpy"
    return gelu(x) if compiled else OPS["gelu"].run(x)


_fused.__name__ = "gelu"  # the op that a graph has for it
_fused_gelu = on_tensors("FusedGELU")(_fused)


def gelu(x: Array) -> Value:
    """Do what the op `gelu` does: float32, contiguous, of 2,048 elements or more.

    The value is right to 2e-5 of itself also where it is next to nothing, which a difference of 1 and a tanh is not;
    the slope stays finite where the square of x does not.
    """
    if x.size < FEWEST or not is_plain(x):
        return OPS["gelu"].run(x)
    value = np.empty_like(x)
    _share("gelu_there", x, value)
    return value, (lambda g: _slope(x, g),)


def _slope(x: Array, g: Array) -> Array:
    out = np.empty_like(x)
    _share("gelu_back", x, plain(g), out)
    return out


def _share(name: str, *arrays: Array) -> None:
    """Let each thread do a part of all elements."""
    size = arrays[0].size
    share(_compiled(name), size, *(array.reshape(-1) for array in arrays), alone=size < SHARED)


@cache
def _compiled(name: str) -> Callable[..., Any]:
    from tinytorch.perf.kernels import compiled_curves

    return compiled_curves.kernel(name)
