"""What every layer, activation and loss must hold, by enumeration."""

import numpy as np
import pytest

from contracts.layer_samples import ROWS, kinds
from contracts.rows import between, weights
from tinytorch.core.autograd import gradcheck, no_grad
from tinytorch.core.layers import Layer, Linear, layers_of
from tinytorch.core.tensor import Tensor

SAMPLES = "tests/contracts/layer_samples.py"


def require_a_row_each(listed, rows):
    """Fail while an exported layer has no row."""
    missing = sorted(kind.__name__ for kind in set(listed) - {row.kind for row in rows})
    assert missing == [], f"{', '.join(missing)}: add a row to {SAMPLES}"


def bits(state):
    """Give what may not change on a round trip: names, shapes, kinds of number and bytes."""
    return {name: (array.shape, str(array.dtype), array.tobytes()) for name, array in state.items()}


def require_slopes(function, *tensors, step=1e-6):
    """Compare the derivative of a weighted sum of the result along one direction per tensor with a difference."""
    out = function(*tensors)
    out.backward(weights(out.shape))
    for tensor in tensors:
        direction = between(-1, 1, *tensor.shape)(0)
        ends = []
        for sign in (1, -1):
            tensor.data += sign * step * direction
            ends.append(float((function(*tensors).data * weights(out.shape)).sum()))
            tensor.data -= sign * step * direction
        expected = (ends[0] - ends[1]) / (2 * step)
        assert float((tensor.grad * direction).sum()) == pytest.approx(expected, rel=1e-5, abs=1e-7)


each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def test_every_exported_layer_has_a_row():
    """A layer without a sample is a layer without these tests."""
    require_a_row_each(kinds(), ROWS)


def test_a_layer_without_a_row_is_found_and_the_file_named():
    """The enumeration itself would catch a layer that someone forgot."""
    with pytest.raises(AssertionError, match=rf"Linear: add a row to {SAMPLES}"):
        require_a_row_each(kinds(), [row for row in ROWS if row.kind is not Linear])


def test_no_two_rows_share_a_name():
    """A failing row can be told from its name."""
    names = [row.name for row in ROWS]
    assert sorted(set(names)) == sorted(names)


@each_row
def test_a_row_makes_what_it_names(row):
    """Otherwise the row would count for a layer it does not test."""
    assert type(row.make()) is row.kind


@each_row
def test_parameters_are_the_named_ones(row):
    """Names and order are what saved files and optimizers hang on."""
    assert tuple(name for name, _ in row.make().named_parameters()) == row.parameters


@each_row
def test_parameters_are_the_same_objects_each_time(row):
    """An optimizer changes the very tensors the layer computes with."""
    layer = row.make()
    first, second = layer.parameters(), layer.parameters()
    assert (type(first), list(map(id, first))) == (list, list(map(id, second)))


@each_row
def test_parameters_require_grad_and_are_float32(row):
    """float32 unless told otherwise."""
    assert {(p.requires_grad, str(p.dtype)) for p in row.make().parameters()} <= {(True, "float32")}


@each_row
@each_dtype
def test_state_goes_round_bit_for_bit(row, dtype):
    """Loading a state gives a layer that computes the same."""
    there, here = row.layer(dtype), row.make().astype(dtype)
    here.load_state_dict(there.state_dict())
    assert bits(here.state_dict()) == bits(there.state_dict())


@each_row
def test_a_state_is_a_copy(row):
    """Training on does not change a state taken before."""
    layer = row.layer()
    state = layer.state_dict()
    before = bits(state)
    for parameter in layer.parameters():
        parameter.data += 1
    assert bits(state) == before


@each_row
@each_dtype
def test_weights_go_round_a_file_bit_for_bit(row, dtype, tmp_path):
    """Likewise by way of a safetensors file."""
    there, here = row.layer(dtype), row.make().astype(dtype)
    there.save(tmp_path / "weights.safetensors")
    here.load(tmp_path / "weights.safetensors")
    assert bits(here.state_dict()) == bits(there.state_dict())


