"""Activation layers: each an op as an object, without parameters."""

from __future__ import annotations

from typing import Any

from tinytorch.core import ops
from tinytorch.core.layers import Layer
from tinytorch.core.tensor import Tensor

__all__ = ["GELU", "TOLERANCE", "ReLU", "Sigmoid", "Softmax", "Tanh"]

TOLERANCE = 1e-10


class Activation(Layer):
    """What all activations share: a result of the input's shape, and nothing to train."""

    def backward(self, grad: Any) -> Any:
        """Do nothing: gradients flow through `Tensor.backward`. It stands for code written before that was so."""


class ReLU(Activation):
    """`max(0, x)`; gradient 0 at 0."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.relu(x)


class Sigmoid(Activation):
    """`1 / (1 + exp(-x))`, without overflow at any x."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.sigmoid(x)


class Tanh(Activation):
    """The hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.tanh(x)


class GELU(Activation):
    """`0.5 x (1 + tanh(sqrt(2/π) (x + 0.044715 x³)))`.

    Source:
        D. Hendrycks, K. Gimpel (2016), Gaussian Error Linear Units (GELUs).
    """

    def forward(self, x: Tensor) -> Tensor:
        return ops.gelu(x)


class Softmax(Activation):
    """`exp(x) / sum(exp(x))` along `dim`, which is given to the call.

    Example:
        >>> Softmax()(Tensor([[1000.0, 1000.0]])).tolist()
        [[0.5, 0.5]]
    """

    def forward(self, x: Tensor, dim: int = -1) -> Tensor:
        return ops.softmax(x, dim=dim)
