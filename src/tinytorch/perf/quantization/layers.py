"""Layers on bytes: int8 weights, int8 activations, sums in int32, floats in and out.

Source:
    B. Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.layers import Layer, Linear
from tinytorch.core.tensor import BYTES_PER_FLOAT32, Tensor
from tinytorch.errors import DTypeError, RangeError, ShapeError, explain
from tinytorch.perf.kernels.int8 import PackedLinear, Scratch, pack_linear, quantize_columns
from tinytorch.perf.tracing import inference_op

__all__ = ["INT8_MAX_VALUE", "SMALLEST_SCALE", "BytesLayer", "CalibratedLayer", "QuantizedLinear", "int8_linear"]

INT8_MAX_VALUE = 127
LARGEST_BIAS = 2**31 - 1
SMALLEST_SCALE = 1e-37

Array = NDArray[Any]
Parts = dict[str, Array]


class BytesLayer(Layer):
    """What layers of small numbers share: state as it is stored, packed again wherever it arrives.

    A class of layers gives its state in `_parts` and takes it in `_restore`. How weights lie in memory is its own
    affair, and of the machine: files and copies hold what `_parts` gives.
    """

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Of the weights, as a layer of floats has them."""
        raise NotImplementedError(f"{type(self).__name__} must define weight_shape")

    @property
    def joined_shape(self) -> tuple[int, ...]:
        """Of the weights as stored; where two share a byte, another one."""
        return self.weight_shape

    def _parts(self) -> Parts:
        raise NotImplementedError(f"{type(self).__name__} must define _parts")

    def _restore(self, parts: Parts) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define _restore")

    def parameters(self) -> list[Tensor]:
        """Give none: weights of whole numbers are not trained."""
        return []

    def stored_bytes(self) -> int:
        """Count the bytes of the state, as a file gets them."""
        return sum(array.nbytes for array in self._parts().values())

    def weight_count(self) -> int:
        """Count the weights and biases that the state stands for; scales are not among them."""
        return sum(array.size for name, array in self._parts().items() if name in {"q_weight", "q_bias", "bias"})

    def count_zeros(self) -> tuple[int, int]:
        """Say how many weights are 0, and how many there are; none of a layer that shares another's."""
        q = self._parts().get("q_weight", np.empty(0, np.int8))
        return q.size - int(np.count_nonzero(q)), q.size

    def after_load(self) -> None:
        """Pack again what was written into the arrays that `_state` lent."""
        lent = {name: reference() for name, reference in vars(self).pop("_lent", {}).items()}
        parts = {name: array for name, array in lent.items() if array is not None}
        if parts and len(parts) == len(lent):
            self._restore(parts)

    def _state(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        parts = self._parts()
        self._lent = {name: weakref.ref(array) for name, array in parts.items()}
        yield from ((prefix + name, array) for name, array in parts.items())

    def __getstate__(self) -> dict[str, Any]:
        """Give what a copy needs, in another process and on another machine too: the weights in no form of this one."""
        passing = {"packed", "scratches", "_lent", "largest_input"}
        return {
            "kept": {name: value for name, value in vars(self).items() if name not in passing},
            "parts": self._parts(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state["kept"])
        self._restore(state["parts"])


class CalibratedLayer(BytesLayer):
    """A layer whose activations are bytes too, by a scale that each call finds, or that is fixed beforehand.

    Attributes:
        input_scale: What one step of an activation stands for; None while each call finds it.
        largest_input: The largest magnitude seen, while it is calibrated.
    """

    input_scale: float | None = None
    largest_input: float | None = None

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

    def _observe(self, x: Tensor) -> None:
        if self.largest_input is not None:
            self.largest_input = max(self.largest_input, float(np.abs(x.data).max(initial=0)))


@inference_op
def int8_linear(x: Array, *, layer: Any) -> Array:
    """Compute a layer of packed bytes on (..., in) floats."""
    packed: PackedLinear = layer.packed
    rows = np.ascontiguousarray(x, np.float32).reshape(math.prod(x.shape[:-1]), x.shape[-1])
    out = np.empty((len(rows), packed.outputs), np.float32)
    scratch = _scratch(layer.scratches, packed, len(rows))
    packed.run(rows, out, fixed=layer.input_scale or 0.0, scratch=scratch)
    layer.scratches.append(scratch)
    return out.reshape(*x.shape[:-1], packed.outputs)


def _scratch(kept: list[Scratch], packed: PackedLinear, rows: int) -> Scratch:
    """Take memory for a call: what calls gave back, if it is large enough."""
    try:
        scratch = kept.pop()
    except IndexError:
        return packed.scratch(rows)
    return scratch if scratch.fits(rows) else packed.scratch(rows)


class QuantizedLinear(CalibratedLayer):
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
        require_finite(linear, weight, linear.bias)
        self.in_features, self.out_features = weight.shape
        self.bias_scale: float | None = None
        self.q_bias: Tensor | None = None
        if linear.bias is not None:
            self.bias_scale, self.q_bias = _quantized_bias(linear.bias.data)
        self._pack(*quantize_columns(weight))

    def _pack(self, q: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
        bias = None if self.q_bias is None else (self.q_bias.data * np.float64(self.bias_scale or 0)).astype(np.float32)
        self.packed: PackedLinear = pack_linear(q, scales, bias)
        self.scratches: list[Scratch] = []

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.in_features, self.out_features

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

    def forward(self, x: Tensor) -> Tensor:
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(explain(f"the input of {self!r}", f"of shape (..., {self.in_features})", x.shape))
        self._observe(x)
        found: Tensor = int8_linear(x, layer=self)
        return found

    def parameters(self) -> list[Tensor]:
        """Give the quantized tensors; they are not trained."""
        return [self.q_weight] if self.q_bias is None else [self.q_weight, self.q_bias]

    def memory_usage(self) -> dict[str, float]:
        """Compare the bytes that this layer stores with those of float32 weights and biases."""
        original = BYTES_PER_FLOAT32 * (self.in_features + (self.q_bias is not None)) * self.out_features
        stored = self.stored_bytes()
        return {"original_bytes": original, "quantized_bytes": stored, "compression_ratio": original / stored}

    def _parts(self) -> Parts:
        """Give the weights as int8 (in, out), whatever the order in memory is here."""
        parts: Parts = {"q_weight": self.packed.matrix().copy(), "weight_scale": self.packed.scales.copy()}
        if self.q_bias is not None:
            parts["q_bias"] = self.q_bias.data
        parts["bias_and_input_scale"] = np.array([self.bias_scale or 0, self.input_scale or 0], np.float64)
        return parts

    def _restore(self, parts: Parts) -> None:
        bias_scale, input_scale = map(float, parts["bias_and_input_scale"])
        self.input_scale = input_scale or None
        if "q_bias" in parts:
            self.bias_scale, self.q_bias = bias_scale, Tensor(parts["q_bias"], dtype=np.int32)
        self._pack(parts["q_weight"], parts["weight_scale"])

    def __repr__(self) -> str:
        ending = "" if self.q_bias is not None else ", bias=False"
        return f"QuantizedLinear({self.in_features}, {self.out_features}{ending})"


def require_finite(layer: Layer, weight: Array, bias: Tensor | None = None) -> None:
    """Refuse weights and biases that no scale can hold."""
    for name, values in (("weights", weight), ("biases", 0 if bias is None else bias.data)):
        if not np.isfinite(values).all():
            raise RangeError(explain(f"the {name} of {layer!r}", "finite to be quantized", "NaN or infinity"))


def _quantized_bias(bias: Array) -> tuple[float, Tensor]:
    """Make biases int32 by one scale: finer than float32 where it matters, and as large."""
    top = float(np.abs(bias).max(initial=0))
    scale = top / LARGEST_BIAS if top > SMALLEST_SCALE else 1.0
    return scale, Tensor(np.rint(bias.astype(np.float64) / scale).astype(np.int32), dtype=np.int32)
