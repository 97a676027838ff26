"""What there is to know about a framework's models: how to call one, and how to switch it to inference.

An adapter is one file and one line in `ADAPTERS`; it is imported when a model of its framework shows up, never before.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from tinytorch.benchmarking.adapters.plain import Adapter

__all__ = ["ADAPTERS", "Adapter", "adapter_for"]

ADAPTERS = {
    "tinytorch": "tinytorch.benchmarking.adapters.tinytorch_models",
    "torch": "tinytorch.benchmarking.adapters.torch_models",
}


def adapter_for(model: Any) -> Adapter:
    """Find out by whom a model, its parameters and its parts were made, and give the adapter that knows them.

    Raises:
        DTypeError: If the model can be called in no way.

    Example:
        >>> adapter_for(lambda x: x + 1).call(1)
        2
    """
    makers = set(_makers(model))
    for package, module in ADAPTERS.items():
        if package in makers:
            found: Adapter = import_module(module).Adapter(model)
            return found
    return Adapter(model)


def _makers(model: Any) -> Iterator[str]:
    """Name the packages that the model and what it holds come from."""
    yield from _packages(model)
    parameters = getattr(model, "parameters", None)
    held = list(vars(model).values()) if hasattr(model, "__dict__") else []
    for group in (held, getattr(model, "layers", None), parameters() if callable(parameters) else parameters):
        for part in group if isinstance(group, list | tuple) else ():
            yield from _packages(part)


def _packages(value: Any) -> Iterator[str]:
    for kind in type(value).__mro__:
        yield kind.__module__.partition(".")[0]
