"""How the weights of a model are spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinytorch.errors import RangeError, explain
from tinytorch.perf.profiling.models import parameters_of

__all__ = ["PERCENTILES", "analyze_weight_distribution"]

PERCENTILES = (10, 25, 50, 75, 90)
THRESHOLDS = {"below_threshold_0001": 0.001, "below_threshold_001": 0.01, "below_threshold_01": 0.1}


def analyze_weight_distribution(model: Any, percentiles: Sequence[float] = PERCENTILES) -> dict[str, Any]:
    """Describe the magnitudes of a model's weights: what pruning by magnitude will find.

    Args:
        model: Anything that shows parameters.
        percentiles: Which ones, each in [0, 100].

    Returns:
        `total_weights`; `mean`, `std`, `min` and `max` of the magnitudes; `percentile_P` for each of `percentiles`;
        and `below_threshold_0001`, `_001` and `_01`, how many percent of them are below 0.001, 0.01 and 0.1. Of a model
        without weights, `error` and why.

    Raises:
        RangeError: If a percentile is outside [0, 100], or a weight is NaN or infinite.

    Example:
        >>> from types import SimpleNamespace
        >>> from tinytorch.core.tensor import Tensor
        >>> found = analyze_weight_distribution(SimpleNamespace(weight=Tensor([[-2.0, 0.05, 0.0, 1.0]])), [50])
        >>> found["total_weights"], found["max"], found["below_threshold_01"]
        (4, 2.0, 50.0)
    """
    for percent in percentiles:
        if not 0 <= percent <= 100:  # NaN fails this too
            raise RangeError(explain("a percentile", "in [0, 100]", percent))
    found = [np.abs(np.asarray(one.data, dtype=np.float64)).ravel() for one in parameters_of(model)]
    weights = np.concatenate(found) if found else np.empty(0)
    if weights.size == 0:
        return {"error": "No weights found: the model shows no parameters."}
    if not np.isfinite(weights).all():
        raise RangeError(explain("the weights", "finite", "NaN or infinity"))
    return (
        {"total_weights": int(weights.size), "mean": float(weights.mean()), "std": float(weights.std())}
        | {"min": float(weights.min()), "max": float(weights.max())}
        | {f"percentile_{percent}": float(np.percentile(weights, percent)) for percent in percentiles}
        | {name: float(100 * (weights < limit).mean()) for name, limit in THRESHOLDS.items()}
    )
