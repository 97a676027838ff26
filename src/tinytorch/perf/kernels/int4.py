"""Linear layers of nibbles: weights of four bits in groups, activations made int8 group by group, floats on both ends.

The twin `linear_by_numpy` says what is computed. A compiled form gives the same whole numbers in each group, to the
bit; the floats made of them can differ in the last place, as it may multiply and add in one rounding.

- Weights are symmetric, one scale per group of inputs and output: `w ≈ q · scale`, q in [-8, 7]. The weight of the
  largest magnitude becomes -8, so that no value is left unused.
- Scales are the upper halves of floats, and weights are rounded by them as they are stored.
- Activations are symmetric, one scale per row and group, found in the call.
- The result is the sum over groups of `sum(q_x q_w) · (scale_x scale_w)`, and the bias.

Source:
    E. Frantar et al. (2022), GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers, on
    groups of weights and decoding that is bound by memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.ops import OPS
from tinytorch.perf.kernels import forms
from tinytorch.perf.kernels.dense import CURVES, aligned
from tinytorch.perf.kernels.int8 import Bytes, Floats, quantize_rows

__all__ = [
    "ROWS_AT_ONCE",
    "NibbleScratch",
    "PackedNibbles",
    "join_nibbles",
    "linear_by_numpy",
    "pack_nibbles",
    "quantize_groups",
    "split_nibbles",
    "unshortened",
]

Halves = NDArray[np.uint16]
NibbleScratch = tuple[Bytes, Floats, NDArray[np.int32], Floats]

SMALLEST = np.float32(1e-37)
MIDDLE = 8  # nibbles are 8 higher than weights
ROWS_AT_ONCE = 32
KINDS = {"vnni": "int64", "avx2": "int32", "plain": "int16", "numpy": "int16"}


@dataclass(frozen=True, eq=False)
class PackedNibbles:
    """A layer's weights in the order in which a form of the kernel reads them.

    Attributes:
        values: uint8: panels of one vector of outputs; in each, eight inputs of an output lie in four bytes, the first
            four below.
        scales: (panels, groups, lanes), the upper halves of floats.
        bias: (outputs, padded,).
        sizes: Inputs of a group, and panels; its kind says the form.
        inputs: Features of a row.
        outputs: Features of a result.
        form: Which form they are for.
    """

    values: NDArray[np.uint8]
    scales: Halves
    bias: Floats
    sizes: NDArray[Any]
    inputs: int
    outputs: int
    form: str

    @property
    def group(self) -> int:
        """Inputs that share a scale."""
        return int(self.sizes[0])

    def matrix(self) -> Bytes:
        """Give the weights as whole numbers, (in, out)."""
        return np.ascontiguousarray(self.weights_of(np.arange(self.outputs)).T)

    def weights_of(self, outputs: NDArray[np.intp]) -> Bytes:
        """Give the weights of some outputs, (n, in), without unpacking the rest."""
        panels, _, lanes = self.scales.shape
        words = self.values.reshape(panels, -1, lanes, 4)[outputs // lanes, :, outputs % lanes]  # (n, in / 8, 4)
        both = np.stack([words & 15, words >> 4], axis=2).astype(np.int8) - np.int8(MIDDLE)
        return both.reshape(len(outputs), -1)[:, : self.inputs]

    def scales_of(self, outputs: NDArray[np.intp]) -> Halves:
        """Give the scales of some outputs, (n, groups)."""
        lanes = self.scales.shape[2]
        return self.scales[outputs // lanes, :, outputs % lanes]

    def run(self, x: Floats, out: Floats, curve: str = "none", scratch: NibbleScratch | None = None) -> None:
        """Compute the layer.

        Args:
            x: (rows, in), contiguous.
            out: (rows, out), contiguous; the result goes here.
            curve: The activation: `none`, `relu`, `sigmoid`, `tanh` or `gelu`.
            scratch: Memory for one call at a time; made here if there is none.
        """
        if self.form == "numpy":
            out[...] = linear_by_numpy(x, self, curve)
            return
        self.kernel()(x, self.weights, self.sizes, scratch or self.scratch(len(x)), CURVES[curve], out)

    @property
    def weights(self) -> tuple[NDArray[np.uint8], Halves, Floats]:
        """What the compiled function takes by this name."""
        return self.values, self.scales, self.bias

    def kernel(self) -> Callable[..., None]:
        """Give the compiled function of `(x, weights, sizes, scratch, curve, out)`."""
        return _kernel(self.form)

    def scratch(self, rows: int) -> NibbleScratch:
        """Make the memory that one call at a time needs."""
        height, (panels, groups, lanes) = max(1, min(rows, ROWS_AT_ONCE)), self.scales.shape
        activations = aligned((height, groups * self.group), np.int8)
        activations[...] = 0  # the padding
        units, starts = np.empty((height, groups), np.float32), np.empty((height, groups), np.int32)
        return activations, units, starts, aligned((height, panels * lanes), np.float32)


def quantize_groups(weight: Floats, group: int) -> tuple[Bytes, Halves]:
    """Make a matrix whole numbers in [-8, 7], each group of rows of a column with a scale of its own.

    Args:
        weight: (in, out), finite.
        group: Rows that share a scale.

    Returns:
        (in, out), and (groups, out): the upper halves of the scales, which have the sign of what became -8, turned.

    Example:
        >>> q, scales = quantize_groups(np.float32([[-4], [2], [0], [16]]), 2)
        >>> q.ravel().tolist(), unshortened(scales).ravel().tolist()
        ([-8, 4, 0, -8], [0.5, -2.0])
    """
    groups = -(-len(weight) // group)
    padded = np.zeros((groups * group, weight.shape[1]), np.float32)
    padded[: len(weight)] = weight
    parts = padded.reshape(groups, group, -1)
    far = np.take_along_axis(parts, np.abs(parts).argmax(axis=1)[:, None], axis=1)  # (groups, 1, out)
    short = _shortened(far[:, 0] / np.float32(-MIDDLE))
    scales = unshortened(short)
    short = np.where(np.abs(scales) < SMALLEST, _shortened(np.ones((1, 1), np.float32)), short)
    q = np.clip(np.rint(parts / unshortened(short)[:, None]), -MIDDLE, MIDDLE - 1).astype(np.int8)
    return q.reshape(groups * group, -1)[: len(weight)], short


def _shortened(values: Floats) -> Halves:
    """Round floats to their upper halves, halfway cases to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def unshortened(halves: Halves) -> Floats:
    """Give the floats whose upper halves these are.

    Example:
        >>> unshortened(np.uint16([0x3F80, 0xC000])).tolist()
        [1.0, -2.0]
    """
    return (halves.astype(np.uint32) << 16).view(np.float32)


