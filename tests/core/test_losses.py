"""Losses: right for what fits, and a sentence for what does not."""

import math

import numpy as np
import pytest

from tinytorch.core import losses
from tinytorch.core.autograd import gradcheck
from tinytorch.core.losses import BinaryCrossEntropyLoss, CrossEntropyLoss, MSELoss, log_softmax
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, ShapeError

CASES = {
    MSELoss: ([[0.1, 0.9], [0.4, 0.6]], [[0.0, 1.0], [1.0, 0.5]]),
    BinaryCrossEntropyLoss: ([[0.1, 0.9], [0.4, 0.6]], [[0.0, 1.0], [1.0, 0.5]]),
    CrossEntropyLoss: ([[1.0, 2.0, 3.0], [0.5, 0.1, -1.0]], [2, 0]),
}
every_loss = pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)


def test_all_public_losses_are_tested_here():
    """A new one belongs into the table above."""
    assert {kind.__name__ for kind in CASES} | {"EPSILON", "log_softmax"} == set(losses.__all__)


@every_loss
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loss_is_one_number_of_shape_nothing(kind, dtype):
    """`loss.data` is a 0-d array of the predictions' kind, with `.item()` and a format."""
    predictions, targets = CASES[kind]
    loss = kind()(Tensor(predictions, dtype=dtype), Tensor(targets, dtype=dtype))
    assert (type(loss.data), loss.shape, loss.dtype) == (np.ndarray, (), dtype)
    assert f"{loss.data:.3f}" == f"{loss.data.item():.3f}" == f"{loss:.3f}"


@every_loss
def test_calling_is_forward_and_backward_is_a_stub(kind):
    """The layer protocol holds for losses."""
    predictions, targets = map(Tensor, CASES[kind])
    assert kind()(predictions, targets).item() == kind().forward(predictions, targets).item()
    assert (kind().backward(), kind().parameters(), repr(kind())) == (None, [], f"{kind.__name__}()")


@every_loss
def test_targets_may_be_plain_arrays_and_lists(kind):
    """Labels need no wrapping."""
    predictions, targets = CASES[kind]
    expected = kind()(Tensor(predictions), Tensor(targets)).item()
    found = [kind()(Tensor(predictions), form).item() for form in (targets, np.array(targets))]
    assert found == [expected, expected]


@pytest.mark.parametrize("kind", [MSELoss, BinaryCrossEntropyLoss])
def test_the_target_gets_a_gradient_too(kind):
    """Distillation differentiates both sides."""
    pair = [Tensor(side, requires_grad=True, dtype="float64") for side in ([0.2, 0.7], [0.3, 0.9])]
    assert gradcheck(kind(), *pair)


@pytest.mark.parametrize("kind", [MSELoss, BinaryCrossEntropyLoss])
def test_a_column_beside_a_row_is_refused(kind):
    """(4, 1) beside (4,) would broadcast to (4, 4) and give a wrong number."""
    message = r"predictions and targets must be of one shape; got \(4, 1\) and \(4,\)\. Reshape one of them\."
    with pytest.raises(ShapeError, match=message):
        kind()(Tensor(np.full((4, 1), 0.5)), Tensor(np.full(4, 0.5)))


@every_loss
def test_an_empty_batch_is_refused(kind):
    """The mean of nothing is no loss."""
    predictions = Tensor(np.zeros((0, 3)))
    targets = Tensor(np.zeros(0 if kind is CrossEntropyLoss else (0, 3)))
    with pytest.raises(ShapeError, match=r"\(0, 3\)"):
        kind()(predictions, targets)


def test_mse_is_the_mean_of_squares():
    """By hand: (1 + 4) / 2."""
    assert MSELoss()(Tensor([1.0, 4.0]), Tensor([2.0, 2.0])).item() == 2.5


def test_cross_entropy_is_the_mean_of_minus_log_probabilities():
    """Equal logits over C classes give log C; labels travel as floats."""
    assert math.isclose(
        CrossEntropyLoss()(Tensor(np.zeros((4, 3))), Tensor([0, 1, 2, 1])).item(), math.log(3), rel_tol=1e-6
    )


