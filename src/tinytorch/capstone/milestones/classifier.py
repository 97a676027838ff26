"""Training classifiers of images: what the milestones with pictures share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinytorch.capstone.milestones.milestone import Figure, Outcome, Run
from tinytorch.core.augmentation import ImageDataset
from tinytorch.core.dataloader import DataLoader
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import AdamW
from tinytorch.core.training import CosineSchedule, Trainer
from tinytorch.datasets import ImageData, load_digits, load_images

__all__ = ["Recipe", "enlarged_digits", "train_classifier"]

EVALUATED_TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train a classifier.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images a step.
        learning_rate: The first epoch's; it falls to a hundredth along half a cosine.
        weight_decay: What AdamW takes off the weights.
        changes: Random changes of the training images, batch by batch.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.01
    changes: tuple[Callable[..., Any], ...] = ()


def train_classifier(run: Run, make_model: Callable[[], Any], data: str, recipe: Recipe, smoke: ImageData) -> Outcome:
    """Train on the training images of a data set and measure the accuracy on its test images, after the last epoch.

    The test images decide nothing: neither when to stop nor which epoch counts.

    Args:
        run: How to run.
        make_model: Makes a model that takes (n, channels, height, width) and gives (n, 10).
        data: The data set of the full form.
        recipe: How to train.
        smoke: The data set of the smoke form, which trains for two epochs.
    """
    images = smoke if run.smoke else _loaded(run, data)
    recipe = replace(recipe, epochs=2) if run.smoke else recipe
    model = make_model()
    train, test = _normalized(images, recipe, run.seed)
    trainer = _trained(run, model, DataLoader(train, recipe.batch_size, shuffle=True, seed=run.seed), recipe)
    _, accuracy = trainer.evaluate(DataLoader(test, EVALUATED_TOGETHER))
    size = sum(parameter.size for parameter in model.parameters())
    figures = (Figure("accuracy on test images", accuracy, "ratio"), Figure("parameters", size, "numbers"))
    return Outcome(figures, settings=_described(images, recipe))


def _loaded(run: Run, name: str) -> ImageData:
    return load_images(name, run.path, on_progress=run.tell)


def _normalized(images: ImageData, recipe: Recipe, seed: int) -> tuple[ImageDataset, ImageDataset]:
    """Make data sets of mean 0 and standard deviation 1 in each channel of the training images."""
    mean, std = (
        np.stack([reduce(images.train_images[:, channel]) / 255 for channel in range(images.train_images.shape[1])])
        for reduce in (np.mean, np.std)
    )
    return (
        ImageDataset(images.train_images, images.train_labels, mean=mean, std=std, changes=recipe.changes, seed=seed),
        ImageDataset(images.test_images, images.test_labels, mean=mean, std=std),
    )


def _trained(run: Run, model: Any, loader: DataLoader, recipe: Recipe) -> Trainer:
    optimizer = AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = CosineSchedule(recipe.learning_rate, recipe.learning_rate / 100, recipe.epochs)
    trainer = Trainer(model, optimizer, CrossEntropyLoss(), schedule)
    run.tell("training", 0, recipe.epochs)
    for epoch in range(1, recipe.epochs + 1):
        run.tell("training", epoch, recipe.epochs, f"loss {trainer.train_epoch(loader):.4f}")
    return trainer


def _described(images: ImageData, recipe: Recipe) -> dict[str, Any]:
    changes = [f"{type(change).__name__}({_arguments(change)})" for change in recipe.changes]
    data = {"data": images.name, "version": images.version, "sha256": images.sha256}
    training = {name: getattr(recipe, name) for name in ("epochs", "batch_size", "learning_rate", "weight_decay")}
    return data | training | {"changes": changes}


def _arguments(change: object) -> str:
    return ", ".join(f"{name}={value}" for name, value in vars(change).items())


def enlarged_digits(factor: int, padding: int, channels: int, count: int = 300) -> ImageData:
    """Make images of another size of the packaged digits, so that a smoke run needs no network.

    Example:
        >>> enlarged_digits(3, 2, 1, count=10).train_images.shape
        (10, 1, 28, 28)
    """
    digits = load_digits()
    train, test = (
        _enlarged(images[:count], factor, padding, channels) for images in (digits.train_images, digits.test_images)
    )
    labels: Sequence[Any] = (digits.train_labels[:count], digits.test_labels[:count])
    names = tuple("0123456789")
    return ImageData(train, labels[0], test, labels[1], names, digits.name, digits.version, digits.sha256)


def _enlarged(images: Any, factor: int, padding: int, channels: int) -> Any:
    pixels = np.round(images.reshape(-1, 1, 8, 8) * 255).astype(np.uint8)
    large = np.kron(pixels, np.ones((1, channels, factor, factor), np.uint8))
    return np.pad(large, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
