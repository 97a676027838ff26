"""Indexing, with keys nobody thought of."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices, integer_array_indices

from tinytorch.core.tensor import Tensor

shapes = array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)


@st.composite
def shape_and_key(draw):
    shape = draw(shapes)
    return shape, draw(st.one_of(basic_indices(shape, allow_newaxis=True), integer_array_indices(shape)))


@settings(deadline=None, derandomize=True, max_examples=300)
@given(shape_and_key())
def test_indexing_is_that_of_numpy_and_every_element_counts_as_often_as_it_was_taken(case):
    """An element taken twice gets both gradients, one not taken gets 0."""
    shape, key = case
    x = Tensor(np.arange(np.prod(shape)).reshape(shape), requires_grad=True, dtype="float64")
    taken = x[key]
    assert np.array_equal(taken.data, x.data[key])
    taken.sum().backward()
    places = np.arange(x.size).reshape(shape)[key]
    assert np.array_equal(x.grad.ravel(), np.bincount(np.ravel(places), minlength=x.size))
