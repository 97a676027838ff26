"""Making it smaller or faster: a technique takes a model and returns a model."""

from collections.abc import Callable
from typing import Any

from tinytorch.perf.compilation import COMPILE, CompiledModel, compile
from tinytorch.perf.compression import FACTORIZE, PRUNE_MAGNITUDE, PRUNE_UNITS, factorize, prune, remove_hidden_units
from tinytorch.perf.costs import count_flops
from tinytorch.perf.graph import Graph, trace
from tinytorch.perf.quantization import QUANTIZE_DYNAMIC, QUANTIZE_STATIC, QuantizedLinear, quantize

__all__ = [
    "TECHNIQUES",
    "CompiledModel",
    "Graph",
    "QuantizedLinear",
    "compile",
    "count_flops",
    "factorize",
    "prune",
    "quantize",
    "remove_hidden_units",
    "trace",
]

TECHNIQUES: dict[str, Callable[..., Any]] = {
    COMPILE: compile,
    FACTORIZE: factorize,
    PRUNE_MAGNITUDE: prune,
    PRUNE_UNITS: remove_hidden_units,
    QUANTIZE_DYNAMIC: quantize,
    QUANTIZE_STATIC: quantize,
}
