"""Linear layers on bytes: int8 weights, activations made int8 on the way in, sums in int32, floats on the way out.

The twin `linear_by_numpy` says what is computed. A compiled form gives the same int32 sums, to the bit; the floats made
of them can differ in the last place, as it may multiply and add in one rounding.

- Weights are symmetric, one scale per output: `w ≈ q · scale`, q in [-127, 127].
- Activations are symmetric, one scale per row, found in the call (dynamic) or fixed before (calibrated).
- The result is `sum(q_x q_w) · (scale_x scale_w) + bias`.

Source:
    B. Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference.
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
from tinytorch.perf.kernels.dense import CURVES, aligned, panels, unpanel

__all__ = ["PackedLinear", "Scratch", "linear_by_numpy", "pack_linear", "quantize_columns", "quantize_rows"]

Floats = NDArray[np.float32]
Bytes = NDArray[np.int8]

LARGEST = np.float32(127)
SMALLEST_SCALE = np.float32(1e-37)  # below it, the inverse overflows; such a row counts as zeros
EXACT_BLOCK = 1024  # products of bytes that float32 adds up without rounding: 1024 · 127² < 2²⁴
ROWS_AT_ONCE = 96


@dataclass(frozen=True)
class Layout:
    """How a form wants its data.

    Attributes:
        kind: Of the activations; it is what the compiled code is chosen by.
        group: The inputs that one lane multiplies at once.
        lanes: The sums in a vector.
        multiple: What the number of inputs is padded to.
        offset: What is added to activations, and so to be taken from the sums.
    """

    kind: str
    group: int
    lanes: int
    multiple: int
    offset: int = 0


LAYOUTS = {
    "amx": Layout("int8", 4, 16, 64, offset=128),  # unsigned bytes all the same
    "vnni": Layout("uint8", 4, 16, 4, offset=128),
    "avx2": Layout("int16", 2, 8, 2),
    "plain": Layout("int32", 1, 8, 1),
}


@dataclass(frozen=True, eq=False)
class PackedLinear:
    """A layer's weights in the order in which a form of the kernel reads them.

    Attributes:
        values: int8: (in, out) for the twin, or packed panels.
        columns: (3, out, padded): what the sums start from (the bits of int32), scales, biases.
        inputs: Features of a row.
        outputs: Features of a result.
        form: Which form they are for.
    """

    values: Bytes
    columns: Floats
    inputs: int
    outputs: int
    form: str

    def matrix(self) -> Bytes:
        """Give the weights as (in, out)."""
        if self.form == "numpy":
            return self.values
        layout = LAYOUTS[self.form]
        rows = _padded(self.inputs, layout.multiple)
        return unpanel(self.values, (rows, self.outputs), layout.lanes, layout.group)[: self.inputs]

    def weights_of(self, outputs: NDArray[np.intp]) -> Bytes:
        """Give the weights of some outputs, (n, in), without unpacking the rest."""
        if self.form == "numpy":
            return np.ascontiguousarray(self.values[:, outputs].T)
        layout, own = LAYOUTS[self.form], np.arange(self.inputs)
        first, width = _panel_of(outputs // layout.lanes, self.columns.shape[1] // layout.lanes, layout.lanes)
        start = first * layout.lanes * _padded(self.inputs, layout.multiple)
        start += (outputs - first * layout.lanes) * layout.group
        step = width * layout.lanes * layout.group
        return self.values[start[:, None] + own // layout.group * step[:, None] + own % layout.group]

    @property
    def scales(self) -> Floats:
        """(out,): what one step of each output's weights stands for."""
        return self.columns[1, : self.outputs]

    @property
    def bias(self) -> Floats:
        """(out,)."""
        return self.columns[2, : self.outputs]

    def run(
        self, x: Floats, out: Floats, curve: str = "none", fixed: float = 0.0, scratch: Scratch | None = None
    ) -> None:
        """Compute the layer.

        Args:
            x: (rows, in), contiguous.
            out: (rows, out), contiguous; the result goes here.
            curve: The activation: `none`, `relu`, `sigmoid`, `tanh` or `gelu`.
            fixed: The scale of activations; 0 to find one for each row.
            scratch: Memory for one call at a time; made here if there is none.
        """
        if self.form == "numpy":
            out[...] = linear_by_numpy(x, self, curve, fixed)
            return
        how = (CURVES[curve], np.float32(fixed))
        self._compiled(x, out, how, scratch)

    def sums(self, x: Floats, fixed: float = 0.0) -> NDArray[np.int32]:
        """Give the int32 sums themselves, (rows, out)."""
        if self.form == "numpy":
            return exact_product(quantize_rows(x, fixed)[0], self.values)
        out = np.empty((len(x), self.outputs), np.float32)
        self._compiled(x, out, (-1, np.float32(fixed)), None)
        return out.view(np.int32)

    def _compiled(self, x: Floats, out: Floats, how: tuple[int, np.float32], scratch: Scratch | None) -> None:
        own = scratch or self.scratch(len(x))
        self.kernel()(x, self.values, self.columns, own.activations, own.floats, how, out)

    def kernel(self) -> Callable[..., None]:
        """Give the compiled function of `(x, values, columns, activations, floats, (curve, fixed scale), out)`."""
        return _kernel(self.form)

    def scratch(self, rows: int) -> Scratch:
        """Make the memory that one call at a time needs."""
        if self.form == "numpy":
            return Scratch(np.empty((0, 0), np.uint8), np.empty(0, np.float32))
        layout = LAYOUTS[self.form]
        height, width = max(1, min(rows, ROWS_AT_ONCE)), _padded(self.inputs, layout.multiple)
        activations = aligned((height, width), layout.kind)
        activations[...] = 0  # the padding meets weights of 0
        return Scratch(activations, np.empty(ROWS_AT_ONCE + height * self.columns.shape[1], np.float32))


