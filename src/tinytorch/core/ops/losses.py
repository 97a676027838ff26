"""Losses: each the mean over all that was predicted, a scalar of shape ()."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.autograd import EPSILON
from tinytorch.core.ops.indices import as_indices
from tinytorch.core.ops.op import Array, Value, op
from tinytorch.errors import RangeError, ShapeError, explain

__all__ = ["bce", "cross_entropy", "mse", "require_classes"]


@op("MSE")
def mse(predictions: Array, targets: Array) -> Value:
    """The mean of the squared differences."""
    _require_same_shape(predictions, targets)
    difference = predictions - targets
    scale = 2 / difference.size
    return np.square(difference).mean(), (lambda g: g * scale * difference, lambda g: -g * scale * difference)


@op("BCE")
def bce(predictions: Array, targets: Array) -> Value:
    """The binary cross-entropy of probabilities, which are kept `EPSILON` away from 0 and 1."""
    _require_same_shape(predictions, targets)
    _require_probabilities("predictions", predictions, "Apply Sigmoid to logits first.")
    _require_probabilities("targets", targets, "Use labels 0 and 1, or probabilities.")
    p = np.clip(predictions, EPSILON, 1 - EPSILON)
    yes, no = np.log(p), np.log(1 - p)
    return -(targets * yes + (1 - targets) * no).mean(), (
        lambda g: g * (p - targets) / (p * (1 - p) * p.size),
        lambda g: g * (no - yes) / p.size,
    )


@op("CrossEntropy")
def cross_entropy(logits: Array, targets: Array) -> Value:
    """The mean of `-log softmax(logits)` at the target classes.

    Args:
        logits: (..., C).
        targets: (...), whole numbers in [0, C).
    """
    rows, classes = require_classes(logits, targets)
    at = np.arange(len(rows))
    shifted = rows - rows.max(axis=1, keepdims=True)  # (N, C)
    odds = np.exp(shifted)
    total = odds.sum(axis=1)  # (N,)

    def rule(g: Array) -> Array:
        gradient = odds / total[:, None]
        gradient[at, classes] -= 1
        gradient *= g / len(rows)
        return gradient.reshape(logits.shape)

    return (np.log(total) - shifted[at, classes]).mean(), (rule, None)


def _require_same_shape(predictions: Array, targets: Array) -> None:
    if np.shape(predictions) != np.shape(targets):
        got = f"{np.shape(predictions)} and {np.shape(targets)}"
        raise ShapeError(explain("predictions and targets", "of one shape", got, remedy="Reshape one of them."))
    if predictions.size == 0:
        raise ShapeError(explain("predictions", "of at least one element", f"the shape {predictions.shape}"))


def _require_probabilities(what: str, values: Array, remedy: str) -> None:
    outside = ~((values >= 0) & (values <= 1))  # NaN is outside too
    if outside.any():
        raise RangeError(explain(what, "in [0, 1]", float(values[outside][0]), remedy=remedy))


def require_classes(logits: Array, targets: Array) -> tuple[Array, NDArray[np.intp]]:
    """Give the logits as (N, C) and the targets as (N,) integers.

    Raises:
        ShapeError: If there is not one target a row, or no row.
        RangeError: If a target is no class.
    """
    if logits.ndim == 0 or logits.shape[:-1] != np.shape(targets) or logits.size == 0:
        rule = "of shape (..., C), at least one row, beside targets of shape (...)"
        got = f"{logits.shape} beside {np.shape(targets)}"
        raise ShapeError(explain("logits", rule, got, remedy="Targets are class indices, one a row."))
    count = logits.shape[-1]
    remedy = f"The logits have {count} columns."
    classes = as_indices("targets", np.ravel(targets), count, each="one a class", remedy=remedy)
    return logits.reshape(-1, count), classes
