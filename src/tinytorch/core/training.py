"""Training: schedules, clipping, the loop, and checkpoints it can go on from."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from tinytorch.core import checkpoints
from tinytorch.core.autograd import as_array, no_grad
from tinytorch.core.layers import layers_of, require_count
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, RangeError, explain

__all__ = ["CosineSchedule", "Trainer", "clip_grad_norm", "manual_seed"]

Batch = tuple[Any, ...]


def manual_seed(seed: int) -> None:
    """Seed Python's `random` and NumPy's global state, from which weights, masks and orders are drawn."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  the state the layers draw from


class CosineSchedule:
    """A learning rate that falls from `max_lr` to `min_lr` along half a cosine.

    Raises:
        RangeError: If a rate is negative or not finite, or `total_epochs` is not a whole number above 0.

    Example:
        >>> [round(CosineSchedule(1.0, 0.0, 4).get_lr(epoch), 3) for epoch in range(5)]
        [1.0, 0.854, 0.5, 0.146, 0.0]

    Source:
        I. Loshchilov, F. Hutter (2017), SGDR: Stochastic Gradient Descent with Warm Restarts, equation 5.
    """

    def __init__(self, max_lr: float = 0.1, min_lr: float = 0.01, total_epochs: int = 100) -> None:
        for name, rate in (("max_lr", max_lr), ("min_lr", min_lr)):
            if not 0 <= rate < math.inf:
                raise RangeError(explain(name, "a finite number of at least 0", rate))
        require_count("total_epochs", total_epochs)
        self.max_lr = max_lr
        self.min_lr = min_lr
        self.total_epochs = total_epochs

    def get_lr(self, epoch: int) -> float:
        """Give the rate of an epoch, counted from 0; `min_lr` from `total_epochs` on."""
        if epoch >= self.total_epochs:
            return float(self.min_lr)
        share = (1 + math.cos(math.pi * epoch / self.total_epochs)) / 2
        return float(self.min_lr + (self.max_lr - self.min_lr) * share)


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float = 1.0) -> float:
    """Scale all gradients by one factor so that their common L2 norm is at most `max_norm`.

    Returns:
        The norm before; 0.0 if there is no gradient.

    Raises:
        RangeError: If `max_norm` is not above 0, or the norm is not finite.

    Source:
        R. Pascanu, T. Mikolov, Y. Bengio (2013), On the difficulty of training recurrent neural networks.
    """
    if not max_norm > 0:
        raise RangeError(explain("max_norm", "above 0", max_norm))
    found = [parameter for parameter in parameters if parameter.grad is not None]
    norm = math.sqrt(sum(_square_sum(as_array(parameter.grad)) for parameter in found))
    if not math.isfinite(norm):
        raise RangeError(explain("the gradient norm", "finite", norm, remedy="Lower the learning rate."))
    if norm > max_norm:
        for parameter in found:
            parameter.grad = np.asarray(as_array(parameter.grad) * float(max_norm / norm))
    return norm


def _square_sum(array: Any) -> float:
    flat = array.ravel().astype(np.float64)
    return float(flat @ flat)


