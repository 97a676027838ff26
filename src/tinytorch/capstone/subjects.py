"""A model and the data it is judged on, checked and prepared: what a report needs before any clock is read.

A model has `forward`, or can be called. One made of TinyTorch's layers or tensors is given tensors, runs in inference
mode and records no graph; any other is given what the caller gave, and is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import layers_of
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, DTypeError, RangeError, ShapeError, explain

__all__ = ["HeldOut", "Subject", "held_out"]

BATCH = 256


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Samples that no model was trained on.

    Attributes:
        inputs: (N, ...), one sample a row.
        labels: (N,) int64, class indices from 0.
        are_tensors: Whether the caller gave the inputs as a tensor.
    """

    inputs: NDArray[Any]
    labels: NDArray[np.int64]
    are_tensors: bool


class Subject:
    """A model with the data it is judged on."""

    def __init__(self, model: Any, data: HeldOut) -> None:
        forward = getattr(model, "forward", model)
        if not callable(forward):
            rule = "callable, or have a forward method"
            raise DTypeError(explain("the model", rule, f"a {type(model).__name__}"))
        self.model = model
        self._forward: Callable[[Any], Any] = forward
        self._data = data
        self._wants_tensors = data.are_tensors or _is_ours(model)

    def inference(self, start: int = 0, stop: int = 1) -> Callable[[], Any]:
        """Prepare the inference of some samples, so that the call does nothing else."""
        forward, inputs = self._forward, self._prepared(self._data.inputs[start:stop])
        return lambda: forward(inputs)

    def predictions(self) -> NDArray[np.int64]:
        """Give the class of the largest score of each sample: (N,).

        Raises:
            ShapeError: If the outputs are not one row of at least two scores for each sample.
            DataError: If an output is not finite.
            RangeError: If a label has no score.
        """
        total = len(self._data.labels)
        batches = [self._predicted(start, min(start + BATCH, total)) for start in range(0, total, BATCH)]
        return np.concatenate(batches)

    @contextmanager
    def judged(self) -> Iterator[None]:
        """Keep the model in inference mode, without a graph, until the block ends; then every layer is as it was."""
        layers = layers_of(self.model)
        modes = [layer.training for layer in layers]
        try:
            for layer in layers:
                layer.eval()
            with no_grad():
                yield
        finally:
            for layer, mode in zip(layers, modes, strict=True):  # from the outside in, so the innermost has its own
                layer.train(mode)

    def _predicted(self, start: int, stop: int) -> NDArray[np.int64]:
        scores, labels = _scores(self.inference(start, stop)(), stop - start), self._data.labels[start:stop]
        if labels.max() >= scores.shape[1]:
            rule = f"below {scores.shape[1]}, the number of scores the model gives"
            raise RangeError(explain("a label", rule, int(labels.max())))
        return scores.argmax(axis=1).astype(np.int64)

    def _prepared(self, rows: NDArray[Any]) -> Any:
        if not self._wants_tensors:
            return np.ascontiguousarray(rows)
        return Tensor(rows, dtype=rows.dtype) if self._data.are_tensors else Tensor(rows)


def held_out(inputs: Any, labels: Any) -> HeldOut:
    """Check the samples and their labels.

    Args:
        inputs: (N, ...) tensor or array.
        labels: (N,) whole numbers from 0: an array, a list or a tensor.

    Raises:
        ShapeError: If there is not one label for each sample.
        DTypeError: If the inputs are not numbers, or the labels not whole ones.
        DataError: If there are no samples.
        RangeError: If a label is negative.
    """
    rows = np.asarray(inputs.data if isinstance(inputs, Tensor) else inputs)
    if rows.dtype.kind not in "biuf":
        raise DTypeError(explain("X_test", "numbers", f"an array of {rows.dtype}"))
    if rows.ndim < 2:
        remedy = "Put one sample in each row; X.reshape(1, -1) makes a row of one sample."
        raise ShapeError(explain("X_test", "of shape (N, ...)", f"the shape {rows.shape}", remedy=remedy))
    classes = _labels(np.asarray(labels.data if isinstance(labels, Tensor) else labels))
    if classes.shape != rows.shape[:1]:
        got = f"the shape {classes.shape}"
        raise ShapeError(explain("y_test", f"of shape ({len(rows)},), as X_test has {len(rows)} samples", got))
    if not len(rows):
        raise DataError(explain("X_test", "at least one sample", "none"))
    if classes.min() < 0:
        raise RangeError(explain("a label", "at least 0", int(classes.min())))
    return HeldOut(rows, classes, isinstance(inputs, Tensor))


def _labels(given: NDArray[Any]) -> NDArray[np.int64]:
    is_whole = given.dtype.kind in "iu" or (given.dtype.kind == "f" and bool(np.all(given == np.trunc(given))))
    if not is_whole or not np.all(np.isfinite(given)):
        got = f"an array of {given.dtype}"
        remedy = "Give class indices such as 0, 1, 2; a one-hot row becomes one by argmax."
        raise DTypeError(explain("y_test", "whole numbers", got, remedy=remedy))
    return given.astype(np.int64)


def _scores(output: Any, count: int) -> NDArray[Any]:
    scores = np.asarray(output.data if isinstance(output, Tensor) else output)
    if scores.ndim != 2 or scores.shape[0] != count or scores.shape[1] < 2:
        rule = f"of shape ({count}, C) with C scores a sample, at least two"
        raise ShapeError(explain("the model's output", rule, f"the shape {scores.shape}"))
    if not np.all(np.isfinite(scores)):
        remedy = "The weights or the inputs have NaN or infinity; train again with a smaller learning rate."
        raise DataError(explain("the model's output", "finite", "NaN or infinity", remedy=remedy))
    return scores


def _is_ours(model: Any) -> bool:
    parameters = getattr(model, "parameters", None)
    return bool(layers_of(model)) or (callable(parameters) and any(isinstance(p, Tensor) for p in parameters()))