def join_nibbles(q: Bytes) -> NDArray[np.uint8]:
    """Put two rows of whole numbers in [-8, 7] into each row of bytes, the first below.

    Example:
        >>> join_nibbles(np.int8([[-8], [7], [1]])).ravel().tolist()
        [240, 137]
    """
    shifted = np.full((len(q) + len(q) % 2, q.shape[1]), MIDDLE, np.uint8)
    shifted[: len(q)] = q + np.int8(MIDDLE)
    return shifted[::2] | (shifted[1::2] << 4).astype(np.uint8)


def split_nibbles(joined: NDArray[np.uint8], rows: int) -> Bytes:
    """Undo `join_nibbles`.

    Example:
        >>> split_nibbles(np.uint8([[240], [137]]), 3).ravel().tolist()
        [-8, 7, 1]
    """
    both = np.stack([joined & 15, joined >> 4], axis=1).reshape(-1, joined.shape[1])[:rows]
    return both.astype(np.int8) - np.int8(MIDDLE)


def pack_nibbles(q: Bytes, scales: Halves, bias: Floats | None, group: int) -> PackedNibbles:
    """Pack weights (in, out) in [-8, 7] with scales (groups, out) for the form that runs here."""
    form = "vnni" if forms.form() == "amx" else forms.form()
    lanes, (inputs, outputs), groups = 16 if form == "vnni" else 8, q.shape, len(scales)
    panels = -(-outputs // lanes)
    padded = np.full((groups * group, panels * lanes), MIDDLE, np.uint8)
    padded[:inputs, :outputs] = q + np.int8(MIDDLE)
    parts = padded.reshape(-1, 2, 4, panels, lanes).transpose(3, 0, 4, 1, 2)  # (panels, in / 8, lanes, 2, 4)
    joined = parts[..., 0, :] | parts[..., 1, :] << 4
    values = aligned((joined.size,), np.uint8)
    values[...] = joined.ravel()
    wide = np.zeros((groups, panels * lanes), np.uint16)
    wide[:, :outputs] = scales
    biases = np.zeros(panels * lanes, np.float32)
    biases[:outputs] = 0 if bias is None else bias
    sizes = np.array([group, panels], KINDS[form])
    turned = np.ascontiguousarray(wide.reshape(groups, panels, lanes).transpose(1, 0, 2))
    return PackedNibbles(values, turned, biases, sizes, inputs, outputs, form)


def linear_by_numpy(x: Floats, layer: PackedNibbles, curve: str = "none") -> Floats:
    """Compute what the kernel computes."""
    _, groups, _ = layer.scales.shape
    padded = np.zeros((groups * layer.group, layer.outputs), np.float32)
    padded[: layer.inputs] = layer.matrix()
    weights = padded.reshape(groups, layer.group, -1)
    scales = unshortened(layer.scales_of(np.arange(layer.outputs))).T  # (groups, out)
    result = np.zeros((len(x), layer.outputs), np.float32)
    for number in range(groups):
        first = number * layer.group
        q, units = quantize_rows(x[:, first : first + layer.group])
        sums = q.astype(np.float32) @ weights[number, : q.shape[1]]  # exact: 64 · 127 · 8 < 2²⁴
        result += sums * (units[:, None] * scales[number])
    result += layer.bias[: layer.outputs]
    return result if curve == "none" else OPS[curve].run(result)[0]


@cache
def _kernel(form: str) -> Callable[..., None]:
    """Compile the kernel for one form, or load it from disk.

    Raises:
        StateError: If this machine cannot run it, as after weights were packed on another.
    """
    forms.require_form(form)
    from tinytorch.perf.kernels import compiled_nibbles

    kernel: Callable[..., None] = compiled_nibbles.int4(KINDS[form])
    return kernel
