"""One row per layer, activation and loss, and per case of it that could go wrong on its own.

A new one needs a row here, or in a file of rows that is listed here; `test_layers.py` fails and names this file while
it has none.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from contracts import layer_samples_attention, layer_samples_spatial
from contracts.layer_rows import LayerRow
from contracts.rows import between, classes, real
from tinytorch import core
from tinytorch.core.activations import GELU, ReLU, Sigmoid, Softmax, Tanh
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.losses import BinaryCrossEntropyLoss, CrossEntropyLoss, MSELoss


def kinds() -> set[type[Layer]]:
    """Find every layer that a module of the framework exports; the base is no layer one can use."""
    modules = [import_module(f"tinytorch.core.{entry.name}") for entry in pkgutil.iter_modules(core.__path__)]
    exported = [getattr(module, name) for module in modules for name in getattr(module, "__all__", ())]
    return {value for value in exported if isinstance(value, type) and issubclass(value, Layer)} - {Layer}


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


FAMILIES = (layers, activations, losses, *layer_samples_attention.FAMILIES, *layer_samples_spatial.FAMILIES)
ROWS = [row for family in FAMILIES for row in family()]