class Trainer:
    """Trains a model epoch by epoch, and keeps what is needed to go on later.

    Works with any model that has `forward` and `parameters`, and any loss that has `forward(outputs, targets)`.

    Attributes:
        epoch: Epochs completed.
        step: Optimizer steps taken.
        history: Lists under `train_loss`, `eval_loss` and `learning_rates`.
        training_mode: Whether it last trained (True) or evaluated.
    """

    def __init__(
        self, model: Any, optimizer: Any, loss_fn: Any, scheduler: Any = None, grad_clip_norm: float | None = None
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss_fn = loss_fn
        self.scheduler = scheduler
        self.grad_clip_norm = grad_clip_norm
        self.epoch = 0
        self.step = 0
        self.training_mode = True
        self.history: dict[str, list[float]] = {"train_loss": [], "eval_loss": [], "learning_rates": []}

    def train_epoch(self, dataloader: Iterable[Batch], accumulation_steps: int = 1) -> float:
        """Train on every batch once; the schedule's rate for this epoch is set first.

        Args:
            dataloader: Yields `(inputs, targets)`; a list will do.
            accumulation_steps: Batches whose gradients make one step. Each sample counts the same, in a last group
                that is smaller too.

        Returns:
            The loss, averaged over samples.

        Raises:
            RangeError: If a loss is NaN or infinite; the parameters are then as the step before left them.
            DataError: If there is no batch.
        """
        require_count("accumulation_steps", accumulation_steps)
        self._set_mode(training=True)
        if self.scheduler is not None:
            self.optimizer.lr = float(self.scheduler.get_lr(self.epoch))
        self.optimizer.zero_grad()
        mean = _Mean("the data loader of train_epoch")
        for group in _grouped(dataloader, accumulation_steps):
            self._train_on(group, mean)
        self.history["train_loss"].append(mean.value())
        self.epoch += 1
        self.history["learning_rates"].append(float(self.optimizer.lr))
        return mean.value()

    def evaluate(self, dataloader: Iterable[Batch]) -> tuple[float, float]:
        """Measure the loss and the accuracy, without a graph and in inference mode, in which the model is left.

        Returns:
            Both averaged over samples. The accuracy counts the rows whose largest output is at the target class; it
            is NaN where outputs are not (N, C) with C > 1 beside N class indices.

        Raises:
            DataError: If there is no batch.
        """
        self._set_mode(training=False)
        loss, accuracy = (_Mean("the data loader of evaluate") for _ in range(2))
        with no_grad():
            for inputs, targets in dataloader:
                outputs = self.model.forward(inputs)
                loss.add(float(self.loss_fn.forward(outputs, targets).data), _count(inputs))
                accuracy.add(_accuracy(as_array(outputs), as_array(targets)), _count(inputs))
        self.history["eval_loss"].append(loss.value())
        return loss.value(), accuracy.value()

    def save_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write model, optimizer, schedule, history, counters and global random state as one safetensors file.

        The file is written whole or not at all; missing folders are made. A loader with a seed of its own is not in
        it.

        Raises:
            DataError: If the file cannot be written.
        """
        checkpoints.save(self, path)

    def load_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Go on from a checkpoint: training continues with the bits it would have had without the break.

        Raises:
            DataError: If the file cannot be read or is no checkpoint.
            StateError, ShapeError: If it is of another model or optimizer; nothing is changed then.
        """
        checkpoints.load(self, path)

    def _set_mode(self, *, training: bool) -> None:
        self.training_mode = training
        self.model.training = training
        for layer in layers_of(self.model):
            layer.training = training

    def _train_on(self, group: list[Batch], mean: _Mean) -> None:
        samples = sum(_count(inputs) for inputs, _ in group)
        for inputs, targets in group:
            loss = self.loss_fn.forward(self.model.forward(inputs), targets)
            mean.add(self._finite(loss), _count(inputs))
            loss.backward(np.full(loss.shape, _count(inputs) / samples))
        if self.grad_clip_norm is not None:
            clip_grad_norm(self.model.parameters(), self.grad_clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1

    def _finite(self, loss: Tensor) -> float:
        value = float(loss.data)
        if not math.isfinite(value):
            place = f"epoch {self.epoch}, step {self.step}"
            remedy = "Lower the learning rate, clip the gradients, or look for NaN in the data."
            raise RangeError(explain("the loss", "finite", value, at=place, remedy=remedy))
        return value


class _Mean:
    """A mean over samples, of values that are means over batches."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.total = 0.0
        self.count = 0

    def add(self, value: float, count: int) -> None:
        self.total += value * count
        self.count += count

    def value(self) -> float:
        if not self.count:
            raise DataError(explain(self.source, "at least one batch long", "none", remedy="Is a generator used up?"))
        return self.total / self.count


def _grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    iterator = iter(batches)
    while group := list(islice(iterator, size)):
        yield group


def _count(inputs: Any) -> int:
    shape = np.shape(as_array(inputs))
    return shape[0] if shape else 1


def _accuracy(outputs: Any, targets: Any) -> float:
    if outputs.ndim != 2 or outputs.shape[1] < 2 or targets.shape != outputs.shape[:1]:
        return math.nan
    return float((outputs.argmax(axis=1) == targets).mean())
