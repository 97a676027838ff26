"""Schedules, clipping, and the training loop."""

import math

import numpy as np
import pytest

from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss, MSELoss
from tinytorch.core.optimizers import SGD, Adam
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import CosineSchedule, Trainer, clip_grad_norm, manual_seed
from tinytorch.errors import DataError, RangeError


def batches(*sizes):
    rng = np.random.default_rng(0)
    return [(Tensor(rng.normal(size=(n, 3))), Tensor(rng.normal(size=(n, 1)))) for n in sizes]


def trainer(lr=0.1, **options):
    manual_seed(0)
    model = Sequential(Linear(3, 1))
    return Trainer(model, SGD(model.parameters(), lr=lr), MSELoss(), **options)


def weights(trained):
    return np.concatenate([parameter.data.ravel() for parameter in trained.model.parameters()])


@pytest.mark.parametrize(("epoch", "rate"), [(0, 1.0), (5, 0.55), (10, 0.1), (99, 0.1)])
def test_the_cosine_starts_high_and_ends_low(epoch, rate):
    """Half of the way at half of the time, and a Python float."""
    found = CosineSchedule(1.0, 0.1, 10).get_lr(epoch)
    assert (type(found), found) == (float, pytest.approx(rate))


def test_the_norm_before_is_returned_and_the_norm_after_is_the_limit():
    """To 1e-6; gradients may be arrays or tensors."""
    a, b = Tensor([3.0], requires_grad=True), Tensor([4.0], requires_grad=True)
    a.grad, b.grad = np.array([3.0]), Tensor([4.0])
    assert clip_grad_norm([a, b], 1.0) == pytest.approx(5.0)
    assert math.hypot(a.grad.item(), b.grad.item()) == pytest.approx(1.0, abs=1e-6)


def test_a_norm_within_the_limit_changes_nothing():
    """And no gradient at all has the norm 0."""
    a = Tensor([3.0], requires_grad=True)
    assert clip_grad_norm([a]) == 0.0
    a.grad = np.array([0.5])
    assert (clip_grad_norm([a], 1.0), a.grad.item()) == (0.5, 0.5)


def test_a_gradient_that_is_not_finite_is_refused():
    """Scaling by it would make NaN of every weight."""
    a = Tensor([3.0], requires_grad=True)
    a.grad = np.array([np.inf])
    with pytest.raises(RangeError, match="gradient norm must be finite"):
        clip_grad_norm([a], 1.0)


def test_the_schedule_is_applied_before_the_epoch():
    """The first epoch has the first rate, and the last rate is used."""
    trained = trainer(lr=7.0, scheduler=CosineSchedule(0.2, 0.1, 2))
    for _ in range(3):
        trained.train_epoch(batches(4))
    assert trained.history["learning_rates"] == pytest.approx([0.2, 0.15, 0.1])


def test_two_equal_batches_accumulated_are_one_step_with_one_of_them():
    """Exactly: gradients are averaged, not added."""
    single, double = trainer(), trainer()
    batch = batches(4)
    single.train_epoch(batch)
    double.train_epoch(batch * 2, accumulation_steps=2)
    assert np.array_equal(weights(single), weights(double))
    assert (single.step, double.step, type(double.step)) == (1, 1, int)


def test_a_last_group_that_is_smaller_counts_by_its_samples():
    """Batches of 4, 2 and then 3: the same as one of 6 and one of 3."""
    parts = batches(4, 2, 3)
    merged = tuple(Tensor(np.concatenate([a.data, b.data])) for a, b in zip(*parts[:2], strict=True))
    accumulated, whole = trainer(), trainer()
    losses = accumulated.train_epoch(parts, accumulation_steps=2), whole.train_epoch([merged, parts[2]])
    np.testing.assert_allclose(weights(accumulated), weights(whole), rtol=1e-5)
    assert (losses[0], accumulated.step) == (pytest.approx(losses[1]), 2)


def test_the_loss_of_an_epoch_is_the_mean_over_samples():
    """A batch of one does not weigh as much as one of nine."""
    trained, parts = trainer(lr=0.0), batches(9, 1)
    expected = sum(len(x) * MSELoss()(trained.model(x), y).item() for x, y in parts) / 10
    assert trained.train_epoch(parts) == pytest.approx(expected)
    assert trained.evaluate(parts)[0] == pytest.approx(expected)


def test_a_loss_that_is_nan_stops_training_before_the_step():
    """With the place and a remedy; the weights stay as they were."""
    trained = trainer()
    before = weights(trained)
    with pytest.raises(RangeError, match=r"the loss must be finite; got nan — at epoch 0, step 0. Lower"):
        trained.train_epoch([(Tensor([[np.nan] * 3]), Tensor([[1.0]]))])
    assert np.array_equal(weights(trained), before)


@pytest.mark.parametrize("method", ["train_epoch", "evaluate"])
def test_no_batch_is_an_error(method):
    """A generator that was used up gives none."""
    with pytest.raises(DataError, match="at least one batch"):
        getattr(trainer(), method)(iter([]))


def test_evaluating_builds_no_graph_and_is_in_inference_mode():
    """Dropout is off; the accuracy is that of argmax."""

    class Watched(Sequential):
        def forward(self, x):
            out = super().forward(x)
            seen.append((out.requires_grad, self.layers[0].training))
            return out

    seen = []
    model = Watched(Dropout(0.5), Linear(2, 2))
    model[1].weight.data = np.eye(2, dtype=np.float32)
    judge = Trainer(model, Adam(model.parameters()), CrossEntropyLoss())
    _, accuracy = judge.evaluate([(Tensor([[2.0, 1.0], [0.0, 1.0], [1.0, 0.0]]), Tensor([0, 1, 1]))])
    assert (seen, accuracy) == ([(False, False)], pytest.approx(2 / 3))


def test_one_column_has_no_accuracy():
    """An argmax over one column says nothing."""
    assert math.isnan(trainer().evaluate(batches(4))[1])


def test_a_model_needs_forward_and_parameters_only():
    """And is told whether it is trained."""

    class Duck:
        def __init__(self):
            self.inner = Linear(3, 1)

        def forward(self, x):
            return self.inner(x)

        def parameters(self):
            return self.inner.parameters()

    duck = Duck()
    trained = Trainer(duck, SGD(duck.parameters(), lr=0.1), MSELoss())
    first, second = trained.train_epoch(batches(8)), trained.train_epoch(batches(8))
    assert second < first
    assert (duck.training, duck.inner.training, trained.epoch) == (True, True, 2)
