"""Eight-bit weights: int8 in memory, in the file and in the arithmetic.

`quantize` is the technique: it takes a model and returns another whose linear layers are `QuantizedLinear`. The
functions of whole tensors (`quantize_int8`) and those that change a model in place are doors for code that knows them.

Source:
    B. Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Layer, Linear, layers_of
from tinytorch.core.tensor import BYTES_PER_FLOAT32, MB_TO_BYTES, Tensor
from tinytorch.errors import DTypeError, RangeError, ShapeError, explain
from tinytorch.perf.graph import inference
from tinytorch.perf.kernels.int8 import PackedLinear, Scratch, pack_linear, quantize_columns
from tinytorch.perf.tracing import inference_op

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
INT8_MAX_VALUE = 127
INT8_RANGE = 256
EPSILON = 1e-8
BYTES_PER_INT8 = 1

LARGEST_BIAS = 2**31 - 1
SMALLEST_SCALE = 1e-37

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


@inference_op
def int8_linear(x: Array, *, layer: QuantizedLinear) -> Array:
    """Compute a quantized layer on (..., in) floats."""
    rows = np.ascontiguousarray(x, np.float32).reshape(math.prod(x.shape[:-1]), x.shape[-1])
    out = np.empty((len(rows), layer.out_features), np.float32)
    scratch = layer.take_scratch(len(rows))
    layer.packed.run(rows, out, fixed=layer.input_scale or 0.0, scratch=scratch)
    layer.scratches.append(scratch)
    return out.reshape(*x.shape[:-1], layer.out_features)


class QuantizedLinear(Layer):
    """A linear layer on bytes: int8 weights with a scale for each output, int8 activations, sums in int32.

    The scale of the activations is found in each call, one for each row; `calibrate` fixes it instead. Results carry
    no gradient.

    Attributes:
        in_features: Features of a row.
        out_features: Features of a result.
        packed: The weights, in the order in which the kernel reads them, and nothing else of the original layer.
        input_scale: What one step of an activation stands for; None while each call finds it.
        input_zero_point: 0: activations are symmetric.
        weight_zero_point: 0: weights are symmetric.

    Raises:
        DTypeError: If what is given is no linear layer.
        RangeError: If a weight is NaN or infinite.

    Example:
        >>> layer = Linear(64, 32)
        >>> QuantizedLinear(layer).memory_usage()["quantized_bytes"], layer.weight.data.nbytes
        (2320, 8192)
    """

    input_zero_point = 0
    weight_zero_point = 0

    def __init__(self, linear: Linear) -> None:
        if not isinstance(linear, Linear):
            raise DTypeError(explain("what is quantized", "a Linear layer", type(linear).__name__))
        weight = linear.weight.data.astype(np.float32)
        for name, values in (("weights", weight), ("biases", 0 if linear.bias is None else linear.bias.data)):
            if not np.isfinite(values).all():
                raise RangeError(explain(f"the {name} of {linear!r}", "finite to be quantized", "NaN or infinity"))
        self.in_features, self.out_features = weight.shape
        self.bias_scale: float | None = None
        self.q_bias: Tensor | None = None
        if linear.bias is not None:
            self.bias_scale, self.q_bias = _quantized_bias(linear.bias.data)
        self.input_scale: float | None = None
        self.largest_input: float | None = None  # while it is calibrated
        self._pack(*quantize_columns(weight))

    def _pack(self, q: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
        bias = None if self.q_bias is None else (self.q_bias.data * np.float64(self.bias_scale or 0)).astype(np.float32)
        self.packed: PackedLinear = pack_linear(q, scales, bias)
        self.scratches: list[Scratch] = []
        self._lent: dict[str, weakref.ref[Array]] = {}

    @property
    def q_weight(self) -> Tensor:
        """(in, out), int8."""
        out = object.__new__(Tensor)
        out.data = self.packed.matrix()
        return out

    @property
    def weight_scale(self) -> NDArray[np.float32]:
        """(out,): what one step of each output's weights stands for."""
        return self.packed.scales

    @property
    def bias_zero_point(self) -> int | None:
        """0, or None without a bias."""
        return None if self.q_bias is None else 0

    @property
    def original_layer(self) -> Linear:
        """A layer of floats that stands for this one, made from the bytes: the original is not kept."""
        linear = object.__new__(Linear)  # drawing weights would move the global random state
        linear.in_features, linear.out_features = self.in_features, self.out_features
        linear.weight = Tensor(self.q_weight.data * self.weight_scale, requires_grad=True)
        linear.bias = None if self.q_bias is None else Tensor(self.packed.bias, requires_grad=True)
        return linear

    def calibrate(self, inputs: Iterable[Tensor]) -> None:
        """Fix the scale of the activations: a 127th of the largest magnitude in all of `inputs`.

        Raises:
            RangeError: If there is no input, none but zeros, or one that is not finite.
        """
        tops = [float(np.abs(x.data).max(initial=0)) for x in inputs]
        self.fix_scale(max(tops) if not any(math.isnan(top) for top in tops) and tops else math.nan)

    def fix_scale(self, largest: float) -> None:
        """Fix the scale of the activations by the largest magnitude they have.

        Raises:
            RangeError: If it is not finite or too small to be divided by.
        """
        if not SMALLEST_SCALE <= largest / INT8_MAX_VALUE < math.inf:
            raise RangeError(explain("the largest calibration input", "finite and above 0", largest))
        self.input_scale = largest / INT8_MAX_VALUE

    def forward(self, x: Tensor) -> Tensor:
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(explain(f"the input of {self!r}", f"of shape (..., {self.in_features})", x.shape))
        if self.largest_input is not None:
            self.largest_input = max(self.largest_input, float(np.abs(x.data).max(initial=0)))
        found: Tensor = int8_linear(x, layer=self)
        return found

    def parameters(self) -> list[Tensor]:
        """Give the quantized tensors; they are not trained."""
        return [self.q_weight] if self.q_bias is None else [self.q_weight, self.q_bias]

    def memory_usage(self) -> dict[str, float]:
        """Compare the bytes that this layer stores with those of float32 weights and biases."""
        original = BYTES_PER_FLOAT32 * (self.in_features + (self.q_bias is not None)) * self.out_features
        stored = sum(array.nbytes for _, array in self._state())
        return {"original_bytes": original, "quantized_bytes": stored, "compression_ratio": original / stored}

    def take_scratch(self, rows: int) -> Scratch:
        """Take memory for a call; `scratches` holds what calls gave back."""
        try:
            scratch = self.scratches.pop()
        except IndexError:
            return self.packed.scratch(rows)
        return scratch if scratch.fits(rows) else self.packed.scratch(rows)

    def after_load(self) -> None:
        """Pack again what was written into the arrays that `_state` lent."""
        lent = {name: reference() for name, reference in self._lent.items()}
        q, scales, ratios = lent["q_weight"], lent["weight_scale"], lent["bias_and_input_scale"]
        if q is None or scales is None or ratios is None:
            return
        self.input_scale = float(ratios[1]) or None
        if self.q_bias is not None:
            self.bias_scale = float(ratios[0])
        self._pack(q, scales)

    def _state(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Give the weights as int8 (in, out), whatever the order in memory is here."""
        parts: dict[str, Array] = {"q_weight": self.packed.matrix().copy(), "weight_scale": self.packed.scales.copy()}
        if self.q_bias is not None:
            parts["q_bias"] = self.q_bias.data
        parts["bias_and_input_scale"] = np.array([self.bias_scale or 0, self.input_scale or 0], np.float64)
        self._lent = {name: weakref.ref(array) for name, array in parts.items()}
        yield from ((prefix + name, array) for name, array in parts.items())

    def __getstate__(self) -> dict[str, Any]:
        """Give what a copy needs, in another process and on another machine too: the weights in no form of this one."""
        passing = {"packed", "scratches", "_lent", "largest_input"}
        kept = {name: value for name, value in vars(self).items() if name not in passing}
        return {"kept": kept, "weights": (self.packed.matrix(), self.packed.scales)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state["kept"], largest_input=None)
        self._pack(*state["weights"])

    def __repr__(self) -> str:
        ending = "" if self.q_bias is not None else ", bias=False"
        return f"QuantizedLinear({self.in_features}, {self.out_features}{ending})"


def _quantized_bias(bias: Array) -> tuple[float, Tensor]:
    """Make biases int32 by one scale: finer than float32 where it matters, and as large."""
    top = float(np.abs(bias).max(initial=0))
    scale = top / LARGEST_BIAS if top > SMALLEST_SCALE else 1.0
    return scale, Tensor(np.rint(bias.astype(np.float64) / scale).astype(np.int32), dtype=np.int32)


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