def test_cross_entropy_averages_over_every_leading_axis():
    """(B, T, C) gives what (B·T, C) gives, in value and gradient."""
    data, labels = np.linspace(-2, 2, 24).reshape(2, 3, 4), np.array([[0, 3, 1], [2, 2, 0]])
    deep, flat = (Tensor(shaped, requires_grad=True, dtype="float64") for shaped in (data, data.reshape(6, 4)))
    pair = [CrossEntropyLoss()(deep, labels), CrossEntropyLoss()(flat, labels.reshape(6))]
    for loss in pair:
        loss.backward()
    assert pair[0].item() == pair[1].item()
    assert np.array_equal(deep.grad.reshape(6, 4), flat.grad)


def test_cross_entropy_of_extreme_logits_is_exact():
    """Right by 1000: 0. Wrong by 1000: 1000."""
    logits = Tensor([[1000.0, 0.0], [1000.0, 0.0]])
    assert CrossEntropyLoss()(logits, Tensor([0, 1])).item() == 500.0


@pytest.mark.parametrize(("label", "shown"), [(3, "3"), (-1, "-1"), (0.5, "0.5"), (math.nan, "nan"), (math.inf, "inf")])
def test_a_label_that_is_no_class_is_refused(label, shown):
    """Out of range, fractional, NaN: the rule, the value, and the number of columns."""
    message = rf"targets must be whole numbers in \[0, 3\), one a class; got {shown}.*The logits have 3 columns"
    with pytest.raises(RangeError, match=message):
        CrossEntropyLoss()(Tensor(np.zeros((2, 3))), Tensor([0.0, label]))


@pytest.mark.parametrize("shape", [(2, 3), (3,), (2, 1), ()])
def test_targets_that_are_not_one_a_row_are_refused(shape):
    """One-hot rows, another length, a column: all named with the shapes."""
    with pytest.raises(ShapeError, match=r"\(2, 3\) beside .* Targets are class indices, one a row"):
        CrossEntropyLoss()(Tensor(np.zeros((2, 3))), Tensor(np.zeros(shape)))


def test_one_row_of_logits_takes_one_number():
    """(C,) with a plain label is a batch of shape ()."""
    assert math.isclose(CrossEntropyLoss()(Tensor([0.0, 0.0]), 1).item(), math.log(2), rel_tol=1e-6)


def test_bce_is_finite_at_certainty():
    """Exactly 0 and 1 are kept 1e-7 away: at worst -log 1e-7, with a finite gradient."""
    p = Tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True, dtype="float64")
    loss = BinaryCrossEntropyLoss()(p, Tensor([1.0, 0.0, 0.0, 1.0]))
    loss.backward()
    assert math.isclose(loss.item(), -math.log(1e-7) / 2, rel_tol=1e-6)
    assert np.isfinite(p.grad).all()


def test_bce_at_certainty_is_known_in_float32():
    """The worst case of the default kind is 16.118."""
    assert round(BinaryCrossEntropyLoss()(Tensor([0.0]), Tensor([1.0])).item(), 3) == 16.118


@pytest.mark.parametrize("value", [-0.1, 1.1, 92.0, math.nan, math.inf])
def test_bce_refuses_what_is_no_probability(value):
    """Logits by mistake, percentages, and NaN, on either side."""
    half = Tensor([0.5])
    with pytest.raises(RangeError, match=rf"predictions must be in \[0, 1\]; got {value}.*Apply Sigmoid"):
        BinaryCrossEntropyLoss()(Tensor([value]), half)
    with pytest.raises(RangeError, match=rf"targets must be in \[0, 1\]; got {value}"):
        BinaryCrossEntropyLoss()(half, Tensor([value]))


def test_log_softmax_is_finite_and_differentiable():
    """By log-sum-exp, along any axis."""
    assert np.allclose(log_softmax(Tensor([1000.0, 1000.0])).data, -math.log(2))
    x = Tensor([[0.1, 2.0], [-1.0, 0.5]], requires_grad=True, dtype="float64")
    for dim in (0, 1, -1):
        assert gradcheck(lambda x, dim=dim: log_softmax(x, dim=dim), x)
        assert np.allclose(np.exp(log_softmax(x, dim).data).sum(axis=dim), 1)
