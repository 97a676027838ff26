"""Labelled samples, in the forms that data sets come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_array", "labelled"]

KEYS = (("X", "y"), ("inputs", "labels"), ("inputs", "targets"), ("data", "labels"), ("data", "targets"))


def labelled(dataset: Any) -> tuple[NDArray[Any], NDArray[np.int64]] | None:
    """Find the samples and their labels: a pair of arrays, named arrays, or pairs of a sample and its label.

    Returns:
        (N, ...) samples and (N,) class indices; none for anything that does not hold them.

    Example:
        >>> samples, labels = labelled([([1.0, 2.0], 0), ([3.0, 4.0], 1)])
        >>> samples.shape, labels.tolist()
        ((2, 2), [0, 1])
    """
    for found in (_named(dataset), _pair(dataset), _pairs(dataset)):
        if found is not None and (checked := _checked(*found)) is not None:
            return checked
    return None


def as_array(value: Any) -> NDArray[Any]:
    """Give the array that a tensor of whatever make holds."""
    inner = getattr(value, "data", value)
    return np.asarray(value if isinstance(value, np.ndarray) or isinstance(inner, memoryview) else inner)


def _named(dataset: Any) -> tuple[Any, Any] | None:
    for first, second in KEYS:
        if isinstance(dataset, Mapping) and first in dataset and second in dataset:
            return dataset[first], dataset[second]
        if not isinstance(dataset, Mapping | np.ndarray) and hasattr(dataset, first) and hasattr(dataset, second):
            return getattr(dataset, first), getattr(dataset, second)
    tensors = getattr(dataset, "tensors", None)
    return (tensors[0], tensors[1]) if isinstance(tensors, Sequence) and len(tensors) == 2 else None


def _pair(dataset: Any) -> tuple[Any, Any] | None:
    if not isinstance(dataset, list | tuple) or len(dataset) != 2:
        return None
    try:
        is_row = as_array(dataset[1]).ndim == 1
    except ValueError:  # a sample and its label make no array
        return None
    return (dataset[0], dataset[1]) if is_row else None


def _pairs(dataset: Any) -> tuple[Any, Any] | None:
    if isinstance(dataset, str | bytes | Mapping) or not hasattr(dataset, "__getitem__") or not len(dataset):
        return None
    pairs = [dataset[i] for i in range(len(dataset))]
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        return None
    return [as_array(sample) for sample, _ in pairs], [as_array(label) for _, label in pairs]


def _checked(samples: Any, labels: Any) -> tuple[NDArray[Any], NDArray[np.int64]] | None:
    try:
        inputs, classes = as_array(samples), as_array(labels)
    except ValueError:  # samples of different shapes make no array
        return None
    classes = classes.reshape(len(classes)) if classes.ndim == 2 and classes.shape[1] == 1 else classes
    if inputs.dtype.kind not in "biuf" or classes.dtype.kind not in "biuf" or classes.ndim != 1 or inputs.ndim < 2:
        return None
    whole = bool(np.all(classes == np.trunc(classes))) and bool(np.all(classes >= 0))  # NaN fails both
    return (inputs, classes.astype(np.int64)) if whole and len(inputs) == len(classes) > 0 else None
