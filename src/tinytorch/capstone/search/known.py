"""The tasks that a search knows by name: trained models of the milestones, with their data."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
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
from tinytorch.capstone.milestones.milestone import Run
from tinytorch.capstone.search.tasks import Lesson, Task
from tinytorch.core.activations import ReLU
from tinytorch.core.augmentation import BatchCrop, ImageDataset
from tinytorch.core.dataloader import DataLoader
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import AdamW
from tinytorch.core.spatial import Flatten, LeNet
from tinytorch.core.tokenization import CharTokenizer
from tinytorch.core.training import CosineSchedule, Trainer, manual_seed
from tinytorch.core.transformers import GPT
from tinytorch.datasets import ImageData, load_digits, load_images, load_tragedies
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
        tell: Told how far it is.
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

    def trained(self, name: str, make: Callable[[], Any], train: Callable[[Any], None], sample: Array) -> Any:
        """Give a trained model: of an earlier time where there is one, else trained now."""
        manual_seed(self.seed)
        path = None if self.folder is None or self.smoke else self.folder / f"{name}-{self.seed}.safetensors"
        if path is not None and path.is_file():
            return load_model(path)
        model = make()
        train(model)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_model(model, path, (1, *sample.shape[1:]))
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

    def learn(model: Any) -> None:
        train_on_digits(model, train.inputs, train.labels, epochs, how.seed, how.show)

    model = how.trained("digits", lambda: digits_classifier(128), learn, train.inputs)
    lesson = Lesson(epochs=2 if how.smoke else 100)
    test = Labelled(data.test_images, data.test_labels)
    return Task("digits", model, train, validation, test, how.batch, lesson, how.seed)


def _mlp_mnist(how: Preparation) -> Task:
    def make() -> Sequential:
        hidden = (Linear(784, 512), ReLU(), Dropout(0.2), Linear(512, 256), ReLU(), Dropout(0.2))
        return Sequential(Flatten(), *hidden, Linear(256, 10))

    lesson = Lesson(epochs=12, learning_rate=0.002, batch_size=128)
    return _images("mlp-mnist", how, make, _Training(20, 128, 0.001), lesson)


def _lenet(how: Preparation) -> Task:
    lesson = Lesson(epochs=8, learning_rate=0.003, batch_size=64)
    return _images("lenet", how, LeNet, _Training(10, 64, 0.002, (BatchCrop(2),)), lesson)


@dataclass(frozen=True, slots=True)
class _Training:
    epochs: int
    batch_size: int
    learning_rate: float
    changes: tuple[Callable[..., Any], ...] = ()


def _images(name: str, how: Preparation, make: Callable[[], Any], training: _Training, lesson: Lesson) -> Task:
    data = enlarged_digits(3, 2, 1) if how.smoke else load_images("mnist", how.data, on_progress=_told(how))
    train, validation, test = _normalized(data, how.seed)
    epochs = 1 if how.smoke else training.epochs

    def learn(model: Any) -> None:
        _train(model, train, training, epochs, how)

    model = how.trained(name, make, learn, train.inputs)
    lesson = Lesson(1, lesson.learning_rate, lesson.batch_size) if how.smoke else lesson
    return Task(name, model, train, validation, test, how.batch, lesson, how.seed)


def _told(how: Preparation) -> Callable[[str, int, int], None]:
    return lambda what, done, total: how.tell(Progress(what, done, total))


def _normalized(data: ImageData, seed: int) -> tuple[Labelled, Labelled, Labelled]:
    """Bring all pixels to mean 0 and standard deviation 1 of the training pixels; take a tenth for validation."""
    mean, spread = data.train_images.mean() / 255, data.train_images.std() / 255
    parts = []
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        parts.append(Labelled(((images / np.float32(255) - mean) / spread).astype(np.float32), labels))
    train, validation = held_back(parts[0], 0.1, seed)
    return train, validation, parts[1]


def _train(model: Any, train: Labelled, training: _Training, epochs: int, how: Preparation) -> None:
    images = ImageDataset(train.inputs, train.labels, changes=training.changes, seed=how.seed)
    loader = DataLoader(images, training.batch_size, shuffle=True, seed=how.seed)
    schedule = CosineSchedule(training.learning_rate, training.learning_rate / 100, epochs)
    optimizer = AdamW(model.parameters(), lr=training.learning_rate, weight_decay=0.01)
    trainer = Trainer(model, optimizer, CrossEntropyLoss(), schedule)
    how.show(0, epochs, "")
    for epoch in range(1, epochs + 1):
        how.show(epoch, epochs, f"loss {trainer.train_epoch(loader):.4f}")


CONTEXT = 128
SIZES: dict[str, Any] = {"embed_dim": 128, "num_layers": 4, "num_heads": 4}
SMOKE_SIZES: dict[str, Any] = {"embed_dim": 16, "num_layers": 1, "num_heads": 2}
STEPS, SMOKE_STEPS = 5000, 2
TEXTS = 400  # windows to judge by, of 128 letters each


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
    lessons, validation, test = (_windows(texts, length, most) for texts in ([train], ends, tests))

    def learn(model: GPT) -> None:
        steps = SMOKE_STEPS if how.smoke else STEPS
        run = Run(how.seed, on_progress=how.tell)
        language.train_language_model(run, model, language.Plan(steps, 0.003), _drawn(train, length, how.seed))

    sizes = SMOKE_SIZES if how.smoke else SIZES
    model = how.trained("gpt", lambda: GPT(tokenizer.vocab_size, **sizes, max_seq_len=length), learn, lessons.inputs)
    lesson = Lesson(epochs=1 if how.smoke else 2, learning_rate=0.001, batch_size=16, temperature=1.0)
    return Task("gpt", model, lessons, validation, test, how.batch, lesson, how.seed)


def _windows(texts: list[Array], length: int, most: int) -> Labelled:
    """Cut texts into windows side by side, as many from each, and the token after each place as its label."""
    each = max(1, most // len(texts))
    starts = [
        np.linspace(0, len(text) - length - 1, min(each, (len(text) - 1) // length)).astype(int) for text in texts
    ]
    rows = [text[start : start + length + 1] for text, all_ in zip(texts, starts, strict=True) for start in all_]
    made = np.stack(rows)
    return Labelled(made[:, :-1], made[:, 1:])


def _drawn(text: Array, length: int, seed: int) -> Callable[[], Any]:
    """Take windows at random places."""
    rng = np.random.default_rng(seed)

    def next_batch() -> Any:
        places = rng.integers(0, len(text) - length, size=16)[:, None] + np.arange(length)  # (B, T)
        return text[places], text[places + 1], ...

    return next_batch


KNOWN = MappingProxyType({"digits": _digits, "mlp-mnist": _mlp_mnist, "lenet": _lenet, "gpt": _gpt})
