"""What models of bytes claim, and how it is tested."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.embeddings import Embedding
from tinytorch.core.layers import Linear
from tinytorch.core.spatial import Conv2d
from tinytorch.core.tensor import Tensor
from tinytorch.errors import explain
from tinytorch.perf.quantization.convolution import QuantizedConv2d
from tinytorch.perf.quantization.doors import arrays_of
from tinytorch.perf.quantization.embeddings import QuantizedEmbedding
from tinytorch.perf.quantization.layers import BytesLayer, CalibratedLayer, QuantizedLinear
from tinytorch.perf.quantization.models import quantize
from tinytorch.perf.quantization.nibbles import quantize_int4
from tinytorch.perf.quantization.rehearsal import Rehearsed, quantize_aware
from tinytorch.perf.replacement import layers_by_path
from tinytorch.perf.techniques import Technique

__all__ = ["QUANTIZE_AWARE", "QUANTIZE_DYNAMIC", "QUANTIZE_INT4", "QUANTIZE_STATIC"]

Array = NDArray[Any]
Model = TypeVar("Model")


def _apply_dynamic(model: Model) -> Model:
    return quantize(model)


def _apply_static(model: Model, calibration_data: Iterable[Tensor]) -> Model:
    return quantize(model, calibration_data)


def _check_dynamic(model: Any, original: Any = None) -> list[str]:
    return _check(model, original, fixed=False)


def _check_static(model: Any, original: Any = None) -> list[str]:
    return _check(model, original, fixed=True)


def _check(model: Any, original: Any, *, fixed: bool) -> list[str]:
    problems = list(_left_over(model, (Linear, Conv2d, Embedding)))
    for path, layer in layers_by_path(model).items():
        if isinstance(layer, BytesLayer):
            problems += [f"{problem} — at {path}" for problem in (*_problems(layer), *_scale_problems(layer, fixed))]
    return problems if original is None else problems + _growth(model, original)


def _left_over(model: Any, kinds: tuple[type, ...]) -> Iterator[str]:
    layers = layers_by_path(model)
    for path, layer in layers.items():
        if isinstance(layer, kinds):
            yield explain("a layer with weights", "of bytes", repr(layer), at=path)
    if not any(isinstance(layer, BytesLayer) for layer in layers.values()):
        yield explain("the model", "one that holds layers of bytes", type(model).__name__)


def _problems(layer: BytesLayer, kind: type[np.generic] = np.int8) -> Iterator[str]:
    """Find weights that are of another kind in what a file gets, or floats as large as they in memory."""
    stored = layer.state_dict().get("q_weight")
    if stored is None:  # a head, which scores with another's
        return
    shape = layer.weight_shape if kind is np.int8 else layer.joined_shape
    if stored.dtype != kind:
        yield explain("the weights as stored", np.dtype(kind).name, str(stored.dtype))
    if stored.shape != shape:
        yield explain("the weights as stored", f"of shape {shape}", stored.shape)
    for name, array in _held(layer).items():
        if array.dtype.kind == "f" and array.size >= math.prod(layer.weight_shape):
            got = f"{name} {array.shape}"
            yield explain(f"a {type(layer).__name__}", "without a copy of its weights as floats", got)


def _scale_problems(layer: BytesLayer, fixed: bool) -> Iterator[str]:
    if isinstance(layer, CalibratedLayer) and (layer.input_scale is not None) != fixed:
        rule = "fixed by calibration" if fixed else "found in each call"
        yield explain("the scale of activations", rule, layer.input_scale)


def _held(layer: BytesLayer) -> dict[str, Array]:
    """Give what a layer holds, but its scales and biases in the kernel's order."""
    packed = getattr(layer, "packed", None)
    inside = vars(layer) | {name: value for name, value in getattr(packed, "__dict__", {}).items() if name != "columns"}
    arrays = {name: value.data if isinstance(value, Tensor) else value for name, value in inside.items()}
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}


def _growth(model: Any, original: Any) -> list[str]:
    before, after = (sum(array.nbytes for array in arrays_of(each)) for each in (original, model))
    return [] if after < before else [explain("the bytes held", f"fewer than {before}, those of the original", after)]


def _check_aware(model: Any, original: Any = None, *, calibration_data: Iterable[Tensor] | None = None) -> list[str]:
    """Check what can be seen of the model: that it was trained cannot."""
    fixed = any(layer.input_scale for layer in layers_by_path(model).values() if isinstance(layer, CalibratedLayer))
    rehearsed = [path for path, layer in layers_by_path(model).items() if isinstance(layer, Rehearsed)]
    problems = [explain("a layer", "of bytes, no longer rehearsed", "Rehearsed", at=path) for path in rehearsed]
    return problems + _check(model, original, fixed=fixed or calibration_data is not None)


def _check_int4(model: Any, original: Any = None, *, group: int | None = None) -> list[str]:
    problems = list(_left_over(model, (Linear, Conv2d, Embedding, QuantizedLinear, QuantizedEmbedding)))
    for path, layer in layers_by_path(model).items():
        if isinstance(layer, BytesLayer):
            kind = np.int8 if isinstance(layer, QuantizedConv2d) else np.uint8
            problems += [f"{problem} — at {path}" for problem in _problems(layer, kind)]
        if group is not None and getattr(layer, "group", group) != group:
            problems.append(explain("the group that shares a scale", str(group), layer.group, at=path))
    return problems if original is None else problems + _growth(model, original)


QUANTIZE_AWARE = Technique(
    "quantize.int8.aware.v1",
    quantize_aware,
    "The weights of every linear layer, convolution and embedding are int8 as stored and no floats in memory; the "
    "scales of activations are fixed for all layers or for none.",
    _check_aware,
)
QUANTIZE_DYNAMIC = Technique(
    "quantize.int8.dynamic.v1",
    _apply_dynamic,
    "The weights of every linear layer, convolution and embedding are int8 as stored and no floats in memory; each "
    "call finds the scales of activations.",
    _check_dynamic,
)
QUANTIZE_STATIC = Technique(
    "quantize.int8.static.v1",
    _apply_static,
    "The weights of every linear layer, convolution and embedding are int8 as stored and no floats in memory; the "
    "scales of activations are fixed.",
    _check_static,
)
QUANTIZE_INT4 = Technique(
    "quantize.int4.v1",
    quantize_int4,
    "The weights of every linear layer and embedding are four bits, two in a byte as stored, and those of convolutions "
    "int8.",
    _check_int4,
)
