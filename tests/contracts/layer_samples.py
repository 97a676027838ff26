"""One row per layer, activation and loss, and per case of it that could go wrong on its own.

A new one needs a row here; `test_layers.py` fails and names this file while it has none.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from contracts.samples import between, classes, real
from tinytorch import core
from tinytorch.core.activations import GELU, ReLU, Sigmoid, Softmax, Tanh
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.losses import BinaryCrossEntropyLoss, CrossEntropyLoss, MSELoss
from tinytorch.core.tensor import Tensor

SEED = 11


def kinds() -> set[type[Layer]]:
    """Find every layer that a module of the framework exports; the base is no layer one can use."""
    modules = [import_module(f"tinytorch.core.{entry.name}") for entry in pkgutil.iter_modules(core.__path__)]
    exported = [getattr(module, name) for module in modules for name in getattr(module, "__all__", ())]
    return {value for value in exported if isinstance(value, type) and issubclass(value, Layer)} - {Layer}


@dataclass(frozen=True)
class LayerRow:
    """One layer, made and called in one way.

    Attributes:
        kind: Its class.
        case: What is special about this row.
        make: Makes one, with weights of its own at each call.
        inputs: One maker of float64 or int64 values per tensor; it is given its position.
        parameters: The names of its parameters.
        options: The keyword arguments of the call.
    """

    kind: type[Layer]
    case: str
    make: Callable[[], Layer]
    inputs: tuple[Callable[[int], np.ndarray], ...]
    parameters: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.kind.__name__}: {self.case}"

    def layer(self, dtype="float32") -> Layer:
        """Make the layer; its parameters are not the zeros that some are born as."""
        layer = self.make().astype(dtype)
        for position, tensor in enumerate(layer.parameters()):
            tensor.data[...] = between(-1, 1, *tensor.shape)(position + 1)
        return layer

    def tensors(self, dtype="float32") -> list[Tensor]:
        """Give fresh inputs; all that hold floats require grad."""
        arrays = [make(position) for position, make in enumerate(self.inputs)]
        floats = [array.dtype.kind == "f" for array in arrays]
        return [Tensor(a, f, dtype if f else a.dtype) for a, f in zip(arrays, floats, strict=True)]

    def call(self, layer: Layer, *tensors: Tensor) -> Tensor:
        """Call the layer on as many tensors as it takes; the others, such as its own parameters, are passed over."""
        np.random.seed(SEED)  # noqa: NPY002  dropout draws from the global state
        return layer(*tensors[: len(self.inputs)], **self.options)


def layers() -> Iterator[LayerRow]:
    both = ("weight", "bias")
    yield LayerRow(Linear, "with a bias", lambda: Linear(3, 2), (real(4, 3),), both)
    yield LayerRow(Linear, "without a bias", lambda: Linear(3, 2, bias=False), (real(4, 3),), ("weight",))
    yield LayerRow(Linear, "one sample", lambda: Linear(3, 2), (real(3),), both)
    yield LayerRow(Linear, "three leading axes", lambda: Linear(3, 2), (real(2, 1, 2, 3),), both)
    yield LayerRow(Dropout, "in training", lambda: Dropout(0.3), (real(4, 3),))
    yield LayerRow(Dropout, "of nothing", lambda: Dropout(0.0), (real(4, 3),))
    yield LayerRow(Dropout, "switched off in the call", Dropout, (real(4, 3),), options={"training": False})
    names = ("layers.0.weight", "layers.0.bias", "layers.2.weight")
    build = lambda: Sequential(Linear(3, 4), Tanh(), Linear(4, 2, bias=False), Dropout(0.25))
    yield LayerRow(Sequential, "of layers with and without parameters", build, (real(2, 3),), names)
    names = ("layers.0.weight", "layers.1.layers.0.weight")
    build = lambda: Sequential([Linear(3, 3, bias=False), Sequential(Linear(3, 2, bias=False))])
    yield LayerRow(Sequential, "in a list, with one inside", build, (real(2, 3),), names)


def activations() -> Iterator[LayerRow]:
    for kind in (GELU, ReLU, Sigmoid, Tanh):
        yield LayerRow(kind, "three axes", kind, (real(2, 3, 2),))
    yield LayerRow(Softmax, "the last axis", Softmax, (real(2, 3),))
    yield LayerRow(Softmax, "the first axis", Softmax, (real(2, 3),), options={"dim": 0})


def losses() -> Iterator[LayerRow]:
    ratio = between(0.1, 0.9, 4, 2)
    yield LayerRow(MSELoss, "two axes", MSELoss, (real(4, 2), real(4, 2)))
    yield LayerRow(CrossEntropyLoss, "a batch", CrossEntropyLoss, (real(4, 3), classes(3, 4)))
    yield LayerRow(CrossEntropyLoss, "sequences", CrossEntropyLoss, (real(2, 2, 3), classes(3, 2, 2)))
    yield LayerRow(BinaryCrossEntropyLoss, "two axes", BinaryCrossEntropyLoss, (ratio, ratio))


ROWS = [*layers(), *activations(), *losses()]
