"""A convolution on bytes: int8 kernels with a scale each, int8 images, sums in int32, floats in and out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.spatial import Conv2d
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DTypeError, ShapeError, explain
from tinytorch.perf.kernels.dense import CURVES
from tinytorch.perf.kernels.int8 import quantize_columns
from tinytorch.perf.kernels.int8_convolution import ConvolutionScratch, PackedConvolution, pack_convolution
from tinytorch.perf.quantization.layers import CalibratedLayer, Parts, require_finite
from tinytorch.perf.tracing import inference_op

__all__ = ["QuantizedConv2d", "int8_conv2d"]

Array = NDArray[Any]


@inference_op
def int8_conv2d(x: Array, *, layer: QuantizedConv2d) -> Array:
    """Compute a quantized convolution of (N, C, H, W) floats."""
    packed, images = layer.packed, np.ascontiguousarray(x, np.float32)
    out = np.empty((len(x), layer.out_channels, *packed.windows(*x.shape[2:])), np.float32)
    fixed = layer.input_scale or 0.0
    if packed.form == "numpy":
        packed.run(images, out, fixed=fixed)
        return out
    scratch = layer.scratches.pop() if layer.scratches else None  # threads may be here at once
    if scratch is None or not scratch.fits(*x.shape[2:]):
        scratch = packed.scratch(*x.shape[2:])
    packed.call(images, out, (CURVES["none"], np.float32(fixed)), scratch)
    layer.scratches.append(scratch)
    return out


class QuantizedConv2d(CalibratedLayer):
    """A convolution on bytes: int8 kernels with a scale each, int8 images, sums in int32.

    The scale of the activations is found in each call, one for each image; `calibrate` fixes it instead. Results carry
    no gradient.

    Attributes:
        in_channels, out_channels, kernel_size, stride, padding: As those of `Conv2d`.
        packed: The kernels, in the order in which the compiled code reads them.
        has_bias: Whether it is stored; zeros are not.
        input_scale: What one step of an activation stands for; None while each call finds it.

    Raises:
        DTypeError: If what is given is no `Conv2d`.
        RangeError: If a weight is NaN or infinite.

    Example:
        >>> layer = Conv2d(16, 32, 3)
        >>> QuantizedConv2d(layer).stored_bytes(), layer.weight.data.nbytes
        (4872, 18432)
    """

    def __init__(self, conv: Conv2d) -> None:
        if not isinstance(conv, Conv2d):
            raise DTypeError(explain("what is quantized", "a Conv2d layer", type(conv).__name__))
        weight = conv.weight.data.astype(np.float32)
        require_finite(conv, weight, conv.bias)
        self.in_channels, self.out_channels, self.kernel_size = conv.in_channels, conv.out_channels, conv.kernel_size
        self.stride, self.padding, self.has_bias = conv.stride, conv.padding, conv.bias is not None
        q, scales = quantize_columns(weight.reshape(len(weight), -1).T)
        biases = np.zeros(len(weight), np.float32) if conv.bias is None else conv.bias.data.astype(np.float32)
        self._pack(np.ascontiguousarray(q.T).reshape(weight.shape), scales, biases)

    def _pack(self, q: Array, scales: Array, bias: Array) -> None:
        self.packed: PackedConvolution = pack_convolution(q, scales, bias, stride=self.stride, padding=self.padding)
        self.scratches: list[ConvolutionScratch] = []

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.packed.shape

    @property
    def q_weight(self) -> Tensor:
        """(O, C, kh, kw), int8."""
        out = object.__new__(Tensor)
        out.data = self.packed.kernels()
        return out

    @property
    def bias(self) -> Array | None:
        """(O,), or None."""
        return self.packed.bias if self.has_bias else None

    @property
    def weight_scale(self) -> Array:
        """(O,): what one step of each kernel stands for."""
        return self.packed.scales

    def scaled(self, factor: Array, shift: Array) -> QuantizedConv2d:
        """Make a layer whose result is this one's, times a factor and plus a shift for each channel.

        Symmetric kernels with a scale each make it exact: the bytes stay, up to their sign.
        """
        other = object.__new__(type(self))
        kept = self.__getstate__()["kept"]
        vars(other).update(kept, has_bias=True)
        signs = np.where(factor < 0, -1, 1).astype(np.int8)
        scales = (self.packed.scales * np.abs(factor)).astype(np.float32)
        biases = (self.packed.bias * factor + shift).astype(np.float32)
        other._pack(self.packed.kernels() * signs[:, None, None, None], scales, biases)
        return other

    def forward(self, x: Tensor) -> Tensor:
        if len(x.shape) != 4 or x.shape[1] != self.in_channels:
            raise ShapeError(explain(f"the input of {self!r}", f"of shape (N, {self.in_channels}, H, W)", x.shape))
        self._observe(x)
        found: Tensor = int8_conv2d(x, layer=self)
        return found

    def _parts(self) -> Parts:
        parts: Parts = {"q_weight": self.packed.kernels().copy(), "weight_scale": self.packed.scales.copy()}
        if self.has_bias:
            parts["bias"] = self.packed.bias.copy()
        return parts | {"activation_scale": np.array([self.input_scale or 0], np.float64)}

    def _restore(self, parts: Parts) -> None:
        self.input_scale = float(parts["activation_scale"][0]) or None
        self._pack(parts["q_weight"], parts["weight_scale"], parts.get("bias", np.zeros(self.out_channels, np.float32)))

    def __repr__(self) -> str:
        size = self.kernel_size if self.kernel_size[0] != self.kernel_size[1] else self.kernel_size[0]
        ending = "" if self.has_bias else ", bias=False"
        sizes = f"{self.in_channels}, {self.out_channels}, {size}, stride={self.stride}, padding={self.padding}"
        return f"QuantizedConv2d({sizes}{ending})"
