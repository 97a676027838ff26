"""A small model taught by a large one: it learns from all of the teacher's scores, not the right class only.

It is no `Technique`, as it has no claim that a checker could test: the weights of a student that was taught look like
those of one that was not, and how often it agrees with its teacher is not seen without that teacher and inputs. What it
is worth shows in the accuracy that is measured.

Source:
    G. Hinton, O. Vinyals, J. Dean (2015), Distilling the Knowledge in a Neural Network.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.core import ops
from tinytorch.core.autograd import as_array, no_grad
from tinytorch.core.layers import require_count, require_ratio
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import Trainer
from tinytorch.errors import RangeError, ShapeError, explain
from tinytorch.perf.graph import inference

__all__ = ["KnowledgeDistillation", "distil"]

Array = NDArray[Any]
Model = TypeVar("Model")


class KnowledgeDistillation:
    """The loss of a student: `alpha * soft + (1 - alpha) * hard`, both averaged over the rows.

    Soft is T² times the divergence KL(teacher || student) of the softmax at temperature T: its gradients shrink by T²,
    which the factor makes good. Hard is the cross-entropy with the labels.

    Args:
        teacher_model: What the scores are from.
        student_model: What is to be trained.
        temperature: T, above 0.
        alpha: The weight of the soft part, in [0, 1].

    Raises:
        RangeError: If an option is out of range.
    """

    def __init__(self, teacher_model: Any, student_model: Any, temperature: float = 3.0, alpha: float = 0.7) -> None:
        if not 0 < temperature < math.inf:
            raise RangeError(explain("temperature", "a finite number above 0", temperature))
        require_ratio("alpha", alpha)
        self.teacher_model = teacher_model
        self.student_model = student_model
        self.temperature = temperature
        self.alpha = alpha

    def distillation_loss(self, student_logits: Any, teacher_logits: Any, true_labels: Any) -> float:
        """Give the loss as a number; `loss` is what can be differentiated.

        Args:
            student_logits: (N, C).
            teacher_logits: (N, C).
            true_labels: Class indices (N,), or one-hot (N, C).
        """
        with no_grad():
            return float(self.loss(_tensor(student_logits), teacher_logits, true_labels).data)

    def loss(self, student_logits: Tensor, teacher_logits: Any, true_labels: Any) -> Tensor:
        """Give the loss, differentiable in the student's logits; nothing flows back to the teacher.

        Raises:
            ShapeError: If the shapes do not fit, or there is no row.
            RangeError: If a label is no class, a row of labels is not one-hot, or a teacher's logit is not finite.
        """
        scores = as_array(teacher_logits)
        if student_logits.ndim != 2 or scores.shape != student_logits.shape:
            got = f"{student_logits.shape} and {scores.shape}"
            raise ShapeError(explain("the logits of student and teacher", "of one shape (N, C)", got))
        if not np.isfinite(scores).all():
            raise RangeError(explain("a logit of the teacher", "finite", float(scores[~np.isfinite(scores)][0])))
        hard = ops.cross_entropy(student_logits, Tensor(_indices(true_labels, scores.shape)))
        return self._soft(student_logits, scores) * self.alpha + hard * (1 - self.alpha)

    def _soft(self, student_logits: Tensor, scores: Array) -> Tensor:
        with no_grad():
            theirs = ops.log_softmax(Tensor(scores, dtype=student_logits.dtype) * (1 / self.temperature)).data
        ours = ops.log_softmax(student_logits * (1 / self.temperature))  # (N, C)
        likely = np.exp(theirs)
        spread = float((likely * theirs).sum())  # what the student cannot change
        total = (ours * Tensor(-likely, dtype=likely.dtype)).sum() + spread
        return total * (self.temperature**2 / len(scores))


def distil(
    teacher: Any,
    student: Model,
    data: Iterable[tuple[Any, Any]],
    *,
    epochs: int = 10,
    lr: float = 0.001,
    temperature: float = 3.0,
    alpha: float = 0.7,
) -> Model:
    """Train a copy of the student on the teacher's scores and the labels, with Adam.

    Args:
        teacher: Anything with `forward`; dropout is off in it. It is left alone.
        student: What is copied and trained. It is left alone.
        data: Batches `(inputs, labels)`; gone through once an epoch, so a list or a loader.
        epochs: How often.
        lr: The rate of Adam.
        temperature: See `KnowledgeDistillation`.
        alpha: See `KnowledgeDistillation`.

    Returns:
        The trained copy.

    Raises:
        RangeError: If an option is out of range, or a loss is not finite.
        DataError: If there is no batch.
    """
    require_count("epochs", epochs)
    trained: Any = deepcopy(student)
    lesson = _Lesson(KnowledgeDistillation(teacher, trained, temperature, alpha))
    trainer = Trainer(trained, Adam(trained.parameters(), lr=lr), lesson)
    for _ in range(epochs):
        trainer.train_epoch((inputs, (labels, _ask(teacher, inputs))) for inputs, labels in data)
    result: Model = trained
    return result


class _Lesson:
    """The loss in the form in which a trainer wants it: the teacher's scores come with the labels."""

    def __init__(self, distillation: KnowledgeDistillation) -> None:
        self.distillation = distillation

    def forward(self, outputs: Tensor, targets: tuple[Any, Array]) -> Tensor:
        labels, scores = targets
        return self.distillation.loss(outputs, scores, labels)


def _ask(teacher: Any, inputs: Any) -> Array:
    with inference(teacher), no_grad():
        return as_array(teacher.forward(inputs))


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else Tensor(value)


def _indices(labels: Any, shape: tuple[int, ...]) -> Array:
    array: Array = np.asarray(as_array(labels))
    if array.ndim == 1:
        return array
    if array.shape != shape:
        raise ShapeError(explain("the labels", f"of shape {shape[:1]}, or one-hot {shape}", array.shape))
    if not (((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all()):
        raise RangeError(explain("a row of labels", "one-hot: a single 1 among zeros", "another"))
    return array.argmax(axis=1)
