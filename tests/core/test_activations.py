"""Activations: values that users' code relies on, and gradients that belong to those values."""

import numpy as np
import pytest

from tinytorch.core import activations
from tinytorch.core.activations import GELU, TOLERANCE, ReLU, Sigmoid, Softmax, Tanh
from tinytorch.core.autograd import gradcheck
from tinytorch.core.tensor import Tensor
from tinytorch.errors import ShapeError

EVERY = [ReLU, Sigmoid, Tanh, GELU, Softmax]
every_activation = pytest.mark.parametrize("kind", EVERY)

POINTS = [-3.0, -1.0, -0.2, 0.3, 1.0, 2.5]


def at(kind, *values):
    return kind()(Tensor(values, dtype="float64")).tolist()


def test_all_public_activations_are_tested_here():
    """A new one belongs into the list above."""
    assert {kind.__name__ for kind in EVERY} | {"TOLERANCE"} == set(activations.__all__)


@every_activation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_result_is_a_new_tensor_of_the_same_shape_and_kind(kind, dtype):
    """Nothing is done in place, for any rank."""
    for shape in [(3,), (2, 3), (2, 1, 3)]:
        x = Tensor(np.linspace(-1, 1, int(np.prod(shape))).reshape(shape), dtype=dtype)
        before = x.data.tobytes()
        out = kind()(x)
        assert (type(out), out.shape, out.dtype, out is x) == (Tensor, shape, x.dtype, False)
        assert (x.data.tobytes(), np.shares_memory(out.data, x.data)) == (before, False)


@every_activation
def test_an_activation_has_nothing_to_train(kind):
    """`parameters()` is an empty list; `backward` is a stub."""
    assert (kind().parameters(), kind().backward(np.ones(1)), repr(kind())) == ([], None, f"{kind.__name__}()")


@every_activation
def test_calling_is_forward(kind):
    """`__call__` delegates."""
    x = Tensor(POINTS)
    assert kind()(x).tolist() == kind().forward(x).tolist()


@every_activation
def test_the_gradient_belongs_to_the_value(kind):
    """Every activation has one, and it is the derivative of what it computes."""
    assert gradcheck(kind(), Tensor(POINTS, requires_grad=True, dtype="float64"))


@every_activation
def test_extreme_inputs_give_neither_warnings_nor_nan(kind):
    """±1000 is saturation, not overflow, forward and backward."""
    x = Tensor([-1000.0, -90.0, 0.0, 90.0, 1000.0], requires_grad=True)
    out = kind()(x)
    out.backward(np.ones(5))
    assert np.isfinite(out.data).all()
    assert np.isfinite(x.grad).all()


def test_relu_cuts_at_zero_and_its_gradient_there_is_zero():
    """`max(0, x)`; at the kink the gradient is 0."""
    x = Tensor([-2.0, 0.0, 3.0], requires_grad=True)
    out = ReLU()(x)
    out.sum().backward()
    assert (out.tolist(), x.grad.tolist()) == ([0.0, 0.0, 3.0], [0.0, 0.0, 1.0])


def test_sigmoid_saturates_and_stays_inside():
    """±1000 gives 0 and 1 to 1e-10; ±10 stays strictly between; 0 gives a half."""
    low, high = at(Sigmoid, -1000, 1000)
    assert max(abs(low), abs(high - 1)) < TOLERANCE
    inner = Sigmoid()(Tensor([-10.0, 10.0])).tolist()
    assert 0 < inner[0] < inner[1] < 1
    assert at(Sigmoid, 0) == [0.5]


def test_sigmoid_keeps_small_probabilities():
    """On the negative side it is exp(x), not 1 - 1."""
    assert np.allclose(at(Sigmoid, -40.0), [np.exp(-40.0)], rtol=1e-12, atol=0)


def test_tanh_saturates_exactly():
    """±1000 gives ±1."""
    assert at(Tanh, -1000, 0, 1000) == [-1.0, 0.0, 1.0]


def test_gelu_lies_where_its_users_expect_it():
    """GELU(1) > 0.8, -0.2 < GELU(-1) < 0, GELU(0) = 0."""
    below, zero, above = at(GELU, -1, 0, 1)
    assert above > 0.8
    assert -0.2 < below < 0
    assert abs(zero) < TOLERANCE


def test_gelu_is_the_tanh_form():
    """0.5 x (1 + tanh(sqrt(2/π) (x + 0.044715 x³))), by the formula."""
    x = np.array(POINTS)
    expected = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    assert np.allclose(at(GELU, *POINTS), expected, rtol=1e-14)


def test_softmax_sums_to_one_along_its_dim():
    """`dim` goes to the call; the last axis is the default."""
    x = Tensor(np.arange(12.0).reshape(2, 3, 2))
    for dim in (0, 1, 2, -1):
        assert np.allclose(Softmax()(x, dim=dim).data.sum(axis=dim), 1)
    assert Softmax()(x).tolist() == Softmax().forward(x, -1).tolist()


def test_softmax_of_large_numbers_is_that_of_their_differences():
    """1000, 1001, 1002 are finite, and give what 0, 1, 2 give."""
    assert np.allclose(at(Softmax, 1000, 1001, 1002), at(Softmax, 0, 1, 2), rtol=1e-12)


def test_softmax_takes_no_dim_at_birth():
    """The known constructor has no arguments."""
    with pytest.raises(TypeError):
        Softmax(dim=0)


def test_an_axis_that_is_not_there_is_named():
    """The error names the op, the shape and the axis."""
    with pytest.raises(ShapeError, match=r"softmax.*\(3,\).*axis 1"):
        Softmax()(Tensor([1.0, 2.0, 3.0]), dim=1)
