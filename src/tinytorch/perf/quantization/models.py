"""Models whose layers are of bytes: the techniques.

`quantize` takes a model and returns another whose linear layers, convolutions and embeddings are of bytes.

Source:
    B. Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np

from tinytorch.core.autograd import no_grad
from tinytorch.core.embeddings import Embedding
from tinytorch.core.layers import Linear, Sequential, layers_of
from tinytorch.core.spatial import BatchNorm2d, Conv2d
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import TiedHead
from tinytorch.errors import DTypeError, explain
from tinytorch.perf.graph import inference
from tinytorch.perf.quantization.convolution import QuantizedConv2d
from tinytorch.perf.quantization.embeddings import QuantizedEmbedding, QuantizedHead
from tinytorch.perf.quantization.layers import BytesLayer, CalibratedLayer, QuantizedLinear
from tinytorch.perf.replacement import replace_layers

__all__ = ["calibrate", "fold_normalization", "quantize"]

Model = TypeVar("Model")


def quantize(model: Model, calibration_data: Iterable[Tensor] | None = None) -> Model:
    """Build a copy of a model in which every linear layer, convolution and embedding is int8, wherever it stands.

    A batch normalization right behind a convolution, in a `Sequential`, is put into its kernels first; where a model
    calls one after the other by itself, `compile` does that in the graph, to the same bytes.

    Args:
        model: A layer, or an object that holds layers. It is left alone.
        calibration_data: Inputs of the model. With them, the scales of activations are fixed (static); without, each
            call finds them (dynamic).

    Raises:
        DTypeError: If there is no such layer.
        RangeError: If a weight is not finite, or a layer saw nothing but zeros in `calibration_data`.

    Example:
        >>> from tinytorch.core.activations import ReLU
        >>> quantize(Sequential(Linear(4, 8), ReLU(), Linear(8, 2)))
        Sequential(QuantizedLinear(4, 8), ReLU(), QuantizedLinear(8, 2))
    """
    copy = deepcopy(model)
    fold_normalization(copy)
    smaller, made = replace_layers(copy, _Maker())
    if not made:
        rule = "one that holds a Linear layer, a Conv2d or an Embedding"
        raise DTypeError(explain("the model", rule, type(model).__name__))
    if calibration_data is not None:
        calibrate(smaller, made, calibration_data)
    return smaller


class _Maker:
    """Makes layers of bytes. Embeddings that share a table become one, and a head that scores with it shares that."""

    def __init__(self) -> None:
        self.embeddings: dict[int, QuantizedEmbedding] = {}

    def __call__(self, layer: Any) -> BytesLayer | None:
        if isinstance(layer, Linear):
            return QuantizedLinear(layer)
        if isinstance(layer, Conv2d):
            return QuantizedConv2d(layer)
        if isinstance(layer, Embedding):
            return self._embedding(layer)
        return QuantizedHead(self._embedding(layer.embedding)) if isinstance(layer, TiedHead) else None

    def _embedding(self, layer: Embedding) -> QuantizedEmbedding:
        key = id(layer.weight)
        if key not in self.embeddings:
            self.embeddings[key] = QuantizedEmbedding(layer)
        return self.embeddings[key]


def fold_normalization(model: Any) -> None:
    """Put each batch normalization right behind a convolution, in a `Sequential`, into its kernels, in place.

    Example:
        >>> model = Sequential(Conv2d(1, 2, 3), BatchNorm2d(2))
        >>> fold_normalization(model)
        >>> model
        Sequential(Conv2d(1, 2, 3, stride=1, padding=0))
    """
    for holder in layers_of(model):
        if type(holder) is Sequential:
            holder.layers = _without_norms(holder.layers)


def _without_norms(layers: Sequence[Any]) -> list[Any]:
    kept: list[Any] = []
    for layer in layers:
        before = kept[-1] if kept else None
        if type(layer) is BatchNorm2d and type(before) is Conv2d and before.out_channels == layer.num_features:
            kept[-1] = _folded(before, layer)
        else:
            kept.append(layer)
    return kept


def _folded(conv: Conv2d, norm: BatchNorm2d) -> Conv2d:
    """Make a convolution of both; another one, as the old may stand elsewhere too."""
    scale = norm.gamma.data / np.sqrt(norm.running_var.astype(np.float64) + norm.eps)
    bias = 0.0 if conv.bias is None else conv.bias.data
    both = deepcopy(conv)
    both.weight = Tensor(conv.weight.data * scale[:, None, None, None], requires_grad=True)
    both.bias = Tensor((bias - norm.running_mean) * scale + norm.beta.data, requires_grad=True)
    return both


def calibrate(model: Any, layers: Iterable[Any], inputs: Iterable[Tensor]) -> None:
    """Fix the scales of the activations of `layers` by what reaches them when the model runs on `inputs`.

    Raises:
        RangeError: If one saw nothing but zeros.
    """
    calibrated = [layer for layer in layers if isinstance(layer, CalibratedLayer)]
    for layer in calibrated:
        layer.largest_input = 0.0
    try:
        with inference(model), no_grad():
            for x in inputs:
                getattr(model, "forward", model)(x)
        for layer in calibrated:
            layer.fix_scale(layer.largest_input or math.nan)
    finally:
        for layer in calibrated:
            layer.largest_input = None
