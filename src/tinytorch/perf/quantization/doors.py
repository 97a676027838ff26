"""Doors for code that knows them: quantizing in place, sizes beside each other, the static functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.layers import Layer, Linear, layers_of
from tinytorch.core.tensor import MB_TO_BYTES, Tensor
from tinytorch.errors import RangeError, explain
from tinytorch.perf.quantization.layers import BytesLayer, QuantizedLinear
from tinytorch.perf.quantization.models import calibrate, quantize
from tinytorch.perf.quantization.tensors import dequantize_int8, quantize_int8
from tinytorch.perf.replacement import replace_layers

__all__ = ["BYTES_PER_INT8", "Quantizer", "arrays_of", "compare_model_sizes", "quantize_model"]

BYTES_PER_INT8 = 1

Array = NDArray[Any]


def quantize_model(model: Any, calibration_data: Iterable[Tensor] | None = None) -> None:
    """Replace every linear layer in `model.layers`, in place; `quantize` makes a copy instead.

    Raises:
        RangeError: If the model has no list `layers`.
    """
    layers = getattr(model, "layers", None)
    if not isinstance(layers, list):
        remedy = "Call quantize(model), which returns a new model."
        raise RangeError(explain("the model", "one with a list of layers", type(model).__name__, remedy=remedy))
    _, made = replace_layers(layers, lambda layer: QuantizedLinear(layer) if isinstance(layer, Linear) else None)
    if calibration_data is not None:
        calibrate(model, made, calibration_data)


def compare_model_sizes(original: Any, quantized: Any) -> dict[str, float]:
    """Compare what two models hold: numbers, and bytes as stored; a shared array counts once.

    Raises:
        RangeError: If one of them holds nothing.
    """
    before, after = arrays_of(original), arrays_of(quantized)
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
    whole = sum(layer.weight_count() for layer in layers if isinstance(layer, BytesLayer))
    floats = {id(array): array for layer in layers if not isinstance(layer, BytesLayer) for array in _own(layer)}
    return whole + sum(array.size for array in floats.values())


def arrays_of(model: Any) -> list[Array]:
    """List what a model holds, as stored, each array once."""
    found: dict[int, Array] = {}
    for layer in layers_of(model):
        held = [array for _, array in layer._state()] if isinstance(layer, BytesLayer) else _own(layer)  # noqa: SLF001
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
        layers = [layer for layer in layers_of(smaller) if isinstance(layer, BytesLayer)]
        return {
            "quantized_layers": {f"layer_{position}": layer for position, layer in enumerate(layers)},
            "original_size_mb": sizes["original_bytes"] / MB_TO_BYTES,
            "quantized_size_mb": sizes["quantized_bytes"] / MB_TO_BYTES,
            "compression_ratio": sizes["compression_ratio"],
        }
