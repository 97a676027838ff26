"""What ops on small numbers are in ONNX: stored bytes behind DequantizeLinear, activations rounded as they are here.

A fixed scale of activations becomes QuantizeLinear and DequantizeLinear, which runtimes turn into whole-number kernels.
A scale that each call finds is spelled out: before MatMulInteger for linear layers, which multiplies bytes. A product
behind DequantizeLinear would not do there: ONNX Runtime rounds the activations of such a product once more, in blocks.
For convolutions and nibbles it stays one of floats: the same numbers, at the speed of floats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tinytorch.perf.graph import Step
from tinytorch.perf.kernels.int4 import unshortened
from tinytorch.perf.onnx.building import Builder

__all__ = ["BYTE_EXPORTS"]

LARGEST = 127.0
SMALLEST = 1e-37

Array = NDArray[Any]


def int8_linear(step: Step, to: Builder) -> None:
    """Map to a product of bytes: between scales written down for a fixed scale, of whole numbers for one found."""
    layer, (x,) = step.options["layer"], to.inputs_of(step)
    packed = layer.packed
    if layer.input_scale is not None:
        weight = _stored(to, packed.matrix(), packed.scales, axis=1)
        product = to.add("MatMul", _fixed(to, x, layer.input_scale), weight)
    else:
        whole, scale = _whole(to, x, [-1])
        sums = to.add("MatMulInteger", to.cast(whole, np.int8), to.constant(packed.matrix(), "q_weight"))
        scales = to.add("Mul", scale, to.constant(packed.scales, "weight_scale"))
        product = to.add("Mul", to.cast(sums, np.float32), scales)
    _with_bias(step, to, product, packed.bias)


def int8_conv2d(step: Step, to: Builder) -> None:
    """Map to a convolution of rounded images and stored bytes."""
    layer, (given,) = step.options["layer"], to.inputs_of(step)
    x = _rounded(to, given, layer.input_scale, [1, 2, 3])
    weight = _stored(to, layer.packed.kernels(), layer.packed.scales, axis=0)
    bias = to.constant(layer.packed.bias, "bias")
    sizes = {"kernel_shape": list(layer.kernel_size), "strides": [layer.stride] * 2, "pads": [layer.padding] * 4}
    to.add("Conv", x, weight, bias, to=step.output.name, **sizes)


def int4_linear(step: Step, to: Builder) -> None:
    """Map to a product of rows, rounded group by group, and stored nibbles with a scale for each group."""
    packed = step.options["layer"].packed
    (x,), shape = to.inputs_of(step), step.inputs[0].shape
    missing = -packed.inputs % packed.group
    if missing:
        ends = [0] * (2 * len(shape) - 1) + [missing]
        x = to.add("Pad", x, to.whole(ends))
    groups = to.add("Reshape", x, to.whole([0] * (len(shape) - 1) + [-1, packed.group]))
    rounded = _rounded(to, groups, None, [-1])
    flat = to.add("Reshape", rounded, to.whole([0] * (len(shape) - 1) + [-1]))
    weight = np.pad(packed.matrix(), ((0, missing), (0, 0)))
    everything = np.arange(packed.outputs)
    scales = unshortened(packed.scales_of(everything)).astype(np.float32).T
    _with_bias(step, to, to.add("MatMul", flat, _nibbles(to, weight, scales, packed.group)), packed.bias)


def sparse_linear(step: Step, to: Builder) -> None:
    """Map to a product with the matrix as floats, its zeros among them: runtimes have no sparse product."""
    layer, (x,) = step.options["layer"], to.inputs_of(step)
    _with_bias(step, to, to.add("MatMul", x, to.constant(layer.dense(), "weight")), layer.biases())


def look_up(step: Step, to: Builder) -> None:
    """Map to a Gather of stored rows, made floats afterwards, so that no table of floats is made."""
    layer, (ids,) = step.options["layer"], to.inputs_of(step)
    places = to.cast(ids, np.int64)
    if not hasattr(layer, "row_scales"):
        table = to.constant(layer.rows(np.arange(layer.vocab_size)), "table")
        to.add("Gather", table, places, to=step.output.name, axis=0)
        return
    parts = layer._parts()  # noqa: SLF001  its state as it is stored
    rows = to.add("Gather", to.constant(parts["q_weight"], "q_weight"), places, axis=0)
    scales = to.add("Gather", to.constant(parts["weight_scale"][:, None], "weight_scale"), places, axis=0)
    to.add("Mul", to.cast(rows, np.float32), scales, to=step.output.name)


def _rounded(to: Builder, x: str, fixed: float | None, axes: Sequence[int]) -> str:
    """Round activations to whole numbers of at most 127 steps, and give what these stand for."""
    return _fixed(to, x, fixed) if fixed is not None else to.add("Mul", *_whole(to, x, axes))


def _fixed(to: Builder, x: str, fixed: float) -> str:
    scale, zero = to.constant(np.float32(fixed), "input_scale"), to.constant(np.int8(0))
    limits = [to.constant(np.float32(end * LARGEST * fixed)) for end in (-1, 1)]  # -128 is not used here
    whole = to.add("QuantizeLinear", to.add("Clip", x, *limits), scale, zero)
    return to.add("DequantizeLinear", whole, scale, zero)


def _whole(to: Builder, x: str, axes: Sequence[int]) -> tuple[str, str]:
    """Give whole numbers, and what a step of them stands for, along the axes a scale of its own."""
    top = to.add("ReduceMax", to.add("Abs", x), to.whole(axes), keepdims=1)
    scale = to.add("Div", top, to.constant(np.float32(LARGEST)))
    safe = to.add("Max", scale, to.constant(np.float32(SMALLEST)))
    return to.add("Round", to.add("Div", x, safe)), scale


def _stored(to: Builder, q: Array, scales: Array, axis: int) -> str:
    zeros = to.constant(np.zeros(len(scales), np.int8))
    return to.add("DequantizeLinear", to.constant(q, "q_weight"), to.constant(scales, "weight_scale"), zeros, axis=axis)


def _nibbles(to: Builder, q: Array, scales: Array, group: int) -> str:
    """Write down four bits a weight."""
    name = to.unused("q_weight")
    low, high = (part.astype(np.uint8) & 15 for part in (q.ravel()[::2], np.resize(q.ravel()[1::2], -(-q.size // 2))))
    joined = (low | high << 4).tobytes()
    to.constants[name] = helper.make_tensor(name, TensorProto.INT4, q.shape, joined, raw=True)
    return to.add("DequantizeLinear", name, to.constant(scales, "weight_scale"), axis=0, block_size=group)


def _with_bias(step: Step, to: Builder, product: str, bias: Array) -> None:
    bias = bias[: step.output.shape[-1]]
    if bias.any():
        to.add("Add", product, to.constant(bias, "bias"), to=step.output.name)
    else:
        to.add("Identity", product, to=step.output.name)


BYTE_EXPORTS: dict[str, Callable[[Step, Builder], None]] = {
    "int4_linear": int4_linear,
    "int8_conv2d": int8_conv2d,
    "int8_linear": int8_linear,
    "look_up": look_up,
    "sparse_linear": sparse_linear,
}
