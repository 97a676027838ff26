"""Zeros in place of the least important weights. The arrays keep their size."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeVar

import numpy as np

from tinytorch.core.layers import Linear, require_ratio
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, explain
from tinytorch.perf.replacement import layers_by_path
from tinytorch.perf.techniques import Technique

__all__ = [
    "PRUNE_MAGNITUDE",
    "magnitude_prune",
    "measure_sparsity",
    "prune",
    "require_scope",
    "structured_prune",
    "weights_of",
]

Model = TypeVar("Model")

SCOPES = ("global", "layer")


def weights_of(model: Any) -> list[Tensor]:
    """List the parameters of two or more axes, each once."""
    return list({id(tensor): tensor for tensor in model.parameters() if tensor.ndim >= 2}.values())


def measure_sparsity(model: Any) -> float:
    """Give the share of weights that are 0, in percent; biases do not count.

    Weights of bytes and those that a sparse layer leaves out are counted as well.

    Returns:
        0 to 100; 0.0 if there is no weight.

    Example:
        >>> layer = Linear(2, 2)
        >>> layer.weight.data[...] = [[0, 1], [2, 3]]
        >>> measure_sparsity(layer)
        25.0
    """
    counts = list(_count_zeros(model).values())
    total = sum(size for _, size in counts)
    return float(100 * sum(zeros for zeros, _ in counts) / total) if total else 0.0


def _count_zeros(model: Any) -> dict[str, tuple[int, int]]:
    """Say of each array of weights, whatever form they have, how many are 0 and how many there are."""
    layers: dict[int, tuple[str, Any]] = {}
    for path, layer in layers_by_path(model).items():
        layers.setdefault(id(layer), (path, layer))
    packed = {path: layer.count_zeros() for path, layer in layers.values() if hasattr(layer, "count_zeros")}
    found = {path or "the model": counts for path, counts in packed.items() if counts[1]}
    if not hasattr(model, "count_zeros"):
        floats = {f"weight {number}": weight.data for number, weight in enumerate(weights_of(model))}
        found |= {name: (array.size - int(np.count_nonzero(array)), array.size) for name, array in floats.items()}
    return found


def prune(model: Model, sparsity: float = 0.9, scope: str = "global") -> Model:
    """Build a copy of a model whose smallest weights are 0.

    Args:
        model: Anything with `parameters()`. It is left alone.
        sparsity: The share to set to 0, in [0, 1].
        scope: `global` sets one threshold for all weights together, `layer` one for each array of them.

    Raises:
        RangeError: If `sparsity` is no ratio, the scope is unknown, or a weight is not finite.

    Source:
        S. Han et al. (2015), Learning both Weights and Connections for Efficient Neural Networks.
    """
    return magnitude_prune(deepcopy(model), sparsity, scope)


def magnitude_prune(model: Model, sparsity: float = 0.9, scope: str = "global") -> Model:
    """Set a model's smallest weights to 0, in place, and give the model back.

    The threshold is the percentile `100 * sparsity` of the magnitudes of all weights together, or of each array by
    itself; what is at or above it stays, so the largest weight always does. Biases stay.

    Raises:
        RangeError: If `sparsity` is no ratio, the scope is unknown, or a weight is not finite; nothing is changed then.

    Example:
        >>> layer = Linear(2, 2)
        >>> layer.weight.data[...] = [[1, -2], [3, -4]]
        >>> magnitude_prune(layer, 0.5).weight.tolist()
        [[0.0, 0.0], [3.0, -4.0]]
    """
    require_ratio("sparsity", sparsity)
    require_scope(scope)
    weights = weights_of(model)
    _require_finite(weights)
    for group in [weights] if scope == "global" and weights else [[weight] for weight in weights]:
        threshold = np.percentile(np.concatenate([np.abs(weight.data).ravel() for weight in group]), 100 * sparsity)
        for weight in group:
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


def _require_finite(weights: list[Tensor]) -> None:
    for weight in weights:
        if not np.isfinite(weight.data).all():
            wrong = float(weight.data[~np.isfinite(weight.data)][0])
            raise RangeError(explain("a weight", "finite to be pruned", wrong))


def require_scope(scope: str) -> None:
    """Refuse what is no scope."""
    if scope not in SCOPES:
        raise RangeError(explain("scope", f"one of {', '.join(SCOPES)}", scope))


def _check(model: Any, original: Any = None, *, sparsity: float | None = None, scope: str = "global") -> list[str]:
    counts = _count_zeros(model)
    count, share = sum(size for _, size in counts.values()), measure_sparsity(model) / 100
    before = 0.0 if original is None else measure_sparsity(original) / 100
    what, got = "the share of weights that are 0", round(share, 4)
    if scope not in SCOPES:
        return [explain("scope", f"one of {', '.join(SCOPES)}", scope)]
    if sparsity is None:
        return [] if share > before else [explain(what, f"more than {round(before, 4)}", got)]
    if scope == "layer" and counts:
        shares = {name: (zeros / size, 1 / size) for name, (zeros, size) in counts.items()}
        few = {name: share for name, (share, slack) in shares.items() if share < sparsity - slack}
        return [explain(what, f"at least {sparsity}", round(share, 4), at=name) for name, share in few.items()]
    slack = 1 / count if count else 1  # a percentile lies between two weights
    return [] if share >= sparsity - slack else [explain(what, f"at least {sparsity}", got)]


PRUNE_MAGNITUDE = Technique(
    "prune.magnitude.v1",
    prune,
    "The share of the weights that was said, those of the smallest magnitude, are 0.",
    _check,
)
