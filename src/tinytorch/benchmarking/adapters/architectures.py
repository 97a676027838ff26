"""What a saved model is built of: the built-in layers, their arguments, and what stands where inside a larger one.

A layer is looked up in `LAYERS`, and its arguments are numbers. A larger built-in layer, such as `LeNet`, is its name
and arguments; whatever inside it is no longer as its constructor makes it, such as a quantized or a narrower layer, is
described by its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from typing import Any

import numpy as np

from tinytorch.core.layers import Layer, Sequential
from tinytorch.errors import DTypeError, explain

__all__ = ["LAYERS", "Kind", "built", "described", "unchanged_chance"]

DEEPEST = 32

Description = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One built-in layer.

    Attributes:
        module: Where its class stands, under its name.
        arguments: For each argument of its constructor, where a layer keeps it.
        keeps_width: Whether the last axis passes through unchanged, so that a layer behind it decides the input's size.
        of_another: The listed layer that it is made of, where its constructor takes that instead of the arguments.
        of_table: Where the layer around it keeps the table that it shares.
    """

    module: str
    arguments: Mapping[str, str]
    keeps_width: bool = False
    of_another: str = ""
    of_table: str = ""

    def of(self, name: str) -> type:
        """Give the class."""
        found: type = getattr(import_module(self.module), name)
        return found

    def make(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Make a layer of it."""
        if self.of_another:
            inner = LAYERS[self.of_another]
            own = {argument: value for argument, value in arguments.items() if argument not in inner.arguments}
            given = {argument: value for argument, value in arguments.items() if argument in inner.arguments}
            return self.of(name)(inner.make(self.of_another, given), **own)
        return self.of(name)(**arguments)


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_ACTIVATION = Kind("tinytorch.core.activations", {}, keeps_width=True)
_POOL = Kind("tinytorch.core.spatial", _same("kernel_size", "stride", "padding"))
_CONV = _same("in_channels", "out_channels", "kernel_size", "stride", "padding", "bias")
_MLP = {"input_size": "fc1.in_features", "hidden_size": "fc1.out_features", "output_size": "fc2.out_features"}
_GPT = _same("vocab_size", "embed_dim", "num_layers", "num_heads", "max_seq_len", "tie_weights")
_TABLE = _same("vocab_size", "embed_dim")
_QUANTIZATION = "tinytorch.perf.quantization"
_LINEAR = _same("in_features", "out_features", "bias")
_BYTES = _LINEAR | {"bias": "q_bias"}

LAYERS: dict[str, Kind] = {
    "Sequential": Kind("tinytorch.core.layers", {}),
    "Linear": Kind("tinytorch.core.layers", _LINEAR),
    "Dropout": Kind("tinytorch.core.layers", _same("p"), keeps_width=True),
    **dict.fromkeys(("ReLU", "Sigmoid", "Tanh", "GELU", "Softmax"), _ACTIVATION),
    "Conv2d": Kind("tinytorch.core.spatial", _CONV),
    "MaxPool2d": _POOL,
    "AvgPool2d": _POOL,
    "BatchNorm2d": Kind("tinytorch.core.spatial", _same("num_features", "eps", "momentum")),
    "Flatten": Kind("tinytorch.core.spatial", {}, keeps_width=True),
    "SimpleCNN": Kind("tinytorch.core.spatial", _same("num_classes")),
    "LeNet": Kind("tinytorch.core.spatial", _same("num_classes", "in_channels", "image_size")),
    "GPT": Kind("tinytorch.core.transformers", _GPT | {"dropout": "dropout.p"}),
    "SimpleMLP": Kind("tinytorch.capstone.models", _MLP),
    "ImageMLP": Kind("tinytorch.capstone.models", {}),
    "PhotoCNN": Kind("tinytorch.capstone.models", {}),
    "Embedding": Kind("tinytorch.core.embeddings", _TABLE),
    "QuantizedLinear": Kind(_QUANTIZATION, _BYTES, of_another="Linear"),
    "QuantizedConv2d": Kind(_QUANTIZATION, _CONV, of_another="Conv2d"),
    "QuantizedEmbedding": Kind(_QUANTIZATION, _TABLE, of_another="Embedding"),
    "QuantizedHead": Kind(_QUANTIZATION, {}, of_table="token_embedding"),
    "Int4Linear": Kind(_QUANTIZATION, _LINEAR | _same("group"), of_another="Linear"),
    "Int4Embedding": Kind(_QUANTIZATION, _TABLE | _same("group"), of_another="Embedding"),
    "Int4Head": Kind(_QUANTIZATION, {}, of_table="token_embedding"),
    "SparseLinear": Kind("tinytorch.perf.compression", _LINEAR | {"entries": "count", "kind": "kind"}),
}


def described(layer: Any, depth: int = 0) -> Description:
    """Say what a layer is made of, so that `built` can make it again.

    Raises:
        DTypeError: If a layer is none of `LAYERS`.

    Example:
        >>> from tinytorch.core.activations import ReLU
        >>> described(Sequential(ReLU()))
        {'layer': 'Sequential', 'layers': [{'layer': 'ReLU', 'arguments': {}}]}
    """
    kind: type = type(layer)
    name = kind.__name__
    if name not in LAYERS or kind is not LAYERS[name].of(name) or depth > DEEPEST:
        raise DTypeError(explain("a layer of a saved model", f"one of {', '.join(LAYERS)}", name))
    if name == "Sequential":
        return {"layer": name, "layers": [described(inner, depth + 1) for inner in layer]}
    places = LAYERS[name].arguments
    found = {"layer": name, "arguments": {argument: _argument(layer, place) for argument, place in places.items()}}
    changed = {} if LAYERS[name].of_table else _changed(layer, found, depth)
    return found | ({"changed": changed} if changed else {})


def built(description: Description) -> Any:
    """Make the layer that a description stands for, its weights drawn anew."""
    name = description["layer"]
    kind = LAYERS[name]
    if name == "Sequential":
        return Sequential(*[built(inner) for inner in description["layers"]])
    given = description["arguments"]
    made = kind.make(name, {argument: given[argument] for argument in kind.arguments})
    for place, inner in description.get("changed", {}).items():
        table = LAYERS[inner["layer"]].of_table
        shared = LAYERS[inner["layer"]].of(inner["layer"])(getattr(made, table)) if table else None
        _put(made, place.split("."), shared or built(inner))
    return made


@contextmanager
def unchanged_chance() -> Iterator[None]:
    """Let no one notice that layers draw weights as they are made."""
    before = np.random.get_state(legacy=False)  # noqa: NPY002  the state the layers draw from
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def _argument(layer: Any, place: str) -> Any:
    try:
        value = reduce(getattr, place.split("."), layer)
    except AttributeError as error:
        raise DTypeError(explain("a layer of a saved model", f"one that says its {place}", repr(layer))) from error
    if place.endswith("bias"):
        return value is not None
    return value.item() if isinstance(value, np.generic) else value


def _changed(layer: Any, found: Description, depth: int) -> dict[str, Description]:
    """Describe the listed layers inside a larger one that its constructor would have made otherwise."""
    inside = dict(_inside(layer))
    if not inside:
        return {}
    with unchanged_chance():
        fresh = {place: repr(inner) for place, inner in _inside(built(found))}
    return {place: described(inner, depth + 1) for place, inner in inside.items() if repr(inner) != fresh.get(place)}


def _inside(value: Any, place: str = "") -> Iterator[tuple[str, Layer]]:
    """List the outermost listed layers that a value holds, with their places in it."""
    for name, item in _items(value):
        if isinstance(item, Layer) and type(item).__name__ in LAYERS:
            yield place + name, item
        elif isinstance(item, Layer | list | dict):
            yield from _inside(item, f"{place}{name}.")


def _items(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [(str(number), item) for number, item in enumerate(value)]
    return [(str(name), item) for name, item in (value if isinstance(value, dict) else vars(value)).items()]


def _put(holder: Any, way: list[str], layer: Any) -> None:
    """Put a layer where another one stands."""
    name, *rest = way
    inside: Any = holder if isinstance(holder, list | dict) else vars(holder)
    key = int(name) if isinstance(inside, list) else name
    if rest:
        _put(inside[key], rest, layer)
        return
    if not isinstance(inside[key], Layer):
        raise TypeError(f"at {name} there is no layer")
    inside[key] = layer
