"""Teaching a smaller model what the larger one says, on mixtures of the training samples.

Source:
    G. Hinton, O. Vinyals, J. Dean (2015), Distilling the Knowledge in a Neural Network; L. Beyer et al. (2022),
    Knowledge Distillation: A Good Teacher Is Patient and Consistent (long, and on mixtures).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.adapters.architectures import described
from tinytorch.capstone.labelled import Labelled
from tinytorch.capstone.search.courses import Course, completed
from tinytorch.capstone.search.tasks import Lesson
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Dropout, layers_of
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import CosineSchedule, Trainer
from tinytorch.perf.compression import KnowledgeDistillation
from tinytorch.perf.graph import inference

__all__ = ["Lessons", "rehearsal", "taught"]

Model = TypeVar("Model")
Array = NDArray[Any]
ONLY_THE_TEACHER = 1.0  # a mixture of two classes has no label
SLOWER_REHEARSAL = 10  # times: what is rounded already must not be moved far


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """What a smaller model is taught, and by whom.

    Attributes:
        teacher: Anything with `forward`; it is left alone.
        data: The training samples; their labels are not used.
        lesson: How.
        seed: What orders and mixtures follow from.
    """

    teacher: Any
    data: Labelled
    lesson: Lesson
    seed: int = 0

    def epoch(self, number: int, watch: Callable[[], object] = lambda: None) -> Iterator[tuple[Tensor, Array]]:
        """Give the inputs of an epoch with the teacher's scores, the same whenever it is asked."""
        rng = np.random.default_rng([self.seed, number])
        return _asked(self.teacher, _batches(self.data.inputs, self.lesson, rng), watch)

    def name_for(self, student: Any) -> str:
        """Make a name of all that decides what a student learns: whoever has the same learns the same."""
        found = hashlib.sha256(repr((self.lesson, self.seed, self.data.inputs.shape)).encode())
        for model in (self.teacher, student):
            found.update(json.dumps(described(model), sort_keys=True).encode())
            for _, array in sorted(model.state_dict().items()):
                found.update(np.ascontiguousarray(array).tobytes())
        found.update(np.ascontiguousarray(self.data.inputs).tobytes())
        return found.hexdigest()[:24]


def taught(
    lessons: Lessons, student: Model, watch: Callable[[str], None] = lambda _: None, path: Path | None = None
) -> Model:
    """Train a copy of the student to give the teacher's scores.

    Each input is a random mixture of two training samples, with noise, so that a few hundred of them do for many
    epochs; tokens, which cannot be mixed, are taken as they are. Dropout is off in both: there is a teacher to follow.

    Args:
        lessons: What is taught.
        student: What is copied and trained; it is left alone.
        watch: Told before each step how far it is; it may raise to end it.
        path: Where the state after each epoch is kept; from there a training goes on that was broken off.

    Returns:
        The trained copy, in inference mode.
    """
    learner: Any = deepcopy(student)
    for layer in layers_of(learner):
        if isinstance(layer, Dropout):
            layer.p = 0.0
    lesson = lessons.lesson
    schedule = CosineSchedule(lesson.learning_rate, lesson.learning_rate / 100, lesson.epochs)
    optimizer = Adam(learner.parameters(), lr=lesson.learning_rate)
    trainer = Trainer(learner, optimizer, _Likeness(lessons.teacher, lesson.temperature), schedule)

    def batches(epoch: int) -> Iterator[tuple[Tensor, Array]]:
        return lessons.epoch(epoch, partial(watch, f"epoch {epoch + 1} of {lesson.epochs}"))

    result: Model = completed(Course(trainer, lesson.epochs, batches, lesson.accelerated), path)
    return result


def rehearsal(lessons: Lessons, watch: Callable[[], object]) -> dict[str, Any]:
    """Give what fine-tuning a model as its int8 form takes: the last lessons again, at a lower rate."""
    lesson = lessons.lesson
    course = _Rehearsals(replace(lessons, lesson=replace(lesson, noise=0.0)), watch)
    rate = lesson.learning_rate / SLOWER_REHEARSAL
    loss = _Likeness(lessons.teacher, lesson.temperature)
    return {"batches": course, "epochs": lesson.rehearsals, "lr": rate, "loss_fn": loss}


class _Rehearsals:
    """Batches that can be gone through once an epoch."""

    def __init__(self, lessons: Lessons, watch: Callable[[], object]) -> None:
        self.lessons = lessons
        self.watch = watch
        self.number = lessons.lesson.epochs

    def __iter__(self) -> Iterator[tuple[Tensor, Array]]:
        self.number += 1
        return self.lessons.epoch(self.number, self.watch)


class _Likeness:
    """The loss in the form in which a trainer wants it; sequences count place by place."""

    def __init__(self, teacher: Any, temperature: float) -> None:
        self._distillation = KnowledgeDistillation(teacher, None, temperature, ONLY_THE_TEACHER)

    def forward(self, outputs: Tensor, scores: Array) -> Tensor:
        rows = outputs.reshape(-1, outputs.shape[-1])
        wanted = scores.reshape(rows.shape)
        return self._distillation.loss(rows, wanted, wanted.argmax(axis=1))


def _batches(inputs: Array, lesson: Lesson, rng: np.random.Generator) -> Iterator[Tensor]:
    order = rng.permutation(len(inputs))
    for start in range(0, len(order), lesson.batch_size):
        rows = inputs[order[start : start + lesson.batch_size]]
        if rows.dtype.kind == "f":
            rows = _mixed(rows, inputs[rng.integers(0, len(inputs), len(rows))], lesson.noise, rng)
        yield Tensor(rows, dtype=rows.dtype)


def _mixed(first: Array, second: Array, noise: float, rng: np.random.Generator) -> Array:
    shares = rng.random((len(first), *[1] * (first.ndim - 1)), dtype=np.float32)
    mixture = shares * first + (1 - shares) * second
    return (mixture + noise * rng.standard_normal(first.shape, dtype=np.float32)).astype(first.dtype)


def _asked(teacher: Any, batches: Iterator[Tensor], watch: Callable[[], object]) -> Iterator[tuple[Tensor, Array]]:
    for inputs in batches:
        watch()
        with inference(teacher), no_grad():
            scores = teacher.forward(inputs).data
        yield inputs, scores
