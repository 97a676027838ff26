"""Fine-tuning for bytes: a model that computes as its int8 form does, and learns as if nothing were rounded.

`rehearse` replaces linear layers and convolutions by ones whose results are those of the int8 layer, to the bit, and
whose gradients are those of the float layer on the rounded operands (the straight-through estimator). `perform` makes
the int8 model of it, which gives the very outputs that were rehearsed. `quantize_aware` does all of it.

Source:
    Y. Bengio, N. Léonard, A. Courville (2013), Estimating or Propagating Gradients Through Stochastic Neurons; B. Jacob
    et al. (2018), Quantization and Training of Neural Networks, section 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.core import ops
from tinytorch.core.autograd import no_grad
from tinytorch.core.embeddings import Embedding
from tinytorch.core.layers import Layer, Linear, layers_of
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.spatial import Conv2d
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import Trainer
from tinytorch.core.transformers import TiedHead
from tinytorch.errors import DTypeError, explain
from tinytorch.perf.kernels.int8 import quantize_columns, quantize_rows
from tinytorch.perf.quantization.convolution import QuantizedConv2d
from tinytorch.perf.quantization.embeddings import QuantizedEmbedding
from tinytorch.perf.quantization.layers import INT8_MAX_VALUE, CalibratedLayer, QuantizedLinear
from tinytorch.perf.quantization.models import fold_normalization, quantize
from tinytorch.perf.replacement import replace_layers

__all__ = ["Rehearsed", "perform", "quantize_aware", "rehearse"]

Array = NDArray[Any]
Model = TypeVar("Model")


class Rehearsed(Layer):
    """A linear layer or a convolution that gives what its int8 form gives, with gradients as if nothing were rounded.

    Where a fixed scale clips an activation, its gradient is 0.

    Attributes:
        layer: The layer of floats, which is trained.
        input_scale: What one step of an activation stands for; None while each call finds it.

    Example:
        >>> layer, x = Rehearsed(Linear(4, 2)), Tensor([[0.1, 0.2, 0.3, 0.4]])
        >>> bool((layer(x).data == layer.quantized()(x).data).all()), layer(x).requires_grad
        (True, True)
    """

    def __init__(self, layer: Linear | Conv2d, input_scale: float | None = None) -> None:
        self.layer = layer
        self.input_scale = input_scale

    def quantized(self) -> QuantizedLinear | QuantizedConv2d:
        """Make the int8 layer of the weights as they are now."""
        made = QuantizedConv2d(self.layer) if isinstance(self.layer, Conv2d) else QuantizedLinear(self.layer)
        made.input_scale = self.input_scale
        return made

    def forward(self, x: Tensor) -> Tensor:
        with no_grad():
            exact = self.quantized()(x)
        out = self._of_floats(self._rounded_input(x), self._rounded_weight())
        out.data = exact.data  # no gradient reads it: those of products read their operands
        return out

    def _of_floats(self, x: Tensor, weight: Tensor) -> Tensor:
        layer = self.layer
        operands = (x, weight) if layer.bias is None else (x, weight, layer.bias)
        if isinstance(layer, Conv2d):
            return ops.conv2d(*operands, stride=layer.stride, padding=layer.padding)
        return ops.matmul(*operands) if layer.bias is None else ops.linear(*operands)

    def _rounded_input(self, x: Tensor) -> Tensor:
        within = x
        if self.input_scale is not None:
            limit = INT8_MAX_VALUE * self.input_scale
            within = x.clip(-limit, limit)
        images = isinstance(self.layer, Conv2d)
        rows = x.data.reshape(x.shape[0], -1) if images else x.data.reshape(-1, x.shape[-1])
        q, scales = quantize_rows(rows.astype(np.float32), self.input_scale or 0.0)
        return _through(within, (q * scales[:, None]).reshape(x.shape))

    def _rounded_weight(self) -> Tensor:
        weight = self.layer.weight
        columns = weight.data.reshape(len(weight.data), -1).T if isinstance(self.layer, Conv2d) else weight.data
        q, scales = quantize_columns(columns.astype(np.float32))
        rounded = q * scales
        return _through(weight, (rounded.T if isinstance(self.layer, Conv2d) else rounded).reshape(weight.shape))

    def __repr__(self) -> str:
        return f"Rehearsed({self.layer!r})"


def _through(x: Tensor, values: Array) -> Tensor:
    """Give `values`, with the gradient of `x`."""
    return x + Tensor(values - x.data, dtype=x.dtype)


def rehearse(model: Model, calibration_data: Iterable[Tensor] | None = None) -> Model:
    """Build a copy of a model that computes as its int8 form does, to be trained.

    Embeddings are bytes already, and are not trained.

    Args:
        model: A layer, or an object that holds layers. It is left alone.
        calibration_data: Inputs that fix the scales of activations; without, each call finds them.

    Raises:
        DTypeError: If there is no linear layer and no convolution, or a head scores with an embedding.
        RangeError: As `quantize` does.
    """
    if any(isinstance(layer, TiedHead) for layer in layers_of(model)):
        remedy = "Give the model a head of its own."
        raise DTypeError(explain("a rehearsed model", "one whose head has weights", "a tied head", remedy=remedy))
    copy = deepcopy(model)
    fold_normalization(copy)
    scales = iter(_scales(copy, calibration_data))
    made: dict[int, QuantizedEmbedding] = {}

    def make(layer: Any) -> Layer | None:
        if isinstance(layer, Embedding):
            return made.setdefault(id(layer.weight), QuantizedEmbedding(layer))
        return Rehearsed(layer, next(scales)) if isinstance(layer, Linear | Conv2d) else None

    rehearsed, replaced = replace_layers(copy, make)
    if not any(isinstance(layer, Rehearsed) for layer in replaced):
        raise DTypeError(explain("the model", "one that holds a Linear layer or a Conv2d", type(model).__name__))
    return rehearsed


def _scales(model: Any, calibration_data: Iterable[Tensor] | None) -> list[float | None]:
    """Give the scale of each layer's activations, in the order in which layers are replaced."""
    if calibration_data is None:
        return [None for layer in layers_of(model) if isinstance(layer, Linear | Conv2d)]
    _, found = replace_layers(quantize(model, calibration_data), _itself)
    return [layer.input_scale for layer in found]


