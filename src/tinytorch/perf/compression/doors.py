"""Several ways of compressing a model in place, by one configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from tinytorch.core.autograd import as_array
from tinytorch.errors import RangeError, explain
from tinytorch.perf.compression.factorization import factorize_inside
from tinytorch.perf.compression.pruning import magnitude_prune, measure_sparsity, structured_prune

__all__ = ["Compressor", "compress_model"]

Model = TypeVar("Model")

KEYS = ("low_rank", "magnitude_prune", "structured_prune")  # in this order: factors of a sparse matrix are dense
COMPRESSOR_KEYS = ("magnitude_sparsity", "structured_prune_ratio")


def compress_model(model: Any, compression_config: Mapping[str, float]) -> dict[str, Any]:
    """Compress a model in place, and say what was done.

    Args:
        model: An object with `parameters()`; columns are those of its linear layers, ranks of its convolutions too.
        compression_config: Any of `magnitude_prune`, `structured_prune` and `low_rank`, with their ratios.

    Returns:
        `original_params`, `original_sparsity` and `final_sparsity` in percent, `sparsity_increase`, and
        `applied_techniques`, such as `["magnitude_prune_0.7"]`: those that changed the model, in order.

    Raises:
        RangeError: If a key is unknown, or a ratio out of range.
    """
    _require_known(compression_config, KEYS)
    before = measure_sparsity(model)
    count = sum(tensor.data.size for tensor in model.parameters())
    applied = [
        f"{key}_{compression_config[key]}"
        for key in KEYS
        if key in compression_config and _apply(key, model, compression_config[key])
    ]
    after = measure_sparsity(model)
    return {
        "original_params": count,
        "original_sparsity": before,
        "applied_techniques": applied,
        "final_sparsity": after,
        "sparsity_increase": after - before,
    }


def _apply(key: str, model: Any, ratio: float) -> bool:
    if key == "low_rank":
        return factorize_inside(model, ratio) > 0
    before = _count_zeros(model)
    (magnitude_prune if key == "magnitude_prune" else structured_prune)(model, ratio)
    return _count_zeros(model) > before


class Compressor:
    """The same in fractions: sparsities are in [0, 1], and biases count in them, though pruning leaves them alone."""

    @staticmethod
    def measure_sparsity(model: Any) -> float:
        """Give the share of all parameters that are 0, in [0, 1]; 0.0 if there are none."""
        total = sum(tensor.data.size for tensor in model.parameters())
        return _count_zeros(model) / total if total else 0.0

    @staticmethod
    def magnitude_prune(model: Model, sparsity: float = 0.5) -> Model:
        """Do as `tinytorch.perf.compression.magnitude_prune` does, in place."""
        return magnitude_prune(model, sparsity)

    @staticmethod
    def structured_prune(model: Model, prune_ratio: float = 0.5) -> Model:
        """Do as `tinytorch.perf.compression.structured_prune` does, in place."""
        return structured_prune(model, prune_ratio)

    @staticmethod
    def compress_model(model: Model, compression_config: Mapping[str, float]) -> tuple[Model, dict[str, float]]:
        """Compress in place by `magnitude_sparsity` and `structured_prune_ratio`, whichever are given.

        Returns:
            The model, and `original_sparsity`, `final_sparsity` and `compression_ratio`: bytes of the parameters before
            over bytes after. It is 1.0, as zeros take the room of other numbers.

        Raises:
            RangeError: If a key is unknown, or a ratio out of range.
        """
        _require_known(compression_config, COMPRESSOR_KEYS)
        before, size = Compressor.measure_sparsity(model), _bytes(model)
        if "magnitude_sparsity" in compression_config:
            magnitude_prune(model, compression_config["magnitude_sparsity"])
        if "structured_prune_ratio" in compression_config:
            structured_prune(model, compression_config["structured_prune_ratio"])
        after = Compressor.measure_sparsity(model)
        ratio = size / _bytes(model) if size else 1.0
        return model, {"original_sparsity": before, "final_sparsity": after, "compression_ratio": ratio}


def _count_zeros(model: Any) -> int:
    return sum(int(tensor.data.size - np.count_nonzero(tensor.data)) for tensor in model.parameters())


def _bytes(model: Any) -> int:
    return sum(as_array(tensor).nbytes for tensor in model.parameters())


def _require_known(config: Mapping[str, float], known: tuple[str, ...]) -> None:
    if unknown := sorted(set(config) - set(known)):
        raise RangeError(explain("the keys of the configuration", f"among {', '.join(known)}", unknown))
