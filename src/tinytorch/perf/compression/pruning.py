"""Zeros in place of the least important weights. The arrays keep their size."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeVar

import numpy as np

from tinytorch.core.layers import Linear, require_ratio
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, explain
from tinytorch.perf.techniques import Technique

__all__ = ["PRUNE_MAGNITUDE", "MaskedOptimizer", "magnitude_prune", "measure_sparsity", "prune", "structured_prune"]

Model = TypeVar("Model")


def weights_of(model: Any) -> list[Tensor]:
    """List the parameters of two or more axes, each once."""
    return list({id(tensor): tensor for tensor in model.parameters() if tensor.ndim >= 2}.values())


def measure_sparsity(model: Any) -> float:
    """Give the share of weights that are 0, in percent; biases do not count.

    Returns:
        0 to 100; 0.0 if there is no weight.

    Example:
        >>> layer = Linear(2, 2)
        >>> layer.weight.data[...] = [[0, 1], [2, 3]]
        >>> measure_sparsity(layer)
        25.0
    """
    weights = weights_of(model)
    total = sum(weight.data.size for weight in weights)
    zeros = sum(weight.data.size - np.count_nonzero(weight.data) for weight in weights)
    return float(100 * zeros / total) if total else 0.0


def prune(model: Model, sparsity: float = 0.9) -> Model:
    """Build a copy of a model whose smallest weights are 0, by one threshold for all its weights.

    Args:
        model: Anything with `parameters()`. It is left alone.
        sparsity: The share to set to 0, in [0, 1].

    Raises:
        RangeError: If `sparsity` is no ratio, or a weight is not finite.

    Source:
        S. Han et al. (2015), Learning both Weights and Connections for Efficient Neural Networks.
    """
    return magnitude_prune(deepcopy(model), sparsity)


def magnitude_prune(model: Model, sparsity: float = 0.9) -> Model:
    """Set a model's smallest weights to 0, in place, and give the model back.

    The threshold is the percentile `100 * sparsity` of the magnitudes of all weights together; what is at or above it
    stays, so the largest weight always does. Biases stay.

    Raises:
        RangeError: If `sparsity` is no ratio, or a weight is not finite; nothing is changed then.

    Example:
        >>> layer = Linear(2, 2)
        >>> layer.weight.data[...] = [[1, -2], [3, -4]]
        >>> magnitude_prune(layer, 0.5).weight.tolist()
        [[0.0, 0.0], [3.0, -4.0]]
    """
    require_ratio("sparsity", sparsity)
    weights = weights_of(model)
    _require_finite(weights)
    if weights:
        sizes = np.concatenate([np.abs(weight.data).ravel() for weight in weights])
        threshold = np.percentile(sizes, 100 * sparsity)
        for weight in weights:
            weight.data[np.abs(weight.data) < threshold] = 0
    return model


def structured_prune(model: Model, prune_ratio: float = 0.5) -> Model:
    """Set the columns of smallest L2 norm to 0, and their biases, in each Linear of `model.layers`, in place.

    Shapes stay; `remove_hidden_units` is what makes a model smaller.

    Args:
        model: An object with the list `layers`.
        prune_ratio: The share of columns, in [0, 1], rounded down.

    Raises:
        RangeError: If `prune_ratio` is no ratio, or a weight is not finite; nothing is changed then.
    """
    require_ratio("prune_ratio", prune_ratio)
    layers = [layer for layer in getattr(model, "layers", []) if isinstance(layer, Linear)]
    _require_finite([layer.weight for layer in layers])
    for layer in layers:
        norms = np.linalg.norm(layer.weight.data, axis=0)  # (out_features,)
        smallest = np.argsort(norms, kind="stable")[: int(len(norms) * prune_ratio)]
        layer.weight.data[:, smallest] = 0
        if layer.bias is not None:
            layer.bias.data[smallest] = 0
    return model


class MaskedOptimizer:
    """An optimizer whose steps leave the weights of a pruned model at 0 that are 0 now.

    Momentum would revive them otherwise. Biases are free.

    Args:
        optimizer: Any optimizer of the model's parameters.
        model: The pruned model.
    """

    def __init__(self, optimizer: Any, model: Any) -> None:
        self.optimizer = optimizer
        self._pruned = [(weight, weight.data == 0) for weight in weights_of(model)]

    @property
    def lr(self) -> float:
        """The optimizer's rate."""
        return float(self.optimizer.lr)

    @lr.setter
    def lr(self, rate: float) -> None:
        self.optimizer.lr = rate

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.optimizer.zero_grad()

    def step(self) -> None:
        """Take a step, and set to 0 again what is pruned."""
        self.optimizer.step()
        for weight, pruned in self._pruned:
            weight.data[pruned] = 0


def _require_finite(weights: list[Tensor]) -> None:
    for weight in weights:
        if not np.isfinite(weight.data).all():
            wrong = float(weight.data[~np.isfinite(weight.data)][0])
            raise RangeError(explain("a weight", "finite to be pruned", wrong))


def _check(model: Any, original: Any = None, *, sparsity: float | None = None) -> list[str]:
    count, share = sum(weight.size for weight in weights_of(model)), measure_sparsity(model) / 100
    before = 0.0 if original is None else measure_sparsity(original) / 100
    what, got = "the share of weights that are 0", round(share, 4)
    if sparsity is None:
        return [] if share > before else [explain(what, f"more than {round(before, 4)}", got)]
    slack = 1 / count if count else 1  # a percentile lies between two weights
    return [] if share >= sparsity - slack else [explain(what, f"at least {sparsity}", got)]


PRUNE_MAGNITUDE = Technique(
    "prune.magnitude.v1",
    prune,
    "The share of the weights that was said, those of the smallest magnitude, are 0.",
    _check,
)