def _itself(layer: Any) -> CalibratedLayer | None:
    return layer if isinstance(layer, CalibratedLayer) else None


def perform(model: Model) -> Model:
    """Build the int8 model that was rehearsed; it gives the same outputs, to the bit.

    Raises:
        DTypeError: If nothing in it was rehearsed.
    """
    performed, made = replace_layers(
        deepcopy(model), lambda layer: layer.quantized() if isinstance(layer, Rehearsed) else None
    )
    if not made:
        raise DTypeError(explain("the model", "one that was rehearsed", type(model).__name__))
    return performed


def quantize_aware(
    model: Model,
    batches: Iterable[tuple[Any, ...]],
    *,
    epochs: int = 1,
    lr: float = 1e-3,
    loss_fn: Any = None,
    calibration_data: Iterable[Tensor] | None = None,
) -> Model:
    """Fine-tune a model as its int8 form, and build that: for where rounding a trained model costs too much.

    Args:
        model: Trained already. It is left alone.
        batches: (inputs, targets) each; gone through once an epoch.
        epochs: How often.
        lr: The learning rate, of Adam.
        loss_fn: Cross-entropy unless given.
        calibration_data: Inputs that fix the scales of activations; without, each call finds them.

    Raises:
        DTypeError, RangeError: As `rehearse` does.
    """
    rehearsed = rehearse(model, calibration_data)
    parameters = [tensor for layer in layers_of(rehearsed) for tensor in layer.parameters() if tensor.requires_grad]
    trainer = Trainer(rehearsed, Adam(_distinct(parameters), lr=lr), loss_fn or CrossEntropyLoss())
    for _ in range(epochs):
        trainer.train_epoch(batches)
    performed: Model = perform(rehearsed)
    return performed.train(model.training) if isinstance(performed, Layer) and isinstance(model, Layer) else performed


def _distinct(tensors: Iterable[Tensor]) -> list[Tensor]:
    return list({id(tensor): tensor for tensor in tensors}.values())
