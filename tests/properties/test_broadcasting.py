"""Broadcasting, over shapes nobody thought of."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from tinytorch.core import ops
from tinytorch.core.tensor import Tensor

CALLS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
two_shapes = mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4)


def tensors(shapes):
    rng = np.random.default_rng(0)
    return [Tensor(rng.uniform(1, 2, shape), requires_grad=True, dtype="float64") for shape in shapes]


def summed(array, shape):
    """Sum a broadcast array back, one axis after the other."""
    while array.ndim > len(shape):
        array = array.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1:
            array = array.sum(axis=axis, keepdims=True)
    return array


@settings(deadline=None, derandomize=True, max_examples=150)
@given(shapes=two_shapes, name=st.sampled_from(sorted(CALLS)))
def test_a_value_is_that_of_numpy(shapes, name):
    """Shape and bits."""
    a, b = tensors(shapes.input_shapes)
    found = getattr(ops, name)(a, b).data
    assert np.array_equal(found, CALLS[name](a.data, b.data))
    assert found.shape == shapes.result_shape


@settings(deadline=None, derandomize=True, max_examples=150)
@given(shapes=two_shapes)
def test_a_gradient_is_summed_back_to_its_operand(shapes):
    """For a product, the other operand, summed over the axes along which this one was repeated."""
    a, b = tensors(shapes.input_shapes)
    (a * b).sum().backward()
    full_a, full_b = np.broadcast_arrays(a.data, b.data)
    np.testing.assert_allclose(a.grad, summed(full_b, a.shape))
    np.testing.assert_allclose(b.grad, summed(full_a, b.shape))
