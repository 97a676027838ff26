"""The tasks that a search knows by name: trained models of the milestones, with their data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.adapters.tinytorch_files import load_model, save_model
from tinytorch.benchmarking.sessions import Progress
from tinytorch.capstone.digits_classifier import digits_classifier, train_on_digits
from tinytorch.capstone.labelled import Labelled, held_back
from tinytorch.capstone.milestones import language
from tinytorch.capstone.milestones.classifier import enlarged_digits
from tinytorch.capstone.search.courses import Course, completed
from tinytorch.capstone.search.recipes import RECIPES, Recipe, recipe
from tinytorch.capstone.search.tasks import Lesson, Task
from tinytorch.core.activations import ReLU
from tinytorch.core.augmentation import BatchCrop, ImageDataset
from tinytorch.core.dataloader import DataLoader
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import AdamW
from tinytorch.core.spatial import Flatten, LeNet
from tinytorch.core.tensor import Tensor
from tinytorch.core.tokenization import CharTokenizer
from tinytorch.core.training import CosineSchedule, Trainer, manual_seed
from tinytorch.core.transformers import GPT
from tinytorch.datasets import load_digits, load_images, load_tragedies
from tinytorch.datasets.store import cache_folder
from tinytorch.errors import RangeError, explain

__all__ = ["KNOWN", "Preparation", "known_task", "models_folder"]

Array = NDArray[Any]

EPOCHS = 40  # of the digits


@dataclass(frozen=True, slots=True)
class Preparation:
    """How a task is to be prepared.

    Attributes:
        seed: Decides splits, weights and orders.
        batch: How many samples a timed call works on.
        smoke: Whether to go through the same code in seconds, on little data: the figures then mean nothing.
        folder: Where trained baselines are kept and looked for; none trains anew, and keeps nothing.
        data: Where the data set is, if it is not to be looked for; see `load_images`.
        tell: Told how far it is; it may raise to break the training off, which goes on from there the next time.
    """

    seed: int = 0
    batch: int = 1
    smoke: bool = False
    folder: Path | None = None
    data: str | None = None
    tell: Callable[[Progress], None] = lambda _: None

    def show(self, step: int, total: int, detail: str) -> None:
        """Say how far the training is."""
        self.tell(Progress("training the baseline", step, total, detail))

    def trained(self, name: str, make: Callable[[], Any], train: Callable[[Any, Path | None], Any], shape: Any) -> Any:
        """Give a trained model: of an earlier time where there is one, else trained now, or on.

        Args:
            name: What its file is called by.
            make: Makes it.
            train: Trains it, and keeps what it has so far at a path.
            shape: Of one input.
        """
        manual_seed(self.seed)
        path = None if self.folder is None or self.smoke else self.folder / f"{name}-{self.seed}.safetensors"
        if path is not None and path.is_file():
            return load_model(path)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        model = make()
        train(model, None if path is None else path.with_suffix(".part"))
        if path is not None:
            save_model(model, path, (1, *shape))
        return model.eval()


def models_folder() -> Path:
    """Find the folder where trained baselines are kept: beside the data sets, in the user's cache."""
    return cache_folder(os.environ) / "models"


def known_task(name: str, how: Preparation | None = None) -> Task:
    """Prepare a task by its name: load the data, and train the baseline if nobody has yet.

    Raises:
        RangeError: If there is no such task.
        DataError: If its data cannot be had.
    """
    if name not in KNOWN:
        raise RangeError(explain("the model", f"one of {', '.join(KNOWN)}", name))
    return KNOWN[name](how or Preparation())


def _digits(how: Preparation) -> Task:
    """Take half of the images for the test: of fewer, nothing could be shown within a point of accuracy."""
    data = load_digits(test_fraction=0.5, seed=how.seed)
    train, validation = held_back(Labelled(data.train_images, data.train_labels), 0.12, how.seed)
    epochs = 2 if how.smoke else EPOCHS

    def learn(model: Any, _: Path | None) -> None:
        train_on_digits(model, train.inputs, train.labels, epochs, how.seed, how.show)

    model = how.trained("digits", lambda: digits_classifier(128), learn, train.inputs.shape[1:])
    lesson = Lesson(epochs=2 if how.smoke else 100)
    test = Labelled(data.test_images, data.test_labels)
    return Task("digits", model, train, validation, test, how.batch, lesson, how.seed)


