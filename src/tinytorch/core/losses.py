"""Loss functions: predictions and targets in, a scalar of shape () out."""

from __future__ import annotations

from typing import Any

from tinytorch.core import ops
from tinytorch.core.autograd import EPSILON
from tinytorch.core.layers import Layer
from tinytorch.core.tensor import Tensor

__all__ = ["EPSILON", "BinaryCrossEntropyLoss", "CrossEntropyLoss", "MSELoss", "log_softmax"]


def log_softmax(x: Tensor, dim: int = -1) -> Tensor:
    """The logarithm of the softmax along `dim`, by log-sum-exp.

    Example:
        >>> log_softmax(Tensor([[1000.0, 1000.0]])).data.round(4).tolist()
        [[-0.6930999755859375, -0.6930999755859375]]
    """
    return ops.log_softmax(x, dim=dim)


class Loss(Layer):
    """What all losses share: `forward(predictions, targets)`, and nothing to train."""

    def backward(self) -> Any:
        """Do nothing: call `backward` on the loss's value. It stands for code written before that was so."""


class MSELoss(Loss):
    """The mean of the squared differences; predictions and targets have one shape.

    Raises:
        ShapeError: If they have not: (4, 1) beside (4,) would silently become (4, 4).
    """

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        return ops.mse(predictions, targets)


class CrossEntropyLoss(Loss):
    """The mean of `-log softmax(logits)` at the target classes.

    Takes logits of shape (..., C) and class indices of shape (...), as tensors or arrays of whole numbers.

    Raises:
        ShapeError: If the shapes do not match, or there is no row.
        RangeError: If a target is no class: out of range, fractional, or NaN.
    """

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return ops.cross_entropy(logits, targets)


class BinaryCrossEntropyLoss(Loss):
    """The mean of `-(t log p + (1 - t) log(1 - p))` for probabilities p, kept 1e-7 away from 0 and 1.

    Raises:
        ShapeError: If predictions and targets differ in shape.
        RangeError: If one of them lies outside [0, 1].
    """

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        return ops.bce(predictions, targets)
