"""Products with sparse matrices: what is left out comes back, and every form computes what NumPy does."""

import numpy as np
import pytest

from tinytorch.core.ops import OPS
from tinytorch.errors import RangeError
from tinytorch.perf.kernels import VARIABLE, forms
from tinytorch.perf.kernels.int8 import quantize_columns
from tinytorch.perf.kernels.sparse import (
    Entries,
    compress,
    expand,
    multiply,
    multiply_by_numpy,
    require_lawful,
    scratch,
    sparse_kernel,
)

SIZES = [(1, 1), (3, 17), (70, 5), (300, 33), (1100, 130)]


@pytest.fixture(params=["plain", "numpy"] if forms.has_numba() else ["numpy"])
def form(request, monkeypatch):
    """Give the compiled kernel and its twin."""
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


def floats(*shape, seed=0):
    """Give float32 numbers."""
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def sparse(inputs, outputs, share=0.1, seed=0):
    """Give a matrix of mostly zeros."""
    kept = np.random.default_rng([seed, inputs]).random((inputs, outputs)) < share
    return np.where(kept, floats(inputs, outputs, seed=seed + 1), 0).astype(np.float32)


@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
@pytest.mark.parametrize("share", [0, 0.004, 0.1, 1])
def test_what_is_left_out_comes_back(inputs, outputs, share):
    """To the bit, whatever lies between."""
    matrix = sparse(inputs, outputs, share)
    found = compress(matrix)
    require_lawful(found, inputs)
    assert np.array_equal(expand(found, inputs), matrix)


@pytest.mark.parametrize(("distance", "between"), [(255, 0), (256, 1), (510, 1), (511, 2), (1021, 4)])
def test_distances_beyond_a_byte_are_walked_in_steps(distance, between):
    """An entry of 0 stands every 255 places; a step of 255 itself needs none."""
    matrix = np.zeros((1022, 2), np.float32)
    matrix[[0, distance], 1] = 1, 2
    found = compress(matrix)
    assert (len(found.values), found.starts.tolist()) == (2 + between, [0, 0, 2 + between])
    assert np.array_equal(expand(found, 1022), matrix)
    first = np.zeros((1022, 1), np.float32)
    first[distance] = 3
    assert np.array_equal(expand(compress(first), 1022), first)


def test_an_entry_takes_five_bytes_or_two():
    """A value and its gap; four bytes more for each column, and for the end, and for the scale beside int8."""
    matrix = np.zeros((100, 10), np.float32)
    matrix[::10] = 1
    assert compress(matrix).nbytes == 100 * 5 + 11 * 4
    assert compress(*quantize_columns(matrix)).nbytes == 100 * 2 + 11 * 4 + 10 * 4


@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
@pytest.mark.parametrize("rows", [0, 1, 3, 8, 64, 75])
def test_products_are_numpys_to_a_rounding(inputs, outputs, rows, form):
    """Of few rows one by one, and of blocks that are and are not full; float32 and int8."""
    matrix, x, bias = sparse(inputs, outputs), floats(rows, inputs), floats(outputs)
    for entries in (compress(matrix), compress(*quantize_columns(matrix))):
        out = np.full((rows, outputs), np.nan, np.float32)
        multiply(x, entries, bias, out)
        assert out == pytest.approx(x @ expand(entries, inputs) + bias, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("curve", ["relu", "sigmoid", "tanh", "gelu"])
def test_the_activation_is_done_too(curve, form):
    """On few rows and many."""
    entries, bias = compress(sparse(70, 5, 0.3)), floats(5)
    for rows in (2, 20):
        x, out, plain = floats(rows, 70), np.empty((rows, 5), np.float32), np.empty((rows, 5), np.float32)
        multiply(x, entries, bias, out, curve)
        multiply_by_numpy(x, entries, bias, plain)
        assert out == pytest.approx(OPS[curve].run(plain)[0], rel=1e-4, abs=1e-5)


def test_a_row_that_is_not_finite_leaves_the_others_alone(form):
    """NaN goes through ReLU, as it does in NumPy."""
    entries, x = compress(sparse(40, 6, 0.5)), floats(20, 40)
    out, alone = np.empty((20, 6), np.float32), np.empty((20, 6), np.float32)
    multiply(x, entries, np.zeros(6, np.float32), alone, "relu")
    x[11] = np.nan
    multiply(x, entries, np.zeros(6, np.float32), out, "relu")
    assert np.isnan(out[11]).all()
    assert np.array_equal(np.delete(out, 11, axis=0), np.delete(alone, 11, axis=0))


def test_the_twin_needs_no_matrix_as_large_as_the_dense_one():
    """Some columns at a time; a matrix without columns has nothing to compute."""
    entries, x = compress(sparse(9, 200, 0.5)), floats(2, 9)
    out = np.empty((2, 200), np.float32)
    multiply_by_numpy(x, entries, np.zeros(200, np.float32), out)
    assert out == pytest.approx(x @ expand(entries, 9), abs=1e-5)


UNLAWFUL = {
    "outside": ({"gaps": [1, 9, 1]}, "the place of an entry must be below 10; got 10"),
    "negative": ({"starts": [0, -1, 3]}, "the starts of columns must be in order"),
    "too few": ({"starts": [0, 1, 2]}, "the starts of columns must be in order"),
    "not from 0": ({"starts": [1, 1, 3]}, "the starts of columns must be in order"),
    "twice": ({"gaps": [1, 0, 0]}, "two in one place"),
    "another count": ({"gaps": [1, 2]}, "the starts of columns must be in order"),
}


@pytest.mark.parametrize(("wrong", "words"), UNLAWFUL.values(), ids=UNLAWFUL.keys())
def test_entries_that_a_kernel_may_not_follow_are_refused(wrong, words):
    """It reads where it is told to."""
    given = {"values": [1, 2, 3], "gaps": [1, 0, 1], "starts": [0, 1, 3]} | wrong
    kinds = {"values": np.float32, "gaps": np.uint8, "starts": np.int32}
    arrays = {name: np.array(given[name], kind) for name, kind in kinds.items()}
    with pytest.raises(RangeError, match=words):
        require_lawful(Entries(**arrays, scales=np.empty(0, np.float32)), 10)


@pytest.mark.skipif(not forms.has_numba(), reason="there is no compiled kernel")
def test_other_kinds_of_arrays_are_refused():
    """No call compiles again, silently and for a second."""
    entries, out = compress(sparse(4, 4, 0.5)), np.empty((4, 4), np.float32)
    with pytest.raises(TypeError, match="No matching definition"):
        sparse_kernel("float32")(floats(4, 4).T, entries.arrays, floats(4), scratch(4, 4), 0, out)
