"""A model rebuilt from its file: of built-in layers as the file describes it, or by a factory that is trusted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tinytorch.benchmarking.adapters.tinytorch_files import INPUTS, LABELS, load_model
from tinytorch.benchmarking.workers.program.workload import Workload, batches_of
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, explain
from tinytorch.files import write_atomically

__all__ = ["COMPILED", "as_tensor", "read_rows", "rebuilt", "running", "workload", "write_rows"]

ROWS = "rows"
COMPILED = "compile.v1"  # done where a model runs, not in its file


def rebuilt(path: str | os.PathLike[str], factory: str | None = None) -> Any:
    """Rebuild a model, in inference mode; without a factory, nothing runs that the file brought along.

    Args:
        path: Of a safetensors file.
        factory: `package.module:make`, which gives the model that the weights are loaded into. It is imported and run.

    Raises:
        DataError: If the file is no such model, or its weights do not fit what the factory made.
    """
    if factory is None:
        return load_model(path)
    model = _made(factory)
    model.load_state_dict(_weights(path))
    return model.eval() if hasattr(model, "eval") else model


def running(model: Any, example: NDArray[Any], techniques: Mapping[str, Any] | list[str]) -> Any:
    """Give a model in the form in which it is measured: compiled, where that is one of its techniques."""
    if COMPILED not in techniques:
        return model
    from tinytorch.perf import compile

    return compile(model, as_tensor(example))


def as_tensor(rows: NDArray[Any]) -> Tensor:
    """Make a tensor of an array and keep its kind of numbers."""
    return Tensor(rows, dtype=rows.dtype)


def workload(path: str, inputs: str, *, compiled: bool = False, factory: str | None = None) -> Workload:
    """Make a workload of a model's file and of the samples that the checker chose, whatever samples the file holds.

    Args:
        path: Of the model.
        inputs: Of the samples of one call, as `write_rows` wrote them.
        compiled: Whether to compile the model once it is read.
        factory: See `rebuilt`.
    """
    rows = read_rows(inputs)
    one = as_tensor(rows)
    model = running(rebuilt(path, factory), rows, [COMPILED] if compiled else [])
    forward = getattr(model, "forward", model)
    return Workload(lambda: forward(one), model, one, quiet=True, batch=batches_of(forward, one))


def write_rows(path: str | os.PathLike[str], rows: NDArray[Any]) -> None:
    """Write an array that another process is to have."""
    from safetensors.numpy import save

    write_atomically(path, save({ROWS: rows.copy(order="C")}))


def read_rows(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read what `write_rows` wrote."""
    from safetensors.numpy import load_file

    rows: NDArray[Any] = load_file(path)[ROWS]
    return rows


def _made(factory: str) -> Any:
    module, _, name = factory.partition(":")
    try:
        value: Any = import_module(module)
        for step in name.split("."):
            value = getattr(value, step)
    except (ImportError, AttributeError) as error:
        remedy = "Install what it needs, or run this in the folder that it is in."
        raise DataError(explain("the factory of a model", "importable here", str(error), remedy=remedy)) from error
    return value()


def _weights(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays: dict[str, NDArray[Any]] = load_file(path)
    except (OSError, SafetensorError) as error:
        rule = "a readable safetensors file"
        raise DataError(explain("a saved model", rule, str(error), at=Path(path).name)) from error
    return {name: array for name, array in arrays.items() if name not in {INPUTS, LABELS}}
