"""Convolutions, poolings and normalizations of read ONNX graphs, by the framework's ops on (N, C, H, W)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core import ops
from tinytorch.core.tensor import Tensor
from tinytorch.perf.onnx.nodes import Handler, Node, Operand, as_tensor

__all__ = ["IMAGE_OPERATORS"]

Array = NDArray[Any]
Pads = tuple[int, int, int, int]  # above, left, below, right


def conv(node: Node, x: Tensor, weight: Operand, bias: Operand = None) -> Tensor:
    """Convolve: all channels together, in groups, or each by itself."""
    _require_images(node, x)
    node.require_no_dilation()
    kernels, group = as_tensor(weight), node.get("group", 1)
    strides = node.get("strides", [1, 1])
    pads = _pads(node, x.shape[2:], kernels.shape[2:], strides)
    if group == 1:
        found = _convolved(x, kernels, strides, pads)
    elif group == x.shape[1] == kernels.shape[0]:
        found = _channelwise(_padded(x, pads), kernels, strides)
    else:
        parts = zip(_split(x, group, 1), _split(kernels, group, 0), strict=True)
        found = ops.concatenate(*(_convolved(part, own, strides, pads) for part, own in parts), axis=1)
    return found if bias is None else found + as_tensor(bias).reshape(1, -1, 1, 1)


def _convolved(x: Tensor, kernels: Tensor, strides: Sequence[int], pads: Pads) -> Tensor:
    is_even = len(set(pads)) == 1
    x, padding = (x, pads[0]) if is_even else (_padded(x, pads), 0)
    if strides[0] == strides[1]:
        found: Tensor = ops.conv2d(x, kernels, stride=strides[0], padding=padding)
        return found
    whole: Tensor = ops.conv2d(x, kernels, padding=padding)
    return whole[:, :, :: strides[0], :: strides[1]]


def _channelwise(x: Tensor, kernels: Tensor, strides: Sequence[int]) -> Tensor:
    """Add up moved images, each times its element of the kernels: no channel meets another."""
    (height, width), (down, across) = kernels.shape[2:], strides
    rows, columns = (x.shape[2] - height) // down + 1, (x.shape[3] - width) // across + 1
    total: Any = None
    for i in range(height):
        for j in range(width):
            moved = x[:, :, i : i + down * (rows - 1) + 1 : down, j : j + across * (columns - 1) + 1 : across]
            part = moved * kernels[:, 0, i, j].reshape(1, -1, 1, 1)
            total = part if total is None else total + part
    return total


def _split(x: Tensor, parts: int, axis: int) -> list[Tensor]:
    size = x.shape[axis] // parts
    whole = (slice(None),) * axis
    return [x[(*whole, slice(place * size, (place + 1) * size))] for place in range(parts)]


def max_pool(node: Node, x: Tensor) -> Tensor:
    """Take the largest of each window; what is outside of the image never is."""
    _require_images(node, x)
    kernel, strides, pads = _windows(node, x)
    padded = x if not any(pads) else _padded(x, pads, float(np.finfo(np.float32).min))
    found: Tensor = ops.max_pool2d(padded, kernel_size=kernel, stride=strides)
    return found


def average_pool(node: Node, x: Tensor) -> Tensor:
    """Take the mean of each window; what is outside of the image counts where the file says so."""
    _require_images(node, x)
    kernel, strides, pads = _windows(node, x)
    found: Tensor = ops.avg_pool2d(_padded(x, pads), kernel_size=kernel, stride=strides)
    if not any(pads):
        return found
    counted = np.ones((1, 1, *x.shape[2:]), np.float32)
    named = _pads(node, x.shape[2:], kernel, strides)
    ends = named if node.get("count_include_pad") else [0] * 4
    counted = np.pad(counted, ((0, 0), (0, 0), (ends[0], ends[2]), (ends[1], ends[3])), constant_values=1)
    missing = [pad - end for pad, end in zip(pads, ends, strict=True)]
    counted = np.pad(counted, ((0, 0), (0, 0), (missing[0], missing[2]), (missing[1], missing[3])))
    share = ops.avg_pool2d(Tensor(counted), kernel_size=kernel, stride=strides).data
    return found / Tensor(share)


def global_average_pool(node: Node, x: Tensor) -> Tensor:
    """Take the mean of each channel."""
    del node
    found: Tensor = x.mean(axis=tuple(range(2, len(x.shape))), keepdims=True)
    return found


def global_max_pool(node: Node, x: Tensor) -> Tensor:
    """Take the largest of each channel."""
    del node
    found: Tensor = x.max(axis=tuple(range(2, len(x.shape))), keepdims=True)
    return found


def batch_normalization(
    node: Node, x: Tensor, gamma: Operand, beta: Operand, mean: Operand, variance: Operand
) -> Tensor:
    """Normalize by kept moments."""
    if node.get("training_mode"):
        raise node.refuse("without training_mode", node.get("training_mode"))
    moments = {name: _array(value) for name, value in (("mean", mean), ("variance", variance))}
    found: Tensor = ops.batch_norm(x, as_tensor(gamma), as_tensor(beta), **moments, eps=node.get("epsilon", 1e-5))
    return found


def local_response_normalization(node: Node, x: Tensor) -> Tensor:
    """Divide by a power of the squares of neighbouring channels.

    Source:
        A. Krizhevsky, I. Sutskever, G. Hinton (2012), ImageNet Classification with Deep Convolutional Neural Networks.
    """
    size, channels = node.get("size"), x.shape[1]
    before = (size - 1) // 2
    squares = x * x
    ends = [np.zeros((x.shape[0], count, *x.shape[2:]), np.float32) for count in (before, size - 1 - before)]
    padded = ops.concatenate(*(as_tensor(part) for part in (ends[0], squares, ends[1]) if part.size), axis=1)
    total = padded[:, :channels]
    for place in range(1, size):
        total += padded[:, place : place + channels]
    base = total * (node.get("alpha", 1e-4) / size) + node.get("bias", 1.0)
    found: Tensor = x / base ** node.get("beta", 0.75)
    return found


def _windows(node: Node, x: Tensor) -> tuple[tuple[int, int], tuple[int, int], Pads]:
    """Say how windows lie; where a last one reaches beyond the padding, the padding is made longer."""
    node.require_no_dilation()
    kernel, strides = node.get("kernel_shape"), node.get("strides", [1, 1])
    pads = list(_pads(node, x.shape[2:], kernel, strides))
    for axis in range(2):
        span = x.shape[2 + axis] + pads[axis] + pads[axis + 2] - kernel[axis]
        if node.get("ceil_mode") and span % strides[axis] and _begins_inside(x, axis, span, strides[axis], pads[axis]):
            pads[axis + 2] += strides[axis] - span % strides[axis]
    return (kernel[0], kernel[1]), (strides[0], strides[1]), (pads[0], pads[1], pads[2], pads[3])


def _begins_inside(x: Tensor, axis: int, span: int, stride: int, before: int) -> bool:
    return (span // stride + 1) * stride < x.shape[2 + axis] + before


def _pads(node: Node, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int]) -> Pads:
    """Give what is added above, left, below and right."""
    how = node.get("auto_pad", "NOTSET")
    if how in {"NOTSET", "VALID"}:
        above, left, below, right = node.get("pads", [0] * 4) if how == "NOTSET" else [0] * 4
        return above, left, below, right
    both = [
        max((-(-size // step) - 1) * step + k - size, 0) for size, k, step in zip(sizes, kernel, strides, strict=True)
    ]
    first = [pad // 2 if how == "SAME_UPPER" else pad - pad // 2 for pad in both]
    return first[0], first[1], both[0] - first[0], both[1] - first[1]


def _padded(x: Tensor, pads: Pads, value: float = 0.0) -> Tensor:
    above, left, below, right = pads
    for axis, before, after in ((2, above, below), (3, left, right)):
        parts = [_filled(x, axis, before, value), x, _filled(x, axis, after, value)]
        there = [part for part in parts if part is not None]
        x = ops.concatenate(*there, axis=axis) if len(there) > 1 else x
    return x


def _filled(x: Tensor, axis: int, count: int, value: float) -> Tensor | None:
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    return Tensor(np.full(shape, value, x.dtype), dtype=x.dtype) if count else None


def _array(value: Operand) -> Array:
    return value.data if isinstance(value, Tensor) else np.asarray(value)


def _require_images(node: Node, x: Tensor) -> None:
    if len(x.shape) != 4:
        raise node.refuse("of images, (N, C, H, W)", f"shape {x.shape}")


IMAGE_OPERATORS: dict[str, Handler] = {
    "AveragePool": average_pool,
    "BatchNormalization": batch_normalization,
    "Conv": conv,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "LRN": local_response_normalization,
    "MaxPool": max_pool,
}
