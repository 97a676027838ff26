"""The public check of a gradient against differences."""

import numpy as np
import pytest

from tinytorch.core.autograd import Function, gradcheck
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DTypeError, RangeError


def leaf(data, dtype="float64"):
    return Tensor(data, requires_grad=True, dtype=dtype)


def claiming(rule):
    """Give a function that doubles its input and claims that its gradient follows `rule`."""
    node = type("ClaimBackward", (Function,), {"apply": lambda self, g: (rule(g),)})

    def function(x):
        out = Tensor(x.data * 2, requires_grad=True, dtype=x.dtype)
        out._grad_fn = node(x)
        return out

    return function


def test_a_right_gradient_passes():
    """The answer is True, so that it can stand in an assert."""
    assert gradcheck(claiming(lambda g: g * 2), leaf([1.0, -2.0])) is True


@pytest.mark.parametrize("factor", [2.001, 1.999, 2 + 1e-4, -2, 0])
def test_a_wrong_gradient_is_found(factor):
    """2.001 is not 2; the worst element is named with both values."""
    with pytest.raises(RangeError, match=r"the gradient of input 0 must be [\d.]+ \(numeric\); got .* index \("):
        gradcheck(claiming(lambda g: g * factor), leaf([1.0, -2.0]))


def test_the_worst_element_is_named():
    """One wrong element among many is enough, and is the one pointed at."""
    factors = np.array([[2.0, 2.0, 2.0], [2.0, 2.5, 2.0001]])
    with pytest.raises(RangeError, match=r"index \(1, 1\)"):
        gradcheck(claiming(lambda g: g * factors), leaf(np.ones((2, 3))))


def test_a_gradient_right_only_for_a_sum_is_found():
    """Gradients swapped between elements add up to the same, and are wrong."""
    with pytest.raises(RangeError):
        gradcheck(claiming(lambda g: g[::-1] * 2), leaf([1.0, 5.0]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_no_number_is_found(value):
    """NaN passes no comparison, and must not pass this one."""
    with pytest.raises(RangeError, match="index"):
        gradcheck(claiming(lambda g: g * value), leaf([1.0, 2.0]))


def test_a_gradient_of_the_wrong_shape_is_found():
    """Both shapes are named."""
    with pytest.raises(RangeError, match=r"of shape \(2,\); got \(3,\)"):
        gradcheck(claiming(lambda g: np.ones(3)), leaf([1.0, 2.0]))


def test_a_missing_gradient_is_found():
    """None counts as zero."""
    with pytest.raises(RangeError, match="got 0"):
        gradcheck(claiming(lambda g: None), leaf([1.0]))


def test_the_second_input_is_checked_too():
    """Every input that requires grad is; its position is named."""
    wrong = claiming(lambda g: g * 2.001)
    with pytest.raises(RangeError, match="input 1"):
        gradcheck(lambda a, b: a * 2 + wrong(b), leaf([1.0]), leaf([2.0]))


def test_an_input_without_requires_grad_is_a_constant():
    """It may be of any kind of number."""
    assert gradcheck(lambda a, b: a * b, leaf([1.0]), Tensor([3.0]))


def test_float32_is_refused():
    """A difference of float32 values says nothing; the error says what to do."""
    with pytest.raises(DTypeError, match=r"input 1 of gradcheck must be float64; got float32. Build it with dtype="):
        gradcheck(lambda a, b: a * b, leaf([1.0]), leaf([1.0], "float32"))


def test_a_check_of_nothing_is_refused():
    """If no input requires grad, True would be a lie."""
    with pytest.raises(RangeError, match="at least one that requires grad; got none"):
        gradcheck(lambda a: a * 2, Tensor([1.0], dtype="float64"))


@pytest.mark.parametrize("factor", [2, 3])
def test_inputs_are_left_as_they_were(factor):
    """Values and gradients are restored, whether the check passes or not."""
    x = leaf([1.0, 2.0])
    x.grad = kept = np.array([7.0, 8.0])
    try:
        gradcheck(claiming(lambda g: g * factor), x)
    except RangeError:
        assert factor == 3
    assert x.grad is kept
    assert (x.grad.tolist(), x.data.tolist()) == ([7.0, 8.0], [1.0, 2.0])


def test_inputs_are_restored_when_the_function_fails():
    """An error between two differences leaves no shifted value behind."""
    x, calls = leaf([1.0, 2.0]), []

    def failing(x):
        calls.append(1)
        if len(calls) == 3:
            raise KeyError
        return x * 2

    with pytest.raises(KeyError):
        gradcheck(failing, x)
    assert x.data.tolist() == [1.0, 2.0]


def test_the_same_tensor_can_be_given_twice():
    """Both ways into the function are summed on both sides."""
    x = leaf([0.5, 2.0])
    assert gradcheck(lambda a, b: a * b, x, x)


def test_tolerances_can_be_set():
    """A check can be as loose as a derivative is rough."""
    assert gradcheck(claiming(lambda g: g * 2.001), leaf([1.0]), rtol=1e-2)
