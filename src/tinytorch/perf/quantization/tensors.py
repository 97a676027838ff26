"""Whole tensors to bytes and back, by one scale and one zero point for all elements."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, explain
from tinytorch.perf.quantization.layers import INT8_MAX_VALUE, SMALLEST_SCALE

__all__ = ["EPSILON", "INT8_MIN_VALUE", "INT8_RANGE", "dequantize_int8", "quantize_int8"]

INT8_MIN_VALUE = -128
INT8_RANGE = 256
EPSILON = 1e-8

Array = NDArray[Any]


def quantize_int8(tensor: Tensor) -> tuple[Tensor, float, int]:
    """Map a tensor to whole numbers in [-128, 127], by one scale and one zero point for all elements.

    The range always holds 0, which is mapped exactly. A constant that is a whole number of at most 255 has the scale 1;
    any other constant gets the scale that gives it back.

    Returns:
        The tensor of int8, the scale, and the zero point: `value ≈ (q - zero_point) * scale`.

    Raises:
        RangeError: If an element is NaN or infinite.

    Example:
        >>> q, scale, zero_point = quantize_int8(Tensor([0.0, 127.5, 255.0]))
        >>> q.tolist(), scale, zero_point
        ([-128, 0, 127], 1.0, -128)
    """
    values = tensor.data.astype(np.float64)
    if not np.isfinite(values).all():
        wrong = float(values[~np.isfinite(values)][0])
        raise RangeError(explain("an element", "finite to be quantized", wrong))
    scale, zero_point = _affine(float(values.min(initial=0)), float(values.max(initial=0)), values)
    q = np.clip(np.rint(values / scale) + zero_point, INT8_MIN_VALUE, INT8_MAX_VALUE)
    return Tensor(q.astype(np.int8), dtype=np.int8), scale, zero_point


def _affine(low: float, high: float, values: Array) -> tuple[float, int]:
    first = float(values.flat[0]) if values.size else 0.0
    if values.size and values.max() - values.min() < EPSILON and first == round(first) and abs(first) < INT8_RANGE:
        scale = 1.0
    else:
        scale = max((high - low) / (INT8_RANGE - 1), SMALLEST_SCALE)
    return scale, int(np.clip(round(INT8_MIN_VALUE - low / scale), INT8_MIN_VALUE, INT8_MAX_VALUE))


def dequantize_int8(q_tensor: Tensor, scale: float, zero_point: int) -> Tensor:
    """Map whole numbers back: `(q - zero_point) * scale`, in float32.

    Example:
        >>> dequantize_int8(Tensor([-128, 0, 127], dtype="int8"), 1.0, -128).tolist()
        [0.0, 128.0, 255.0]
    """
    return Tensor((q_tensor.data.astype(np.float64) - zero_point) * scale)
