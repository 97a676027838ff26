"""What a search is about: a trained model, data to teach smaller ones with, to choose by, and to judge by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinytorch.capstone.labelled import Labelled
from tinytorch.capstone.search.recipes import RECIPES, Recipe
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, explain

__all__ = ["Lesson", "Task"]


@dataclass(frozen=True, slots=True)
class Lesson:
    """How a smaller model is taught by the one it was made of.

    Attributes:
        epochs: Passes over the training samples, at least 1.
        learning_rate: Adam's in the first epoch; it falls along half a cosine to a hundredth.
        batch_size: Samples a step.
        temperature: What both models' scores are divided by.
        noise: The standard deviation of what is added to each number of a mixture; see `taught`.
        rehearsals: Passes when a model is fine-tuned as its int8 form, at least 1.
        accelerated: Whether compiled twins are used; see `Course`.
    """

    epochs: int = 40
    learning_rate: float = 0.01
    batch_size: int = 32
    temperature: float = 3.0
    noise: float = 0.05
    rehearsals: int = 1
    accelerated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A trained model, and the data that a search needs.

    Attributes:
        name: What readers call it.
        model: The baseline: float32, trained; it is left alone.
        train: What smaller models are taught with.
        validation: What candidates are chosen by.
        test: What the finalists are judged by; the choice never sees it.
        batch: How many samples a timed call works on.
        lesson: How smaller models are taught.
        seed: What mixtures and orders follow from.
        recipes: What a search tries unless it is told otherwise.
        notes: What a reader should know about the data.

    Raises:
        RangeError: If the validation samples do not make a batch.
    """

    name: str
    model: Any
    train: Labelled
    validation: Labelled
    test: Labelled
    batch: int = 1
    lesson: Lesson = field(default_factory=Lesson)
    seed: int = 0
    recipes: tuple[Recipe, ...] = RECIPES
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= len(self.validation):
            raise RangeError(explain("batch", f"in [1, {len(self.validation)}]", self.batch))

    @property
    def sample(self) -> Tensor:
        """What a timed call works on: the first validation samples."""
        rows = self.validation.inputs[: self.batch]
        return Tensor(np.ascontiguousarray(rows), dtype=rows.dtype)