@each_row
def test_the_repr_is_a_call_that_makes_the_like(row):
    """What is shown can be typed in again."""
    layer = row.make()
    again = eval(repr(layer), {kind.__name__: kind for kind in kinds()})  # noqa: S307  our own repr
    assert (type(again), repr(again)) == (type(layer), repr(layer))
    shapes = [[p.shape for p in either.parameters()] for either in (again, layer)]
    assert shapes[0] == shapes[1]


@each_row
def test_the_whole_gradient_is_right(row):
    """Of every float input and every parameter, against central differences."""
    layer = row.layer("float64")
    check = require_slopes if row.composed else gradcheck
    check(lambda *tensors: row.call(layer, *tensors), *row.tensors("float64"), *layer.parameters())


def test_a_wrong_slope_is_found():
    """The check of composed layers can fail."""
    x = Tensor([[1.0, 2.0]], requires_grad=True, dtype="float64")
    require_slopes(lambda x: x * 2, x)
    with pytest.raises(AssertionError):
        require_slopes(lambda x: x * 2 + x.detach() * 0.001, Tensor(x, requires_grad=True, dtype="float64"))


@each_row
@each_dtype
def test_a_gradient_reaches_every_input_and_parameter(row, dtype):
    """As an array of its shape and its kind of float."""
    layer, tensors = row.layer(dtype), row.tensors(dtype)
    out = row.call(layer, *tensors)
    out.backward(np.ones(out.shape))
    leaves = [tensor for tensor in (*tensors, *layer.parameters()) if tensor.requires_grad]
    found = [(type(leaf.grad), leaf.grad.shape, str(leaf.grad.dtype)) for leaf in leaves]
    assert found == [(np.ndarray, leaf.shape, dtype) for leaf in leaves]


@each_row
@each_dtype
def test_the_kind_of_float_is_kept(row, dtype):
    """float32 in, float32 out; float64 in, float64 out."""
    assert row.call(row.layer(dtype), *row.tensors(dtype)).dtype == dtype


@each_row
def test_inputs_and_parameters_are_left_as_they_are(row):
    """A forward pass reads."""
    layer, tensors = row.layer(), row.tensors()
    before = [tensor.data.tobytes() for tensor in (*tensors, *layer.parameters())]
    row.call(layer, *tensors)
    assert [tensor.data.tobytes() for tensor in (*tensors, *layer.parameters())] == before


@each_row
def test_no_grad_leaves_no_graph_and_changes_no_value(row):
    """Inference computes what training computes."""
    layer, tensors = row.layer(), row.tensors()
    with no_grad():
        out = row.call(layer, *tensors)
    assert out._grad_fn is None, "what passes through unchanged is the input itself, and has no node either"
    assert np.array_equal(out.data, row.call(layer, *tensors).data)


@each_row
def test_train_and_eval_reach_all_inside(row):
    """And give the layer, so that calls can be chained."""
    layer = row.make()
    assert {part.training for part in layers_of(layer)} == {True}
    for switch, expected in [(layer.eval, False), (layer.train, True), (lambda: layer.train(mode=False), False)]:
        assert switch() is layer
        assert {part.training for part in layers_of(layer)} == {expected}


@each_row
def test_a_call_delegates_to_forward(row):
    """Whoever replaces `forward` has replaced the call; arguments pass through."""
    layer = row.make()
    layer.forward = lambda *args, **kwargs: (args, kwargs)
    assert layer(1, 2, three=3) == ((1, 2), {"three": 3})


@each_row
def test_it_is_a_layer_and_has_a_docstring(row):
    """Code that takes any layer takes this one; a reader is told what it does."""
    assert (isinstance(row.make(), Layer), bool(row.kind.__doc__)) == (True, True)
