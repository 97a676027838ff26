"""Broadcasting, for any shapes that fit: NumPy's values, and gradients summed over what was repeated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tinytorch.core import ops
from tinytorch.core.tensor import Tensor

modestly = settings(deadline=None, derandomize=True, max_examples=60, database=None)
any_pair = arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3, min_side=0)

# Each op with the derivative to each side, as a textbook has it.
TABLE = {
    "add": (np.add, lambda a, b: (np.ones_like(a + b), np.ones_like(a + b))),
    "sub": (np.subtract, lambda a, b: (np.ones_like(a + b), -np.ones_like(a + b))),
    "mul": (np.multiply, lambda a, b: (b + 0 * a, a + 0 * b)),
    "div": (np.divide, lambda a, b: (1 / b + 0 * a, -a / b**2)),
    "maximum": (np.maximum, lambda a, b: ((a > b) * 1.0, (b > a) * 1.0)),
    "minimum": (np.minimum, lambda a, b: ((a < b) * 1.0, (b < a) * 1.0)),
}


def numbers(shape, start):
    """Give distinct numbers, none of them 0."""
    return start + np.arange(int(np.prod(shape))).reshape(shape)


def summed_to(gradient, shape):
    """Sum, element by element, what belongs to each element of `shape`: slow, and independent of the op."""
    home = np.broadcast_to(np.arange(int(np.prod(shape))).reshape(shape), gradient.shape)
    total = np.zeros(int(np.prod(shape)))
    np.add.at(total, home.ravel(), gradient.ravel())
    return total.reshape(shape)


@pytest.mark.parametrize("op", TABLE)
@given(pair=any_pair)
@modestly
def test_a_binary_op_broadcasts(op, pair):
    """The value is NumPy's; each gradient has its operand's shape and the sum over the repeats."""
    left, right = pair.input_shapes
    a, b = numbers(left, 1.0), numbers(right, 1.5)
    x, y = (Tensor(array, requires_grad=True, dtype="float64") for array in (a, b))
    out = getattr(ops, op)(x, y)
    incoming = numbers(pair.result_shape, 2.0)
    out.backward(incoming)
    value, slopes = TABLE[op]
    assert (out.shape, out.tolist()) == (pair.result_shape, value(a, b).tolist())
    for tensor, slope in zip((x, y), slopes(a, b), strict=True):
        assert tensor.grad.shape == tensor.shape
        np.testing.assert_allclose(tensor.grad, summed_to(incoming * slope, tensor.shape), rtol=1e-12)


@given(pair=any_pair)
@modestly
def test_broadcast_to_repeats_and_sums(pair):
    """The gradient of a repeated element is the sum of its copies' gradients."""
    shape = pair.input_shapes[0]
    x = Tensor(numbers(shape, 1.0), requires_grad=True, dtype="float64")
    out = x.broadcast_to(pair.result_shape)
    incoming = numbers(pair.result_shape, 1.0)
    out.backward(incoming)
    assert np.array_equal(out.data, np.broadcast_to(x.data, pair.result_shape))
    assert np.array_equal(x.grad, summed_to(incoming, shape))


@given(case=arrays.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3, min_side=0))
@modestly
def test_matmul_of_any_ranks_agrees_with_einsum(case):
    """The value is NumPy's; the gradients are sums of products over every repeated axis."""
    left, right = case.input_shapes
    x, y = (Tensor(numbers(shape, 1.0), requires_grad=True, dtype="float64") for shape in (left, right))
    out = x @ y
    incoming = numbers(out.shape, 1.0)
    out.backward(incoming)
    assert np.array_equal(out.data, np.matmul(x.data, y.data))
    a = x.data[None, :] if x.ndim == 1 else x.data
    b = y.data[:, None] if y.ndim == 1 else y.data
    g = incoming.reshape(np.matmul(a, b).shape)
    expected = np.einsum("...nm,...km->...nk", g, b), np.einsum("...nm,...nk->...km", g, a)
    np.testing.assert_allclose(x.grad.reshape(a.shape), summed_to(expected[0], a.shape), rtol=1e-12)
    np.testing.assert_allclose(y.grad.reshape(b.shape), summed_to(expected[1], b.shape), rtol=1e-12)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
@given(data=st.data(), shape=arrays.array_shapes(min_dims=0, max_dims=4, max_side=3), keepdims=st.booleans())
@modestly
def test_a_reduction_over_any_axes_agrees_with_numpy(name, data, shape, keepdims):
    """Also over none, over all, and over negative axes; each input gets its own share of the gradient."""
    axis = data.draw(st.none() | arrays.valid_tuple_axes(len(shape)))
    x = Tensor(np.roll(numbers(shape, 1.0).ravel(), 2).reshape(shape), requires_grad=True, dtype="float64")
    out = getattr(x, name)(axis=axis, keepdims=keepdims)
    expected = getattr(np, name)(x.data, axis=axis, keepdims=keepdims)
    assert (out.shape, out.tolist()) == (expected.shape, expected.tolist())
    incoming = numbers(out.shape, 1.0)
    out.backward(incoming)
    kept = getattr(np, name)(x.data, axis=axis, keepdims=True)
    spread = np.broadcast_to(incoming.reshape(kept.shape), shape)
    share = {"sum": 1.0, "mean": kept.size / x.size}.get(name, x.data == kept)
    np.testing.assert_allclose(x.grad, spread * share, rtol=1e-12)