@dataclass(frozen=True, eq=False)
class Scratch:
    """Memory for the activations of a block of rows as whole numbers, and for their scales and results."""

    activations: NDArray[Any]
    floats: Floats

    def fits(self, rows: int) -> bool:
        """Say whether it is large enough for that many rows; they come in blocks."""
        return len(self.activations) >= min(rows, ROWS_AT_ONCE)


def pack_linear(q: Bytes, scales: Floats, bias: Floats | None = None) -> PackedLinear:
    """Pack int8 weights (in, out) with one scale per output for the form that runs here.

    Where AMX's padding of the inputs would be more than an eighth of them, the form is `vnni`.
    """
    form = forms.form()
    inputs, outputs = q.shape
    if form == "amx" and 8 * (_padded(inputs, LAYOUTS[form].multiple) - inputs) > inputs:
        form = "vnni"
    if form == "numpy":
        return PackedLinear(np.ascontiguousarray(q), _columns(outputs, scales, bias), inputs, outputs, form)
    layout = LAYOUTS[form]
    rows = np.zeros((_padded(inputs, layout.multiple), outputs), np.int8)
    rows[:inputs] = q
    packed = panels(rows, layout.lanes, layout.group)
    values = aligned(packed.shape, np.int8)
    values[...] = packed
    columns = _columns(_padded(outputs, layout.lanes), scales, bias)
    columns[0].view(np.int32)[:outputs] = -layout.offset * q.sum(axis=0, dtype=np.int32)
    return PackedLinear(values, columns, inputs, outputs, form)


def _padded(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def _panel_of(vectors: NDArray[np.intp], total: int, lanes: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the first vector and the width of the panel that each vector stands in, as `panels` lays them out."""
    widest = 4 if lanes == 16 else 2
    whole = total // widest * widest
    last = np.where(vectors < whole + (total - whole & 2), 2, 1)
    width = np.where(vectors < whole, widest, last)
    first = np.where(vectors < whole, vectors // widest * widest, np.where(last == 2, whole, total - 1))
    return first, width


def _columns(padded: int, scales: Floats, bias: Floats | None) -> Floats:
    columns = np.zeros((3, padded), np.float32)
    columns[1, : len(scales)] = scales
    if bias is not None:
        columns[2, : len(bias)] = bias
    return columns


def quantize_columns(weight: Floats) -> tuple[Bytes, Floats]:
    """Make a matrix int8, each column with a scale of its own.

    Args:
        weight: (in, out), finite.

    Returns:
        (in, out) in [-127, 127], and (out,) scales, 1 for a column of zeros.

    Example:
        >>> q, scales = quantize_columns(np.float32([[127, -254], [63, 20]]))
        >>> q.tolist(), scales.tolist()
        ([[127, -127], [63, 10]], [1.0, 2.0])
    """
    top = np.abs(weight).max(axis=0, initial=0).astype(np.float32)
    scales = np.where(top / LARGEST >= SMALLEST_SCALE, top / LARGEST, np.float32(1)).astype(np.float32)
    return np.clip(np.rint(weight / scales), -LARGEST, LARGEST).astype(np.int8), scales


def quantize_rows(x: Floats, fixed: float = 0.0) -> tuple[NDArray[np.int32], Floats]:
    """Make rows whole numbers of at most 127, each with a scale of its own, or all with a fixed one.

    A row with a number that is not finite has the scale NaN, so that its results are NaN.

    Returns:
        (rows, in) and (rows,).
    """
    top = np.abs(x).max(axis=1, initial=0)
    top = np.where(np.isfinite(top), top, np.float32(np.nan))
    scales = np.where(np.isnan(top) | (fixed <= 0), top / LARGEST, np.float32(fixed)).astype(np.float32)
    large = scales >= SMALLEST_SCALE
    inverse = np.divide(np.float32(1), scales, out=np.zeros_like(scales), where=large)
    finite = np.where(large[:, None], x, np.float32(0))
    return np.clip(np.rint(finite * inverse[:, None]), -LARGEST, LARGEST).astype(np.int32), scales


def exact_product(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.int32]:
    """Multiply matrices of whole numbers of at most 127, by a matrix library's floats in blocks that cannot round."""
    total = np.zeros((len(a), b.shape[1]), np.int32)
    for start in range(0, len(b), EXACT_BLOCK):
        part = slice(start, start + EXACT_BLOCK)
        total += (a[:, part].astype(np.float32) @ b[part].astype(np.float32)).astype(np.int32)
    return total


def linear_by_numpy(x: Floats, layer: PackedLinear, curve: str = "none", fixed: float = 0.0) -> Floats:
    """Compute what the kernel computes."""
    q, scales = quantize_rows(x, fixed)
    result = exact_product(q, layer.matrix()).astype(np.float32) * (scales[:, None] * layer.scales) + layer.bias
    return result if curve == "none" else OPS[curve].run(result)[0]


@cache
def _kernel(form: str) -> Callable[..., None]:
    """Compile the kernel for one form, or load it from disk.

    Raises:
        StateError: If this machine cannot run it, as after weights were packed on another.
    """
    forms.require_form(form)
    from tinytorch.perf.kernels import compiled

    kernel: Callable[..., None] = compiled.int8(LAYOUTS[form].kind)
    return kernel
