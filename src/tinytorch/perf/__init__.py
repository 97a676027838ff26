"""Making it smaller or faster: a technique takes a model and returns a model."""

from collections.abc import Callable
from typing import Any

from tinytorch.perf.compression import PRUNE_UNITS, remove_hidden_units

__all__ = ["TECHNIQUES", "remove_hidden_units"]

TECHNIQUES: dict[str, Callable[..., Any]] = {
    PRUNE_UNITS: remove_hidden_units,
}
