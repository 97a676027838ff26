"""Indexing, for any key NumPy takes: NumPy's values, and every element gets the gradient of every place it went to."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tinytorch.core import ops
from tinytorch.core.tensor import Tensor

modestly = settings(deadline=None, derandomize=True, max_examples=150, database=None)
small_shapes = arrays.array_shapes(min_dims=1, max_dims=4, max_side=4)


def require_as_numpy(shape, key):
    """Compare `x[key]` and its gradient with a lookup in a table of positions."""
    places = np.arange(int(np.prod(shape))).reshape(shape)
    x = Tensor(places + 0.5, requires_grad=True, dtype="float64")
    out = x[key]
    taken = np.asarray(places[key])
    incoming = 1.0 + np.arange(taken.size).reshape(taken.shape)
    out.backward(incoming)
    expected = np.bincount(taken.ravel(), incoming.ravel(), minlength=places.size).reshape(shape)
    assert (out.shape, out.tolist()) == (taken.shape, (taken + 0.5).tolist())
    assert np.array_equal(x.grad, expected)


@given(data=st.data(), shape=small_shapes)
@modestly
def test_basic_keys(data, shape):
    """Ints, slices of any step, None and the ellipsis, in any order."""
    require_as_numpy(shape, data.draw(arrays.basic_indices(shape, allow_newaxis=True)))


@given(data=st.data(), shape=small_shapes)
@modestly
def test_integer_arrays(data, shape):
    """One array an axis, broadcast against each other, with repeats."""
    require_as_numpy(
        shape, data.draw(arrays.integer_array_indices(shape, result_shape=arrays.array_shapes(max_dims=2)))
    )


@given(data=st.data(), shape=small_shapes)
@modestly
def test_masks(data, shape):
    """A mask of all elements, or of the first axes."""
    rank = data.draw(st.integers(1, len(shape)))
    require_as_numpy(shape, data.draw(arrays.arrays(bool, shape[:rank])))


@given(data=st.data(), shape=arrays.array_shapes(min_dims=2, max_dims=3, max_side=4))
@modestly
def test_slices_beside_integer_arrays(data, shape):
    """Repeats along one axis, a slice along another."""
    ids = data.draw(arrays.arrays(np.intp, st.integers(0, 5), elements=st.integers(-shape[1], shape[1] - 1)))
    rows = data.draw(st.slices(shape[0]))
    require_as_numpy(shape, (rows, ids))


@given(data=st.data(), shape=small_shapes, count=st.integers(1, 4))
@modestly
def test_joining_and_taking_apart_is_the_identity(data, shape, count):
    """What `stack` and `concatenate` join, an index finds again, with its own gradient."""
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    parts = [Tensor(np.full(shape, float(i)), requires_grad=True, dtype="float64") for i in range(count)]
    joined = ops.concatenate(*parts, axis=axis)
    stacked = ops.stack(*parts, axis=0)
    picked = data.draw(st.integers(0, count - 1))
    assert joined.shape[axis] == count * shape[axis]
    assert stacked[picked].tolist() == parts[picked].tolist()
    (joined.sum() * 2 + stacked[picked].sum()).backward()
    assert [np.unique(part.grad).tolist() for part in parts] == [[3.0 if i == picked else 2.0] for i in range(count)]
