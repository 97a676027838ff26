"""Teaching a smaller model what the larger one says, on mixtures of the training samples.

Source:
    G. Hinton, O. Vinyals, J. Dean (2015), Distilling the Knowledge in a Neural Network; L. Beyer et al. (2022),
    Knowledge Distillation: A Good Teacher Is Patient and Consistent (long, and on mixtures).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.capstone.labelled import Labelled
from tinytorch.capstone.search.tasks import Lesson
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Dropout, layers_of
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import CosineSchedule, Trainer
from tinytorch.perf.compression import KnowledgeDistillation
from tinytorch.perf.graph import inference

__all__ = ["taught"]

Model = TypeVar("Model")
Array = NDArray[Any]
ONLY_THE_TEACHER = 1.0  # a mixture of two classes has no label


def taught(
    teacher: Any,
    student: Model,
    data: Labelled,
    lesson: Lesson,
    seed: int = 0,
    watch: Callable[[str], None] = lambda _: None,
) -> Model:
    """Train a copy of the student to give the teacher's scores.

    Each input is a random mixture of two training samples, with noise, so that a few hundred of them do for many
    epochs; tokens, which cannot be mixed, are taken as they are. Dropout is off in both: there is a teacher to follow.

    Args:
        teacher: Anything with `forward`; it is left alone.
        student: What is copied and trained; it is left alone.
        data: The training samples; their labels are not used.
        lesson: How.
        seed: What orders and mixtures follow from.
        watch: Told before each step how far it is; it may raise to end it.

    Returns:
        The trained copy, in inference mode.
    """
    learner: Any = deepcopy(student)
    for layer in layers_of(learner):
        if isinstance(layer, Dropout):
            layer.p = 0.0
    schedule = CosineSchedule(lesson.learning_rate, lesson.learning_rate / 100, lesson.epochs)
    optimizer = Adam(learner.parameters(), lr=lesson.learning_rate)
    trainer = Trainer(learner, optimizer, _Likeness(teacher, learner, lesson.temperature), schedule)
    rng = np.random.default_rng(seed)
    for epoch in range(1, lesson.epochs + 1):
        batches = _batches(data.inputs, lesson, rng)
        trainer.train_epoch(_asked(teacher, batches, partial(watch, f"epoch {epoch} of {lesson.epochs}")))
    learner.eval()
    result: Model = learner
    return result


class _Likeness:
    """The loss in the form in which a trainer wants it; sequences count place by place."""

    def __init__(self, teacher: Any, student: Any, temperature: float) -> None:
        self._distillation = KnowledgeDistillation(teacher, student, temperature, ONLY_THE_TEACHER)

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
