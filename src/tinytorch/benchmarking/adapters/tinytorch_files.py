"""TinyTorch's models in files: weights as safetensors, and the names of built-in layers that they belong to.

Reading one runs nothing that the file brought along: a layer is looked up in `LAYERS`, and its arguments are numbers.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch.core import activations, layers
from tinytorch.core.layers import Sequential
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, DTypeError, explain
from tinytorch.files import write_atomically

__all__ = ["LAYERS", "load_model", "save_model", "workload"]

FORMAT = "tinytorch.model.v1"
INPUT_SEED = 0
LAYERS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "Linear": (layers.Linear, ("in_features", "out_features", "bias")),
    "Dropout": (layers.Dropout, ("p",)),
    "ReLU": (activations.ReLU, ()),
    "Sigmoid": (activations.Sigmoid, ()),
    "Tanh": (activations.Tanh, ()),
    "GELU": (activations.GELU, ()),
    "Softmax": (activations.Softmax, ()),
}


def save_model(model: Sequential, path: str | os.PathLike[str], input_shape: tuple[int, ...]) -> None:
    """Write a model of built-in layers, with the shape of the input it is to be measured with.

    Raises:
        DTypeError: If a layer is none of `LAYERS`.
        DataError: If the file cannot be written.
    """
    from safetensors.numpy import save

    described = json.dumps([_described(layer) for layer in model])
    metadata = {"format": FORMAT, "layers": described, "input_shape": json.dumps(list(input_shape))}
    write_atomically(path, save(model.state_dict(), metadata))


def load_model(path: str | os.PathLike[str]) -> tuple[Sequential, tuple[int, ...]]:
    """Read a model, and the shape of its input.

    Raises:
        DataError: If the file is no such model.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
    except (OSError, SafetensorError) as error:
        raise DataError(explain("a saved model", "a readable safetensors file", str(error))) from error
    if metadata.get("format") != FORMAT:
        rule, remedy = f"of the format {FORMAT}", "Write it with save_model."
        raise DataError(explain("a saved model", rule, repr(metadata.get("format")), remedy=remedy))
    try:
        model = Sequential(*[_built(**entry) for entry in json.loads(metadata["layers"])])
        shape = tuple(int(size) for size in json.loads(metadata["input_shape"]))
        model.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # whatever a forged description breaks
        rule = f"built of {', '.join(LAYERS)}, with weights that fit"
        raise DataError(explain("a saved model", rule, f"{error}", at=Path(path).name)) from error
    return model, shape


def workload(path: str) -> tuple[Sequential, Tensor]:
    """Make a workload of a file: its model, and random inputs that are always the same.

    Raises:
        DataError: If the file is no such model.
    """
    model, shape = load_model(path)
    inputs = np.random.default_rng(INPUT_SEED).standard_normal(shape, dtype=np.float32)
    return model, Tensor(inputs)


def _described(layer: Any) -> dict[str, Any]:
    name = type(layer).__name__
    if name not in LAYERS or type(layer) is not LAYERS[name][0]:
        raise DTypeError(explain("a layer of a saved model", f"one of {', '.join(LAYERS)}", name))
    return {"layer": name, "arguments": {argument: _argument(layer, argument) for argument in LAYERS[name][1]}}


def _argument(layer: Any, name: str) -> Any:
    value = getattr(layer, name)
    return value is not None if name == "bias" else value


def _built(layer: str, arguments: dict[str, Any]) -> Any:
    kind, names = LAYERS[layer]
    return kind(**{name: arguments[name] for name in names})
