"""Learning from a teacher: the loss by hand, its gradient, and the recipe."""

import numpy as np
import pytest

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, ShapeError
from tinytorch.perf.compression import KnowledgeDistillation, distil

RNG = np.random.default_rng(0)
STUDENT, TEACHER = RNG.normal(size=(2, 5, 3)).astype(np.float32)
LABELS = np.array([0, 1, 2, 1, 0])


def expected_loss(student, teacher, temperature, alpha):
    """Compute by the formula, in float64, without logarithms of sums."""
    soften = lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    p, q = soften(teacher.astype(np.float64) / temperature), soften(student.astype(np.float64) / temperature)
    soft = temperature**2 * (p * np.log(p / q)).sum(axis=1).mean()
    hard = -np.log(soften(student.astype(np.float64))[np.arange(5), LABELS]).mean()
    return alpha * soft + (1 - alpha) * hard


@pytest.mark.parametrize(("temperature", "alpha"), [(3.0, 0.7), (1.0, 1.0), (5.0, 0.0), (0.5, 0.3)])
def test_the_loss_is_that_of_the_formula(temperature, alpha):
    """KL(teacher || student) times T squared, averaged."""
    loss = KnowledgeDistillation(None, None, temperature, alpha).distillation_loss(STUDENT, TEACHER, LABELS)
    assert isinstance(loss, float)
    assert loss == pytest.approx(expected_loss(STUDENT, TEACHER, temperature, alpha), rel=1e-5)


@pytest.mark.parametrize("labels", [Tensor(LABELS), np.eye(3)[LABELS], Tensor(np.eye(3)[LABELS])])
def test_labels_come_in_four_forms(labels):
    """Indices or one-hot, tensor or array."""
    lesson = KnowledgeDistillation(None, None)
    expected = lesson.distillation_loss(STUDENT, TEACHER, LABELS)
    assert lesson.distillation_loss(Tensor(STUDENT), Tensor(TEACHER), labels) == expected


def test_the_gradient_is_that_of_the_formula():
    """By central differences of the float64 formula; the teacher gets none."""
    student, teacher = Tensor(STUDENT, requires_grad=True), Tensor(TEACHER, requires_grad=True)
    KnowledgeDistillation(None, None, 3.0, 0.7).loss(student, teacher, LABELS).backward()
    numeric = np.zeros((5, 3))
    for place in np.ndindex(5, 3):
        step = np.zeros((5, 3))
        step[place] = 1e-4
        up, down = (expected_loss(STUDENT + s, TEACHER, 3.0, 0.7) for s in (step, -step))
        numeric[place] = (up - down) / 2e-4
    assert student.grad == pytest.approx(numeric, abs=1e-5)
    assert teacher.grad is None


def test_equal_scores_have_no_soft_loss():
    """Large ones neither, whose exponentials would overflow."""
    loss = KnowledgeDistillation(None, None, 1.0, 1.0).distillation_loss(TEACHER * 1000, TEACHER * 1000, LABELS)
    assert loss == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("student", "teacher", "labels", "error"),
    [
        (STUDENT, TEACHER[:, :2], LABELS, ShapeError),
        (STUDENT[0], TEACHER[0], LABELS, ShapeError),
        (STUDENT, TEACHER, np.eye(2)[[0, 1]], ShapeError),
        (STUDENT, TEACHER, np.ones((5, 3)), RangeError),
        (STUDENT, TEACHER, LABELS + 1, RangeError),
        (STUDENT, TEACHER * np.float32(np.nan), LABELS, RangeError),
    ],
)
def test_what_does_not_fit_is_refused(student, teacher, labels, error):
    """Shapes, rows that are not one-hot, classes out of range, and NaN."""
    with pytest.raises(error):
        KnowledgeDistillation(None, None).distillation_loss(student, teacher, labels)


@pytest.mark.parametrize("options", [{"temperature": 0}, {"temperature": float("inf")}, {"alpha": 1.5}])
def test_impossible_options_are_refused(options):
    """A temperature of 0 divides by it."""
    with pytest.raises(RangeError):
        KnowledgeDistillation(None, None, **options)


def test_a_student_learns_what_only_the_teacher_knows():
    """With alpha 1 the labels count for nothing, and they are wrong here; teacher and student are left alone."""
    np.random.seed(0)  # noqa: NPY002  the state the layers draw from
    teacher, student = Linear(4, 3), Sequential(Linear(4, 8), ReLU(), Linear(8, 3))
    before = teacher.state_dict() | student.state_dict()
    x = RNG.normal(size=(64, 4)).astype(np.float32)
    truth = teacher(Tensor(x)).data.argmax(axis=1)
    batches = [(Tensor(x), Tensor((truth + 1) % 3))]
    trained = distil(teacher, student, batches, epochs=100, lr=0.02, alpha=1.0)
    assert (trained(Tensor(x)).data.argmax(axis=1) == truth).mean() > 0.9
    after = teacher.state_dict() | student.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)
