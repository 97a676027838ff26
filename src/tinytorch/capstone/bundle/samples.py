"""The samples that accuracy is measured on again: which data set a submission names, and the very rows of it.

Another data set is one line in `DATASETS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.datasets import ImageData, load_digits, load_images
from tinytorch.datasets.images import SOURCES
from tinytorch.errors import DataError, RangeError, explain

__all__ = ["DATASETS", "KnownSamples", "known_samples"]

BRIGHTEST = np.float32(255)


@dataclass(frozen=True, slots=True, eq=False)
class KnownSamples:
    """The test part of a data set, as models are given it.

    Attributes:
        inputs: (N, ...) float32.
        labels: (N,) int64.
        identity: Its name, version and hash.
    """

    inputs: NDArray[Any]
    labels: NDArray[Any]
    identity: Mapping[str, Any]


Load = Callable[[Mapping[str, Any], str | None], KnownSamples]


def known_samples(dataset: Mapping[str, Any], path: str | os.PathLike[str] | None = None) -> KnownSamples:
    """Load what a submission's `dataset` names, and make sure that it is the same.

    Args:
        dataset: Its name, version, hash, and the seed of its split, as the submission has them.
        path: Where it is, if it is not to be looked for; see `load_images`.

    Raises:
        RangeError: If no such data set is known.
        DataError: If it cannot be had, or is another edition of it.

    Example:
        >>> known_samples({"name": "digits", "split_seed": 0}).inputs.shape
        (359, 64)
    """
    name = str(dataset.get("name"))
    if name not in DATASETS:
        raise RangeError(explain("the data set", f"one of {', '.join(DATASETS)}", repr(name), at="$.dataset.name"))
    found = DATASETS[name](dataset, None if path is None else os.fspath(path))
    sizes = {"sample_count": len(found.labels)}
    for member, here in {**found.identity, **sizes}.items():
        if dataset.get(member, here) != here:
            raise DataError(explain(member, f"that of the {name} here, {here}", dataset[member], at="$.dataset"))
    return found


def _digits(dataset: Mapping[str, Any], _path: str | None) -> KnownSamples:
    data = load_digits(seed=dataset.get("split_seed", 0))
    identity = {"name": data.name, "version": data.version, "sha256": data.sha256}
    return KnownSamples(data.test_images, data.test_labels, identity)


def _images(dataset: Mapping[str, Any], path: str | None) -> KnownSamples:
    data = load_images(dataset["name"], path)
    identity = {"name": data.name, "version": data.version, "sha256": data.sha256}
    return KnownSamples(_normalized(data), data.test_labels, identity)


def _normalized(data: ImageData) -> NDArray[np.float32]:
    """Bring pixels to mean 0 and standard deviation 1 of those for training, as `tinytorch optimize` does."""
    mean, spread = data.train_images.mean() / 255, data.train_images.std() / 255
    normal: NDArray[np.float32] = ((data.test_images / BRIGHTEST - mean) / spread).astype(np.float32)
    return normal


DATASETS: Mapping[str, Load] = MappingProxyType({"digits": _digits, **dict.fromkeys(SOURCES, _images)})
