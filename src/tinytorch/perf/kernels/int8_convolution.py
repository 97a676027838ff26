"""Convolutions on bytes: int8 kernels, an image made int8 on the way in, sums in int32, floats on the way out.

The twin `convolution_by_numpy` says what is computed. A compiled form gives the same int32 sums, to the bit; the floats
made of them can differ in the last place, as it may multiply and add in one rounding.

- Kernels are symmetric, one scale each: `w ≈ q · scale`, q in [-127, 127].
- Activations are symmetric, one scale per image, found in the call (dynamic) or fixed before (calibrated).
- The result is `sum(q_x q_w) · (scale_x scale_w) + bias`.

Source:
    B. Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.ops import OPS
from tinytorch.core.ops.windows import window_count
from tinytorch.perf.kernels import forms
from tinytorch.perf.kernels.dense import CURVES, aligned
from tinytorch.perf.kernels.int8 import Bytes, Floats, quantize_rows

__all__ = ["ConvolutionScratch", "PackedConvolution", "convolution_by_numpy", "pack_convolution"]


BEYOND = 64  # columns that a vector reads behind the last


@dataclass(frozen=True)
class Layout:
    """How a form wants its data.

    Attributes:
        kind: Of the kernels; it is what the compiled code is chosen by.
        group: The columns that one lane multiplies at once.
        lanes: The windows in a vector.
        offset: What is added to activations, and so to be taken from the sums.
    """

    kind: str
    group: int
    lanes: int
    offset: int = 0

    @property
    def activations(self) -> Any:
        """The kind of the activations."""
        return np.uint8 if self.offset else np.int8


LAYOUTS = {"vnni": Layout("int8", 4, 16, offset=128), "avx2": Layout("int16", 2, 8), "plain": Layout("int32", 1, 8)}


@dataclass(frozen=True, eq=False)
class ConvolutionScratch:
    """Memory of one call at a time, for images of one size.

    Attributes:
        sizes: What the compiled function takes by this name.
        memory: An image as whole numbers, the same laid out for the tiles, and results.
        image: Height and width of an image.
    """

    sizes: NDArray[np.int64]
    memory: tuple[NDArray[Any], NDArray[Any], Floats]
    image: tuple[int, int]

    def fits(self, height: int, width: int) -> bool:
        """Say whether it is for images of that size."""
        return self.image == (height, width)


@dataclass(frozen=True, eq=False)
class PackedConvolution:
    """Kernels in the order in which a form of the compiled code reads them.

    Attributes:
        values: (O, C, kh, kw) int8 for the twin, or the rows of a matrix.
        columns: (3, O): what the sums start from (the bits of int32), scales, biases.
        shape: (O, C, kh, kw).
        stride: From one window to the next, down and across.
        padding: Zeros on each side.
        form: Which form they are for.
    """

    values: NDArray[Any]
    columns: Floats
    shape: tuple[int, int, int, int]
    stride: int
    padding: int
    form: str

    def kernels(self) -> Bytes:
        """Give the kernels as (O, C, kh, kw)."""
        if self.form == "numpy":
            return self.values
        outputs, channels, height, width = self.shape
        group = LAYOUTS[self.form].group
        spread = self.values.reshape(outputs, height, channels, -(-width // group) * group)
        return np.ascontiguousarray(spread[..., :width].transpose(0, 2, 1, 3).astype(np.int8))

    @property
    def scales(self) -> Floats:
        """(O,): what one step of each kernel stands for."""
        return self.columns[1]

    @property
    def bias(self) -> Floats:
        """(O,)."""
        return self.columns[2]

    def windows(self, height: int, width: int) -> tuple[int, int]:
        """Count the windows of an image of that size, down and across."""
        down, across = (
            window_count(size, kernel, self.stride, self.padding)
            for size, kernel in zip((height, width), self.shape[2:], strict=True)
        )
        return down, across

    def run(self, x: Floats, out: Floats, curve: str = "none", fixed: float = 0.0) -> None:
        """Compute the layer.

        Args:
            x: (N, C, H, W), contiguous.
            out: (N, O, windows down, windows across), contiguous; the result goes here.
            curve: The activation: `none`, `relu`, `sigmoid`, `tanh` or `gelu`.
            fixed: The scale of activations; 0 to find one for each image.
        """
        if self.form == "numpy":
            out[...] = convolution_by_numpy(x, self, curve, fixed)
        else:
            self.call(x, out, (CURVES[curve], np.float32(fixed)), self.scratch(*x.shape[2:]))

    def sums(self, x: Floats, fixed: float = 0.0) -> NDArray[np.int32]:
        """Give the int32 sums themselves, (N, O, windows down, windows across)."""
        if self.form == "numpy":
            return _exact(quantize_images(x, fixed)[0], self)
        out = np.empty((len(x), self.shape[0], *self.windows(*x.shape[2:])), np.float32)
        self.call(x, out, (-1, np.float32(fixed)), self.scratch(*x.shape[2:]))
        return out.view(np.int32)

    def call(self, x: Floats, out: Floats, how: tuple[int, np.float32], scratch: ConvolutionScratch) -> None:
        """Run the compiled form: `how` is the curve's number, -1 for the sums themselves, and the fixed scale."""
        self.kernel()(x, self.values, self.columns, scratch.sizes, scratch.memory, how, out)

    def kernel(self) -> Callable[..., None]:
        """Give the compiled function of `(x, values, columns, sizes, memory, how, out)`."""
        return _kernel(self.form)

    def scratch(self, height: int, width: int, pool: int = 1) -> ConvolutionScratch:
        """Make the memory that one call at a time needs, for images of one size.

        Args:
            height: Of an image.
            width: Of an image.
            pool: Lines and columns of the windows of a max pooling that follows; 1 for none.
        """
        layout, (outputs, channels, high, wide) = LAYOUTS[self.form], self.shape
        down, across = self.windows(height, width)
        groups = -(-wide // layout.group)
        padded = -(-across // layout.lanes) * layout.lanes
        tall = height + 2 * self.padding
        reach = max(width + 2 * self.padding, (across - 1) * self.stride + groups * layout.group) + 1
        count = channels * tall * reach
        planes = np.full(count + BEYOND, layout.offset, layout.activations)[:count].reshape(channels, tall, reach)
        lines = aligned((tall, channels * groups, padded * layout.group), layout.activations)
        lines[...] = layout.offset
        sizes = np.array([high, groups, self.stride, self.padding, down, across, pool], np.int64)
        return ConvolutionScratch(sizes, (planes, lines, _results(outputs, pool, padded)), (height, width))


def pack_convolution(
    q: Bytes, scales: Floats, bias: Floats | None = None, *, stride: int = 1, padding: int = 0
) -> PackedConvolution:
    """Pack int8 kernels (O, C, kh, kw) with one scale each for the form that runs here."""
    form = "vnni" if forms.form() == "amx" else forms.form()
    columns = np.zeros((3, len(q)), np.float32)
    columns[1], columns[2] = scales, 0 if bias is None else bias
    shape = (q.shape[0], q.shape[1], q.shape[2], q.shape[3])
    if form == "numpy":
        return PackedConvolution(np.ascontiguousarray(q), columns, shape, stride, padding, form)
    layout, (outputs, channels, height, width) = LAYOUTS[form], shape
    spread = np.zeros((outputs, height, channels, -(-width // layout.group) * layout.group), layout.kind)
    spread[..., :width] = q.transpose(0, 2, 1, 3)
    columns[0].view(np.int32)[:] = -layout.offset * q.sum(axis=(1, 2, 3), dtype=np.int32)
    return PackedConvolution(spread.reshape(outputs, -1), columns, shape, stride, padding, form)


def _results(outputs: int, pool: int, padded: int) -> Floats:
    """Make room for lines of results, and for the vector that pooling reads beyond the last."""
    size = outputs * pool * padded
    found = aligned((size + padded,), np.float32)
    found[...] = 0
    return found[:size].reshape(outputs, pool, padded)


def quantize_images(x: Floats, fixed: float = 0.0) -> tuple[NDArray[np.int32], Floats]:
    """Make images whole numbers of at most 127, each with a scale of its own, or all with a fixed one.

    Returns:
        (N, C, H, W) and (N,).
    """
    q, scales = quantize_rows(x.reshape(len(x), math.prod(x.shape[1:])), fixed)
    return q.reshape(x.shape), scales


def _exact(q: NDArray[np.int32], layer: PackedConvolution) -> NDArray[np.int32]:
    """Correlate whole numbers by floats of 53 bits, which cannot round here."""
    kernels = layer.kernels().astype(np.float64)
    found = OPS["conv2d"].run(q.astype(np.float64), kernels, stride=layer.stride, padding=layer.padding)[0]
    return np.asarray(found.astype(np.int32))


def convolution_by_numpy(x: Floats, layer: PackedConvolution, curve: str = "none", fixed: float = 0.0) -> Floats:
    """Compute what the kernel computes."""
    q, own = quantize_images(x, fixed)
    scales = (own[:, None] * layer.scales)[:, :, None, None]
    result = _exact(q, layer).astype(np.float32) * scales + layer.bias[:, None, None]
    return result if curve == "none" else OPS[curve].run(result)[0]


@cache
def _kernel(form: str) -> Callable[..., None]:
    """Compile the kernel for one form, or load it from disk.

    Raises:
        StateError: If this machine cannot run it, as after weights were packed on another.
    """
    forms.require_form(form, "kernels")
    from tinytorch.perf.kernels import compiled_bytes

    kernel: Callable[..., None] = compiled_bytes.int8_convolution(LAYOUTS[form].kind)
    return kernel
