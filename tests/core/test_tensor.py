"""The tensor: what goes in, what it says about itself, and its operators."""

import copy
import operator

import numpy as np
import pytest

from tinytorch.core import tensor as module
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DTypeError, RangeError, ShapeError

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
every_operator = pytest.mark.parametrize("operate", OPERATORS, ids=lambda operate: operate.__name__)
NUMBERS = [2, 2.0, True, np.float64(2), np.float32(2), np.int64(2), np.True_]
every_number = pytest.mark.parametrize("number", NUMBERS, ids=lambda number: type(number).__name__)


@pytest.mark.parametrize(
    "data",
    [3, 3.5, True, [1, 2], [[1.0], [2.0]], (1, 2), np.arange(3), np.float64(2), Tensor([1.0]), [], [Tensor(1.0)]],
)
def test_numbers_become_float32(data):
    """Scalars, lists, arrays, tensors: all are stored as float32 unless told otherwise."""
    made = Tensor(data)
    assert (type(made.data), made.dtype, made.shape) == (np.ndarray, np.float32, np.shape(data))


def test_a_new_tensor_has_no_gradient():
    """`requires_grad` is off and `grad` is None at birth."""
    made = Tensor([1.0])
    assert (made.requires_grad, made.grad, made._grad_fn) == (False, None, None)


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("int64"), int, bool])
def test_another_kind_of_number_on_request(dtype):
    """`dtype=` takes whatever NumPy takes."""
    assert Tensor([1, 0], dtype=dtype).dtype == np.dtype(dtype)


def test_the_data_are_copied():
    """Neither the caller's array nor another tensor changes with this one."""
    source = np.ones(2, dtype=np.float32)
    first = Tensor(source)
    second = Tensor(first)
    second.data[0] = 5
    assert (source.tolist(), first.tolist()) == ([1.0, 1.0], [1.0, 1.0])


