"""Convolutions packed for the compiled kernel; the op `conv2d` is the twin that defines them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.perf.kernels import forms
from tinytorch.perf.kernels.dense import CURVES, Floats, aligned

__all__ = ["Convolution", "pack_convolution"]


@dataclass(frozen=True, eq=False)
class Convolution:
    """Kernels as the rows of a matrix, and the shape of the work.

    Attributes:
        kernels: (O, C · kh · kw + 1), the bias last.
        layout: (1, 1): the curve, in the kind that says the width of vectors.
        sizes: Height and width of the kernel, stride, padding, windows down and across.
    """

    kernels: Floats
    layout: NDArray[Any]
    sizes: NDArray[np.int64]

    def scratch(self) -> tuple[Floats, Floats]:
        """Make the memory that one call at a time needs: windows laid out, and the results of a part of a block."""
        block = 64 if self.layout.dtype.itemsize == 8 else 16
        columns = aligned((self.kernels.shape[1] + 1, block), np.float32)
        columns[:-2] = 0
        columns[-2], columns[-1] = 1, 0
        return columns, aligned((len(self.kernels), block), np.float32)

    def kernel(self) -> Callable[..., None]:
        """Give the compiled function of `(x, kernels, layout, sizes, columns, part, out)`, out as (N, O, windows)."""
        return _compiled(self.layout.dtype.itemsize)


def pack_convolution(
    weight: Floats, bias: Floats | None, windows: tuple[int, int], curve: str, **options: Any
) -> Convolution:
    """Pack kernels (O, C, kh, kw).

    Args:
        weight: The kernels.
        bias: (O,), or None.
        windows: How many there are down and across.
        curve: What follows: `none`, `relu`, `sigmoid`, `tanh` or `gelu`.
        options: `stride` and `padding`, as those of `conv2d`.
    """
    biases = np.zeros(len(weight), np.float32) if bias is None else bias
    kernels = np.concatenate([weight.reshape(len(weight), -1), biases[:, None]], axis=1)
    sizes = [*weight.shape[2:], options.get("stride", 1), options.get("padding", 0), *windows]
    layout = np.full((1, 1), CURVES[curve], np.int64 if forms.lanes() == 16 else np.int32)
    return Convolution(np.ascontiguousarray(kernels, np.float32), layout, np.array(sizes, np.int64))


@cache
def _compiled(index_bytes: int) -> Callable[..., None]:
    """Compile the kernel for one width of vectors, or load it from disk."""
    from tinytorch.perf.kernels import compiled_convolution

    kernel: Callable[..., None] = compiled_convolution.convolution(index_bytes)
    return kernel
