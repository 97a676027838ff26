"""Rows of the layers for images, and of the networks made of them."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.layer_rows import LayerRow
from contracts.rows import real
from tinytorch.core.spatial import AvgPool2d, BatchNorm2d, Conv2d, Flatten, LeNet, MaxPool2d, SimpleCNN


def convolutions() -> Iterator[LayerRow]:
    both, images = ("weight", "bias"), (real(2, 2, 4, 5),)
    yield LayerRow(Conv2d, "3x3", lambda: Conv2d(2, 3), images, both)
    yield LayerRow(Conv2d, "stride and padding", lambda: Conv2d(2, 3, 3, stride=2, padding=1), images, both)
    yield LayerRow(Conv2d, "2x3 without a bias", lambda: Conv2d(2, 1, (2, 3), bias=False), images, ("weight",))


def pools() -> Iterator[LayerRow]:
    for kind in (MaxPool2d, AvgPool2d):
        yield LayerRow(kind, "2x2", lambda kind=kind: kind(2), (real(2, 2, 4, 5),))
        yield LayerRow(kind, "overlapping, padded", lambda kind=kind: kind(3, 2, 1), (real(2, 1, 5, 4),))
        yield LayerRow(kind, "2x3", lambda kind=kind: kind((2, 3), stride=(1, 3)), (real(1, 2, 4, 6),))
    yield LayerRow(Flatten, "images", Flatten, (real(2, 2, 3, 2),))


def batch_norms() -> Iterator[LayerRow]:
    names, images = ("gamma", "beta"), (real(3, 2, 2, 3),)
    yield LayerRow(BatchNorm2d, "in training", lambda: BatchNorm2d(2), images, names)
    yield LayerRow(BatchNorm2d, "another eps and momentum", lambda: BatchNorm2d(2, 0.1, 0.5), images, names)


def networks() -> Iterator[LayerRow]:
    names = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias")
    yield LayerRow(SimpleCNN, "5 classes", lambda: SimpleCNN(5), (real(2, 3, 5, 4),), names, composed=True)
    places = ("features.layers.0", "features.layers.3", *(f"classifier.layers.{at}" for at in (0, 2, 4)))
    names = tuple(f"{place}.{part}" for place in places for part in ("weight", "bias"))
    build = lambda: LeNet(3, in_channels=2, image_size=12)
    yield LayerRow(LeNet, "colours, 12x12", build, (real(2, 2, 12, 12),), names, composed=True)


FAMILIES = (convolutions, pools, batch_norms, networks)
