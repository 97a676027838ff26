"""The twin of `max_pool2d`: windows of 2x2 side by side, in one pass over memory each way."""

from __future__ import annotations

import numpy as np

from tinytorch.core.ops import OPS
from tinytorch.core.ops.op import Array, Value
from tinytorch.perf.acceleration.arrays import plain
from tinytorch.perf.kernels import forms
from tinytorch.perf.kernels.crew import share
from tinytorch.perf.kernels.windows import compiled

__all__ = ["max_pool2d"]

Size = int | tuple[int, int]

SHARED = 65_536  # elements from which on a second thread pays


def max_pool2d(x: Array, *, kernel_size: Size, stride: Size | None = None, padding: int = 0) -> Value:
    """Do what the op `max_pool2d` does: float32, windows of 2x2 side by side, no padding."""
    if not (_is_two(kernel_size) and (stride is None or _is_two(stride)) and padding == 0 and _is_served(x)):
        return OPS["max_pool2d"].run(x, kernel_size=kernel_size, stride=stride, padding=padding)
    x = plain(x)
    planes = x.reshape(-1, *x.shape[2:])  # (N C, H, W)
    out = np.empty((*x.shape[:2], x.shape[2] // 2, x.shape[3] // 2), np.float32)
    _run("pool", planes, out.reshape(len(planes), *out.shape[2:]))
    return out, (lambda g: _gradient(g, planes).reshape(x.shape),)


def _is_two(size: Size) -> bool:
    return size in {2, (2, 2)}


def _is_served(x: Array) -> bool:
    return x.dtype == np.float32 and x.ndim == 4 and x.size > 0 and min(x.shape[2:]) >= 2


def _gradient(g: Array, planes: Array) -> Array:
    out = np.empty_like(planes)
    _run("pool_gradient", planes, plain(g).reshape(len(planes), *g.shape[2:]), out)
    return out


def _run(name: str, *arrays: Array) -> None:
    """Share the channels of all images among the threads; the last array is written to."""
    layout, kernel = compiled(name, forms.lanes())
    *inputs, out = arrays
    share(kernel, len(out), *inputs, layout, out, alone=arrays[0].size < SHARED)
