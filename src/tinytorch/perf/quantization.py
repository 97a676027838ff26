"""Eight-bit weights: int8 in memory, in the file and in the arithmetic.

`quantize` is the technique: it takes a model and returns another whose linear layers are `QuantizedLinear`. The
functions of whole tensors (`quantize_int8`) and those that change a model in place are doors for code that knows them.

Source:
    B. Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Layer, Linear, layers_of
from tinytorch.core.tensor import BYTES_PER_FLOAT32, MB_TO_BYTES, Tensor
from tinytorch.errors import DTypeError, RangeError, explain
from tinytorch.perf.graph import inference
from tinytorch.perf.quantized_layers import INT8_MAX_VALUE, SMALLEST_SCALE, QuantizedLinear

__all__ = [
    "BYTES_PER_FLOAT32",
    "BYTES_PER_INT8",
    "EPSILON",
    "INT8_MAX_VALUE",
    "INT8_MIN_VALUE",
    "INT8_RANGE",
    "MB_TO_BYTES",
    "QUANTIZE_DYNAMIC",
    "QUANTIZE_STATIC",
    "QuantizedLinear",
    "Quantizer",
    "compare_model_sizes",
    "dequantize_int8",
    "quantize",
    "quantize_int8",
    "quantize_model",
]

QUANTIZE_DYNAMIC = "quantize.int8.dynamic.v1"
QUANTIZE_STATIC = "quantize.int8.static.v1"

INT8_MIN_VALUE = -128
INT8_RANGE = 256
EPSILON = 1e-8
BYTES_PER_INT8 = 1

Array = NDArray[Any]
Model = TypeVar("Model")


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


def quantize(model: Model, calibration_data: Iterable[Tensor] | None = None) -> Model:
    """Build a copy of a model in which every linear layer is int8, wherever it stands.

    Args:
        model: A layer, or an object that holds layers. It is left alone.
        calibration_data: Inputs of the model. With them, the scales of activations are fixed (static); without, each
            call finds them (dynamic).

    Raises:
        DTypeError: If there is no linear layer.
        RangeError: If a weight is not finite, or a layer saw nothing but zeros in `calibration_data`.

    Example:
        >>> from tinytorch.core.activations import ReLU
        >>> from tinytorch.core.layers import Sequential
        >>> quantize(Sequential(Linear(4, 8), ReLU(), Linear(8, 2)))
        Sequential(QuantizedLinear(4, 8), ReLU(), QuantizedLinear(8, 2))
    """
    copy = deepcopy(model)
    made: dict[int, QuantizedLinear] = {}
    smaller = _replaced(copy, made, set())
    if not made:
        raise DTypeError(explain("the model", "one that holds a Linear layer", type(model).__name__))
    if calibration_data is not None:
        _calibrate(smaller, list(made.values()), calibration_data)
    return smaller


def _replaced(value: Any, made: dict[int, QuantizedLinear], seen: set[int]) -> Any:
    """Give a quantized layer for a linear one, and for anything that holds some the same thing holding others."""
    if isinstance(value, Linear):
        return made.setdefault(id(value), QuantizedLinear(value))
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(_replaced(item, made, seen) for item in value)
    if id(value) not in seen and (isinstance(value, list | dict) or hasattr(value, "forward")):
        seen.add(id(value))
        _replace_inside(value, made, seen)
    return value


def _replace_inside(holder: Any, made: dict[int, QuantizedLinear], seen: set[int]) -> None:
    if isinstance(holder, list):
        holder[:] = [_replaced(item, made, seen) for item in holder]
        return
    items = holder if isinstance(holder, dict) else vars(holder)
    for name, item in list(items.items()):
        items[name] = _replaced(item, made, seen)


def _calibrate(model: Any, layers: list[QuantizedLinear], inputs: Iterable[Tensor]) -> None:
    for layer in layers:
        layer.largest_input = 0.0
    try:
        with inference(model), no_grad():
            for x in inputs:
                getattr(model, "forward", model)(x)
        for layer in layers:
            layer.fix_scale(layer.largest_input or math.nan)
    finally:
        for layer in layers:
            layer.largest_input = None


def quantize_model(model: Any, calibration_data: Iterable[Tensor] | None = None) -> None:
    """Replace every linear layer in `model.layers`, in place; `quantize` makes a copy instead.

    Raises:
        RangeError: If the model has no list `layers`.
    """
    layers = getattr(model, "layers", None)
    if not isinstance(layers, list):
        remedy = "Call quantize(model), which returns a new model."
        raise RangeError(explain("the model", "one with a list of layers", type(model).__name__, remedy=remedy))
    made: dict[int, QuantizedLinear] = {}
    layers[:] = [_replaced(layer, made, set()) if isinstance(layer, Linear) else layer for layer in layers]
    if calibration_data is not None:
        _calibrate(model, list(made.values()), calibration_data)


def compare_model_sizes(original: Any, quantized: Any) -> dict[str, float]:
    """Compare what two models hold: numbers, and bytes as stored; a shared array counts once.

    Raises:
        RangeError: If one of them holds nothing.
    """
    before, after = _arrays(original), _arrays(quantized)
    if not before or not after:
        raise RangeError(explain("a model", "one that holds arrays", "none"))
    bytes_before, bytes_after = (sum(array.nbytes for array in arrays) for arrays in (before, after))
    return {
        "original_params": _count(original),
        "quantized_params": _count(quantized),
        "original_bytes": bytes_before,
        "quantized_bytes": bytes_after,
        "compression_ratio": bytes_before / bytes_after,
        "memory_saved_mb": (bytes_before - bytes_after) / MB_TO_BYTES,
        "memory_saved_percent": 100 * (1 - bytes_after / bytes_before),
    }


def _count(model: Any) -> int:
    """Count weights and biases; scales are not among them."""
    layers = layers_of(model)
    bytewise = sum(
        tensor.size for layer in layers if isinstance(layer, QuantizedLinear) for tensor in layer.parameters()
    )
    floats = {id(array): array for layer in layers if not isinstance(layer, QuantizedLinear) for array in _own(layer)}
    return bytewise + sum(array.size for array in floats.values())


def _arrays(model: Any) -> list[Array]:
    found: dict[int, Array] = {}
    for layer in layers_of(model):
        held = [array for _, array in layer._state()] if isinstance(layer, QuantizedLinear) else _own(layer)  # noqa: SLF001
        found.update({id(array): array for array in held})
    return list(found.values())


def _own(layer: Layer) -> list[Array]:
    return [
        value.data if isinstance(value, Tensor) else value
        for value in vars(layer).values()
        if isinstance(value, Tensor | np.ndarray)
    ]


class Quantizer:
    """The functions above under other names."""

    quantize_tensor = staticmethod(quantize_int8)
    dequantize_tensor = staticmethod(dequantize_int8)
    compare_models = staticmethod(compare_model_sizes)

    @staticmethod
    def quantize_model(model: Any, calibration_data: Iterable[Tensor] | None = None) -> dict[str, Any]:
        """Quantize a copy of a model, and say what that saves.

        Returns:
            `quantized_layers` by name, `original_size_mb`, `quantized_size_mb` and `compression_ratio`.
        """
        smaller = quantize(model, calibration_data)
        sizes = compare_model_sizes(model, smaller)
        layers = [layer for layer in layers_of(smaller) if isinstance(layer, QuantizedLinear)]
        return {
            "quantized_layers": {f"layer_{position}": layer for position, layer in enumerate(layers)},
            "original_size_mb": sizes["original_bytes"] / MB_TO_BYTES,
            "quantized_size_mb": sizes["quantized_bytes"] / MB_TO_BYTES,
            "compression_ratio": sizes["compression_ratio"],
        }
