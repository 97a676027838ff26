"""Making it smaller or faster: a technique takes a model and returns a model."""

from collections.abc import Callable
from typing import Any

from tinytorch.perf.compilation import COMPILE, CompiledModel, compile
from tinytorch.perf.compression import PRUNE_UNITS, remove_hidden_units
from tinytorch.perf.costs import count_flops
from tinytorch.perf.graph import Graph, trace

__all__ = ["TECHNIQUES", "CompiledModel", "Graph", "compile", "count_flops", "remove_hidden_units", "trace"]

TECHNIQUES: dict[str, Callable[..., Any]] = {
    COMPILE: compile,
    PRUNE_UNITS: remove_hidden_units,
}
