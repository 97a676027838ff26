"""Eight-bit weights: int8 in memory, in the file and in the arithmetic.

`quantize` is the technique: it takes a model and returns another whose linear layers are `QuantizedLinear`. The
functions of whole tensors (`quantize_int8`) and those that change a model in place are doors for code that knows them.

Source:
    B. Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
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
from tinytorch.perf.replacement import layers_by_path, replace_layers
from tinytorch.perf.techniques import Technique

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
    smaller, made = replace_layers(deepcopy(model), _quantized)
    if not made:
        raise DTypeError(explain("the model", "one that holds a Linear layer", type(model).__name__))
    if calibration_data is not None:
        _calibrate(smaller, made, calibration_data)
    return smaller


def _quantized(layer: Any) -> QuantizedLinear | None:
    return QuantizedLinear(layer) if isinstance(layer, Linear) else None


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
    _, made = replace_layers(layers, _quantized)
    if calibration_data is not None:
        _calibrate(model, made, calibration_data)


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


def _apply_dynamic(model: Model) -> Model:
    return quantize(model)


def _apply_static(model: Model, calibration_data: Iterable[Tensor]) -> Model:
    return quantize(model, calibration_data)


def _check_dynamic(model: Any, original: Any = None) -> list[str]:
    return _check(model, original, fixed=False)


def _check_static(model: Any, original: Any = None) -> list[str]:
    return _check(model, original, fixed=True)


def _check(model: Any, original: Any, *, fixed: bool) -> list[str]:
    layers = layers_by_path(model)
    quantized = {path: layer for path, layer in layers.items() if isinstance(layer, QuantizedLinear)}
    problems = [
        explain("a linear layer", "a QuantizedLinear", repr(layer), at=path)
        for path, layer in layers.items()
        if isinstance(layer, Linear)
    ]
    if not quantized:
        problems.append(explain("the model", "one that holds a QuantizedLinear", type(model).__name__))
    for path, layer in quantized.items():
        problems += [f"{problem} — at {path}" for problem in _problems(layer, fixed=fixed)]
    return problems if original is None else problems + _growth(model, original)


def _problems(layer: QuantizedLinear, *, fixed: bool) -> Iterator[str]:
    """Find what is not int8, in memory or in what a file gets, or has another kind of scale."""
    stored, shape = layer.state_dict()["q_weight"], (layer.in_features, layer.out_features)
    for where, weight in (("in memory", layer.packed.values), ("as stored", stored)):
        if weight.dtype != np.int8:
            yield explain(f"the weights {where}", "int8", str(weight.dtype))
    if stored.shape != shape:
        yield explain("the weights as stored", f"of shape {shape}", stored.shape)
    for name, array in _held(layer).items():
        if array.dtype.kind == "f" and array.size >= math.prod(shape):
            yield explain("a QuantizedLinear", "without a copy of its weights as floats", f"{name} {array.shape}")
    if (layer.input_scale is not None) != fixed:
        rule = "fixed by calibration" if fixed else "found in each call"
        yield explain("the scale of activations", rule, layer.input_scale)


def _held(layer: QuantizedLinear) -> dict[str, Array]:
    """Give what a layer holds, but its scales and biases in the kernel's order."""
    inside = vars(layer) | {name: value for name, value in vars(layer.packed).items() if name != "columns"}
    arrays = {name: value.data if isinstance(value, Tensor) else value for name, value in inside.items()}
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}


def _growth(model: Any, original: Any) -> list[str]:
    before, after = (sum(array.nbytes for array in _arrays(each)) for each in (original, model))
    return [] if after < before else [explain("the bytes held", f"fewer than {before}, those of the original", after)]


QUANTIZE_DYNAMIC = Technique(
    "quantize.int8.dynamic.v1",
    _apply_dynamic,
    "The weights of every linear layer are int8, in memory and as stored; each call finds the scales of activations.",
    _check_dynamic,
)
QUANTIZE_STATIC = Technique(
    "quantize.int8.static.v1",
    _apply_static,
    "The weights of every linear layer are int8, in memory and as stored; the scales of activations are fixed.",
    _check_static,
)