REFUSED = {
    "ragged lists": ([[1], [1, 2]], ShapeError, "nested lists must be of equal lengths; .* Give all rows one length"),
    "a string": ("ab", DTypeError, "the data of a tensor must be real numbers; got <U2 values"),
    "strings": (["1"], DTypeError, "must be real numbers"),
    "None": (None, DTypeError, "must be real numbers; got object values"),
    "a complex number": ([1j], DTypeError, "must be real numbers; got complex128.*imaginary part"),
    "a date": (np.datetime64("2020-01-01"), DTypeError, "must be real numbers; got datetime64"),
    "2**24 + 1": ([0, 2**24 + 1], RangeError, "a number must be exact in float32; got 16777217. Pass a dtype"),
    "-2**24 - 1": (-(2**24) - 1, RangeError, "exact in float32; got -16777217"),
    "the least int64": (np.array(-(2**63) + 1), RangeError, "exact in float32"),
    "1e300": (
        [1.0, 1e300],
        RangeError,
        r"an element must be in the range of float32; got 1e\+300. Pass dtype='float64'",
    ),
    "1e300 beside NaN and inf": ([np.nan, np.inf, -1e300], RangeError, r"got 1e\+300"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_stored_is_refused(case):
    """The message has what, rule, value and, where there is one, the remedy."""
    data, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        Tensor(data)


@pytest.mark.parametrize(
    ("data", "dtype"), [(300, "int8"), (-1, "uint8"), (1.5, "int64"), (np.nan, "int64"), (np.inf, "int32"),
                        (2**53 + 1, "float64"), (2049, "float16"), (1e300, "int64")]
)  # fmt: skip
def test_what_another_dtype_would_change_is_refused(data, dtype):
    """Nothing wraps around, is cut off or is rounded to another whole number in silence."""
    with pytest.raises(RangeError, match=f"exact in {dtype}; got"):
        Tensor([data], dtype=dtype)


@pytest.mark.parametrize("whole", [2**24, -(2**24), 2**24 + 2, 2**30, 2**62])
def test_whole_numbers_that_float32_holds_are_kept(whole):
    """Size alone is no reason to refuse."""
    assert int(Tensor(np.array(whole)).item()) == whole


def test_large_ids_are_kept_as_int64():
    """The remedy works."""
    assert Tensor([2**24 + 1, 2**62 + 1], dtype="int64").tolist() == [2**24 + 1, 2**62 + 1]


def test_infinity_and_nan_can_be_stored():
    """Masks and missing values are data."""
    assert np.array_equal(Tensor([np.inf, -np.inf, np.nan]).data, [np.inf, -np.inf, np.nan], equal_nan=True)


def test_whole_numbers_cannot_require_grad():
    """The error says which kinds can."""
    with pytest.raises(DTypeError, match=r"of a float dtype to require grad; got int64.*float32"):
        Tensor([1], requires_grad=True, dtype="int64")


def test_shape_size_and_dtype_follow_the_data():
    """Replacing `.data` leaves nothing stale."""
    made = Tensor([1.0, 2.0])
    made.data = np.zeros((3, 4))
    assert (made.shape, made.ndim, made.size, made.dtype, len(made)) == ((3, 4), 2, 12, np.float64, 3)


def test_numpy_is_the_array_itself():
    """`.numpy()` copies nothing, and NumPy's functions take a tensor."""
    made = Tensor([[1.0, 2.0]])
    assert made.numpy() is made.data
    assert np.asarray(made) is made.data or np.shares_memory(np.asarray(made), made.data)
    assert (np.array(made, dtype=int).tolist(), np.allclose(made, [[1, 2]])) == ([[1, 2]], True)


def test_constants_are_the_known_ones():
    """Users compute sizes with them."""
    assert (module.BYTES_PER_FLOAT32, module.KB_TO_BYTES, module.MB_TO_BYTES) == (4, 1024, 1024**2)


def test_repr_shows_data_kind_and_requires_grad():
    """What is usual is left out."""
    assert repr(Tensor([1.0, 2.5])) == "Tensor([1. , 2.5])"
    assert repr(Tensor([1], dtype="int64")) == "Tensor([1], dtype=int64)"
    assert repr(Tensor(1.0, requires_grad=True)) == "Tensor(1., requires_grad=True)"


def test_one_element_converts_to_a_number():
    """float, int, bool, item and format take one element of any shape."""
    made = Tensor([[2.5]])
    assert (float(made), int(made), bool(made), made.item(), f"{made:.2f}") == (2.5, 2, True, 2.5, "2.50")
    assert f"{Tensor([1.0, 2.0])}" == "Tensor([1., 2.])"


@pytest.mark.parametrize("convert", [float, int, bool, Tensor.item, "{:.2f}".format])
def test_more_elements_do_not(convert):
    """The error names the shape and what to do instead."""
    with pytest.raises(ShapeError, match=r"of one element for item\(\); got the shape \(2,\). Reduce it"):
        convert(Tensor([1.0, 2.0]))


def test_a_tensor_iterates_over_its_first_axis():
    """Rows come one by one, each with its part of the gradient."""
    made = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = made
    (first * 10 + second).sum().backward()
    assert made.grad.tolist() == [[10.0, 10.0], [1.0, 1.0]]


@pytest.mark.parametrize("take", [len, iter])
def test_a_scalar_has_no_length(take):
    """As in NumPy, a TypeError."""
    with pytest.raises(TypeError, match="unsized"):
        take(Tensor(1.0))


@every_operator
@every_number
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_number_on_either_side_keeps_the_kind_of_float(operate, number, dtype):
    """Python's numbers and NumPy's alike decide nothing."""
    x = Tensor([1.0, 4.0], requires_grad=True, dtype=dtype)
    for out, expected in [
        (operate(x, number), operate(x.data, 0 + number)),
        (operate(number, x), operate(number, x.data)),
    ]:
        assert (out.dtype, out.requires_grad) == (dtype, True)
        assert np.allclose(out.data, expected)
        x.zero_grad()
        out.sum().backward()
        assert x.grad.dtype == dtype


@every_operator
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_an_array_on_either_side_keeps_the_kind_of_float(operate, dtype):
    """float64 is NumPy's habit; the tensor's own kind wins."""
    x, array = Tensor([1.0, 4.0], requires_grad=True), np.array([3, 2], dtype=dtype)
    left, right = operate(x, array), operate(array, x)
    assert (type(left), type(right), left.dtype, right.dtype) == (Tensor, Tensor, np.float32, np.float32)
    assert np.allclose(left.data, operate(x.data, array), rtol=1e-6)
    assert np.allclose(right.data, operate(array, x.data), rtol=1e-6)


def test_halves_beside_whole_numbers_stay_halves():
    """A tensor of ints does not cut off an array of floats."""
    ints = Tensor([1, 2], dtype="int64")
    assert ((ints * np.array([0.5, 0.5])).tolist(), (ints * 0.5).tolist()) == ([0.5, 1.0], [0.5, 1.0])


def test_negation_and_power_are_there():
    """`-t` and `t ** 2` are operators."""
    x = Tensor([1.0, -2.0])
    assert ((-x).tolist(), (x**2).tolist(), sum([x, x]).tolist()) == ([-1.0, 2.0], [1.0, 4.0], [2.0, -4.0])


@every_operator
@pytest.mark.parametrize("other", ["a", None, 1j, {}, object()], ids=lambda other: type(other).__name__)
def test_an_operand_that_is_no_number_is_a_type_error(operate, other):
    """The error says what an operand can be."""
    with pytest.raises(DTypeError, match="an operand must be a Tensor, an array or a number; got"):
        operate(Tensor([1.0]), other)


@every_operator
def test_shapes_that_do_not_broadcast_are_named(operate):
    """Both shapes and the op are in the message."""
    with pytest.raises(
        ShapeError, match=rf"the input of {operate.__name__.removeprefix('true')} must be .*; got \(2,\) and \(3,\)"
    ):
        operate(Tensor([1.0, 2.0]), Tensor([1.0, 2.0, 3.0]))


def test_matmul_needs_a_tensor():
    """An array on the right of @ is a TypeError that says what to do."""
    with pytest.raises(TypeError, match=r"got ndarray\. Wrap it in Tensor"):
        Tensor([1.0]) @ np.ones(1)
    with pytest.raises(TypeError):
        np.ones(1) @ Tensor([1.0])


@pytest.mark.parametrize("shapes", [((), (3,)), ((2, 3), ()), ((), ())])
def test_matmul_with_a_scalar_is_a_product(shapes):
    """A 0-d operand multiplies elementwise, with gradients for both."""
    a, b = (Tensor(np.full(shape, 2.0), requires_grad=True) for shape in shapes)
    out = a.matmul(b)
    out.sum().backward()
    assert np.array_equal(out.data, a.data * b.data)
    assert (a.grad.shape, b.grad.shape) == shapes


def test_matmul_of_a_matrix_and_a_vector_has_the_whole_gradient():
    """Ones for a vector of ones, not doubled."""
    a, v = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True), Tensor([1.0, 1.0], requires_grad=True)
    (a @ v).sum().backward()
    assert (a.grad.tolist(), v.grad.tolist()) == ([[1.0, 1.0], [1.0, 1.0]], [4.0, 6.0])


def test_matmul_names_shapes_that_do_not_fit():
    """A ValueError with both shapes."""
    with pytest.raises(ValueError, match=r"matmul.*\(2, 3\) and \(2, 3\)"):
        Tensor(np.ones((2, 3))) @ Tensor(np.ones((2, 3)))


def test_reshape_takes_sizes_or_a_tuple():
    """One size may be -1."""
    x = Tensor(np.arange(6))
    found = [x.reshape(2, 3).shape, x.reshape((2, 3)).shape, x.reshape(3, -1).shape, x.reshape(-1).shape]
    assert found == [(2, 3), (2, 3), (3, 2), (6,)]


@pytest.mark.parametrize("shape", [(-1, -1), (4, 2), (4, -1)])
def test_a_reshape_that_cannot_be_is_a_value_error(shape):
    """Two unknown sizes, or another number of elements."""
    with pytest.raises(ValueError, match=r"the input of reshape must be of shapes that fit; got \(6,\)"):
        Tensor(np.arange(6)).reshape(*shape)


def test_transpose_swaps_the_last_two_axes_or_those_named():
    """Without arguments the batch axes stay."""
    x = Tensor(np.zeros((2, 3, 4)))
    assert [x.transpose().shape, x.transpose(0, 2).shape, x.T.shape] == [(2, 4, 3), (4, 3, 2), (4, 3, 2)]
    assert x.permute(2, 0, 1).shape == x.permute((2, 0, 1)).shape == (4, 2, 3)


@pytest.mark.parametrize("copied", [Tensor.transpose, Tensor.flatten, lambda x: x.astype(x.dtype)])
@pytest.mark.parametrize("data", [[1.0, -0.0], [True, False]])
def test_these_give_copies_to_the_bit(copied, data):
    """A 1-D transpose, flatten and astype share no memory, and change no kind or sign."""
    x = Tensor(data, dtype=np.asarray(data).dtype)
    out = copied(x)
    assert (out.data.tobytes(), out.dtype, np.shares_memory(out.data, x.data)) == (x.data.tobytes(), x.dtype, False)


def test_flatten_joins_all_axes():
    """(2, 3, 4) becomes (24,), and the gradient finds its way back."""
    x = Tensor(np.zeros((2, 3, 4)), requires_grad=True)
    x.flatten().backward(np.arange(24))
    assert x.grad.tolist() == np.arange(24).reshape(2, 3, 4).tolist()


def test_transpose_of_one_axis_alone_is_refused():
    """Both or none."""
    with pytest.raises(ValueError, match="dim0 and dim1 must be both given or both left out; got 0 and None"):
        Tensor(np.zeros((2, 3))).transpose(0)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
def test_a_full_reduction_has_shape_nothing(name):
    """Its data is a 0-d array of the same kind."""
    out = getattr(Tensor([[1.0, 2.0]]), name)()
    assert (type(out.data), out.shape, out.dtype) == (np.ndarray, (), np.float32)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize("axis", [2, -3, (0, 2), (0, 0)])
def test_an_axis_that_is_not_there_is_refused(name, axis):
    """The error names the op and the shape."""
    with pytest.raises(ShapeError, match=rf"the input of {name}.*\(1, 2\)"):
        getattr(Tensor([[1.0, 2.0]]), name)(axis=axis)


def test_sum_along_an_axis_gives_each_element_its_own_gradient():
    """On a square, rows and columns must not be mixed up."""
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    x.sum(axis=0).backward(np.array([1.0, 10.0]))
    assert x.grad.tolist() == [[1.0, 10.0], [1.0, 10.0]]


def test_indexing_keeps_requires_grad_and_adds_repeats():
    """[0, 0, 1] gives [2, 1, 0]."""
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = x[[0, 0, 1]]
    out.sum().backward()
    assert (out.requires_grad, x.grad.tolist()) == (True, [2.0, 1.0, 0.0])


def test_tensors_can_be_indices():
    """Ids travel as floats; masks are masks."""
    x = Tensor([10.0, 20.0, 30.0])
    mask = Tensor([True, False, True], dtype=bool)
    assert (x[Tensor([2, 0])].tolist(), x[mask].tolist(), x[Tensor(1)].item()) == ([30.0, 10.0], [10.0, 30.0], 20.0)


@pytest.mark.parametrize("index", [1.5, np.nan])
def test_an_index_that_is_not_whole_is_refused(index):
    """It is named; the whole ones before it are not."""
    with pytest.raises(DTypeError, match=f"an index must be a whole number; got {index}"):
        Tensor([10.0, 20.0])[Tensor([0, index])]


def test_an_index_out_of_range_is_an_index_error():
    """As in NumPy."""
    with pytest.raises(IndexError):
        Tensor([1.0])[1]


def test_a_gradient_ends_at_whole_numbers():
    """`.astype(int)` is a constant; between floats the gradient is converted back."""
    x = Tensor([1.5, 2.5], requires_grad=True)
    assert x.astype(int).requires_grad is False
    x.astype("float64").sum().backward()
    assert (x.grad.tolist(), x.grad.dtype) == ([1.0, 1.0], np.float32)


@pytest.mark.parametrize("limit", [float, np.float32, np.float64])
def test_clip_keeps_the_kind_of_float(limit):
    """Limits decide nothing, whatever number they are."""
    out = Tensor([-1.0, 0.5, 2.0]).clip(limit(0), limit(1))
    assert (out.dtype, out.tolist()) == (np.float32, [0.0, 0.5, 1.0])


def test_a_scalar_reduces_along_its_only_axis():
    """As in NumPy, axis 0 of a scalar is itself."""
    x = Tensor(2.0, requires_grad=True)
    x.sum(axis=0).backward()
    assert x.grad.tolist() == 1.0


def test_a_parameter_can_be_copied_deeply():
    """The copy is a leaf of its own."""
    x = Tensor([1.0], requires_grad=True)
    twin = copy.deepcopy(x)
    twin.data[0] = 2
    assert (x.tolist(), twin.requires_grad, twin.dtype) == ([1.0], True, np.float32)