def _mlp_mnist(how: Preparation) -> Task:
    def make() -> Sequential:
        hidden = (Linear(784, 512), ReLU(), Dropout(0.2), Linear(512, 256), ReLU(), Dropout(0.2))
        return Sequential(Flatten(), *hidden, Linear(256, 10))

    lesson = Lesson(epochs=20, learning_rate=0.002, batch_size=128, accelerated=True)
    return _images("mlp-mnist", how, make, _Training(20, 128, 0.001), lesson)


def _lenet(how: Preparation) -> Task:
    lesson = Lesson(epochs=12, learning_rate=0.003, batch_size=64, accelerated=True)
    return _images("lenet", how, LeNet, _Training(10, 64, 0.002, (BatchCrop(2),), LENET_RECIPES), lesson)


@dataclass(frozen=True, slots=True)
class _Training:
    epochs: int
    batch_size: int
    learning_rate: float
    changes: tuple[Callable[..., Any], ...] = ()
    recipes: tuple[Recipe, ...] = RECIPES


def _images(name: str, how: Preparation, make: Callable[[], Any], training: _Training, lesson: Lesson) -> Task:
    data = enlarged_digits(3, 2, 1) if how.smoke else load_images("mnist", how.data, on_progress=_told(how))
    bytes_, validation = held_back(Labelled(data.train_images, data.train_labels), 0.1, how.seed)
    scale = data.train_images.mean() / 255, data.train_images.std() / 255
    test = Labelled(data.test_images, data.test_labels)
    epochs = 1 if how.smoke else training.epochs

    def learn(model: Any, path: Path | None) -> None:
        completed(_course(model, (bytes_, *scale), training, epochs, how.seed), path, how.show)

    model = how.trained(name, make, learn, test.inputs.shape[1:])
    lesson = replace(lesson, epochs=1) if how.smoke else lesson
    train, validation, test = (_normalized(part, *scale) for part in (bytes_, validation, test))
    return Task(name, model, train, validation, test, how.batch, lesson, how.seed, training.recipes)


def _told(how: Preparation) -> Callable[[str, int, int], None]:
    return lambda what, done, total: how.tell(Progress(what, done, total))


def _normalized(data: Labelled, mean: float, spread: float) -> Labelled:
    """Bring pixels to mean 0 and standard deviation 1 of the training pixels."""
    return Labelled(((data.inputs / np.float32(255) - mean) / spread).astype(np.float32), data.labels)


def _course(model: Any, data: tuple[Labelled, float, float], training: _Training, epochs: int, seed: int) -> Course:
    train, mean, spread = data
    schedule = CosineSchedule(training.learning_rate, training.learning_rate / 100, epochs)
    optimizer = AdamW(model.parameters(), lr=training.learning_rate, weight_decay=0.01)

    def batches(epoch: int) -> DataLoader:
        own, changes = seed + 1000 * epoch, training.changes  # of each epoch: it may be gone on with
        images = ImageDataset(train.inputs, train.labels, mean=[mean], std=[spread], changes=changes, seed=own)
        return DataLoader(images, training.batch_size, shuffle=True, seed=own)

    return Course(Trainer(model, optimizer, CrossEntropyLoss(), schedule), epochs, batches, accelerated=True)


LENET_RECIPES = (
    recipe("int8"),
    recipe("static"),
    recipe("int4"),
    recipe("aware"),
    *(recipe(0.7, *bytes_) for bytes_ in ((), ("int8",), ("static",))),
    *(recipe(0.5, *bytes_) for bytes_ in ((), ("int8",), ("static",), ("aware",))),
    recipe(0.35, "int8"),
)

GPT_RECIPES = (
    recipe("int8"),
    recipe("int4"),
    *(recipe(less, *bytes_) for less in (0.75, 0.5, 3) for bytes_ in ((), ("int8",), ("int4",))),
)
CONTEXT, READ_TOGETHER = 128, 16
SIZES: dict[str, Any] = {"embed_dim": 128, "num_layers": 4, "num_heads": 4}
SMOKE_SIZES: dict[str, Any] = {"embed_dim": 16, "num_layers": 1, "num_heads": 2}
COOLING, PARTS, SMOKE_PARTS = 33, 41, 1  # the first that cools down, and how many in all
STEPS_A_PART, SMOKE_STEPS = 100, 2
TEXTS = 400  # windows to judge by, of 128 letters each
PLAN = language.Plan(5000, 0.003)  # as the milestone; it is cut short


def _gpt(how: Preparation) -> Task:
    """Predict the letters of six plays' ends; the last twentieth of what is left is for choosing."""
    plays = load_tragedies()
    tokenizer = CharTokenizer()
    tokenizer.build_vocab(plays.train)
    ids = [np.array(tokenizer.encode(text)) for text in plays.train]
    cuts = [len(text) - len(text) // 20 for text in ids]
    train = np.concatenate([text[:cut] for text, cut in zip(ids, cuts, strict=True)])
    ends = [text[cut:] for text, cut in zip(ids, cuts, strict=True)]
    tests = [np.array(tokenizer.encode(text)) for text in plays.validation]
    length, most = (16, 20) if how.smoke else (CONTEXT, TEXTS)
    validation, test = (_windows(texts, length, most) for texts in (ends, tests))
    lessons = _windows([train], length, most if how.smoke else len(train))

    def learn(model: GPT, path: Path | None) -> None:
        completed(_reading(model, train, how), path, how.show)

    sizes = SMOKE_SIZES if how.smoke else SIZES
    model = how.trained("gpt", lambda: GPT(tokenizer.vocab_size, **sizes, max_seq_len=length), learn, (length,))
    lesson = Lesson(epochs=1 if how.smoke else 4, learning_rate=0.002, batch_size=16, temperature=1.0, accelerated=True)
    return Task("gpt", model, lessons, validation, test, how.batch, lesson, how.seed, GPT_RECIPES)


def _windows(texts: list[Array], length: int, most: int) -> Labelled:
    """Cut texts into windows side by side, as many from each, and the token after each place as its label."""
    each = max(1, most // len(texts))
    starts = [
        np.linspace(0, len(text) - length - 1, min(each, (len(text) - 1) // length)).astype(int) for text in texts
    ]
    rows = [text[start : start + length + 1] for text, all_ in zip(texts, starts, strict=True) for start in all_]
    made = np.stack(rows)
    return Labelled(made[:, :-1], made[:, 1:])


class _Cooled:
    """The learning rate of each part of the steps: the milestone's, but from some part on it falls along a line.

    Source:
        A. Hägele et al. (2024), Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations, on cooling.
    """

    def get_lr(self, part: int) -> float:
        rate = language.learning_rate(PLAN, min(part, COOLING) * STEPS_A_PART + STEPS_A_PART // 2)
        return rate * min(1.0, max((PARTS - part) / (PARTS - COOLING), 0.01))


def _reading(model: GPT, text: Array, how: Preparation) -> Course:
    """Take windows at random places."""
    parts, steps = (SMOKE_PARTS, SMOKE_STEPS) if how.smoke else (PARTS, STEPS_A_PART)
    optimizer = AdamW(model.parameters(), lr=PLAN.learning_rate, weight_decay=PLAN.weight_decay)
    trainer = Trainer(model, optimizer, CrossEntropyLoss(), _Cooled(), PLAN.grad_norm)

    def batches(part: int) -> Iterator[tuple[Tensor, Array]]:
        rng = np.random.default_rng([how.seed, part])
        for _ in range(steps):
            starts = rng.integers(0, len(text) - model.max_seq_len, size=(READ_TOGETHER, 1))
            places = starts + np.arange(model.max_seq_len)  # (B, T)
            yield Tensor(text[places], dtype=text.dtype), text[places + 1]

    return Course(trainer, parts, batches, accelerated=True)


KNOWN = MappingProxyType({"digits": _digits, "mlp-mnist": _mlp_mnist, "lenet": _lenet, "gpt": _gpt})
