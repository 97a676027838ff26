"""Removing hidden units: what is removed is gone."""

import numpy as np
import pytest

from tinytorch.benchmarking import stored_bytes
from tinytorch.capstone import SimpleMLP
from tinytorch.core.activations import ReLU, Softmax
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import LayerNorm
from tinytorch.errors import DTypeError, RangeError, ShapeError
from tinytorch.perf import quantize, remove_hidden_units


class Duck:
    """A model of no base class, whose attributes are in no order."""

    def __init__(self):
        self.fc2 = Linear(6, 3)
        self.fc1 = Linear(4, 6)
        self.relu = ReLU()

    def forward(self, x):
        """Compute as the names say."""
        return self.fc2.forward(self.relu.forward(self.fc1.forward(x)))


MODELS = {
    "sequential": lambda: Sequential(Linear(4, 6), ReLU(), Linear(6, 3)),
    "with dropout": lambda: Sequential(Linear(4, 6), ReLU(), Dropout(0.5), Linear(6, 3)),
    "without bias": lambda: Sequential(Linear(4, 6, bias=False), ReLU(), Linear(6, 3, bias=False)),
    "SimpleMLP": lambda: SimpleMLP(4, 6, 3),
    "duck": Duck,
}


def linear_layers(model):
    """Give the two linear layers of any of the models."""
    if isinstance(model, Sequential):
        return [layer for layer in model if isinstance(layer, Linear)]
    return [model.fc1, model.fc2]


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys())
def model(request):
    """Give each kind of model."""
    return request.param()


def test_hidden_units_are_removed_from_both_sides(model):
    """Columns of the first weight, rows of the second; the sizes the layers state follow."""
    first, second = linear_layers(remove_hidden_units(model, 0.5))
    assert (first.weight.shape, second.weight.shape) == ((4, 3), (3, 3))
    assert (first.in_features, first.out_features, second.in_features, second.out_features) == (4, 3, 3, 3)
    assert first.bias is None or first.bias.shape == (3,)


def test_the_original_is_left_alone(model):
    """A technique returns a new model, which shares no memory with the old one."""
    before = [layer.state_dict() for layer in linear_layers(model)]
    smaller = remove_hidden_units(model, 0.5)
    for layer in linear_layers(smaller):
        layer.weight.data += 1
    after = [layer.state_dict() for layer in linear_layers(model)]
    assert all(np.array_equal(old[name], new[name]) for old, new in zip(before, after, strict=True) for name in old)


def test_fewer_bytes_are_stored():
    """Not zeros in arrays of the old size: 4*3 + 3 + 3*3 + 3 numbers of four bytes."""
    assert stored_bytes(remove_hidden_units(SimpleMLP(4, 6, 3), 0.5)) == 27 * 4


def test_the_least_important_units_go():
    """Importance is the product of the norms on both sides; the units kept stay in order."""
    model = Sequential(Linear(1, 4), ReLU(), Linear(4, 1))
    model[0].weight.data = np.array([[1.0, 5.0, 3.0, 2.0]], dtype=np.float32)
    model[2].weight.data = np.array([[1.0], [0.1], [3.0], [2.0]], dtype=np.float32)
    smaller = remove_hidden_units(model, 0.5)
    assert (smaller[0].weight.tolist(), smaller[2].weight.tolist()) == ([[3.0, 2.0]], [[3.0], [2.0]])


def test_a_units_bias_is_part_of_its_importance():
    """A unit that is on without any input matters."""
    model = Sequential(Linear(1, 2), ReLU(), Linear(2, 1))
    model[0].weight.data = np.array([[1.0, 0.0]], dtype=np.float32)
    model[0].bias.data = np.array([0.0, 9.0], dtype=np.float32)
    model[2].weight.data = np.ones((2, 1), dtype=np.float32)
    assert remove_hidden_units(model, 0.5)[0].bias.tolist() == [9.0]


def test_removing_units_that_do_nothing_changes_no_output(model):
    """Half of the units lead nowhere: without them every score is the same."""
    _, second = linear_layers(model)
    second.weight.data[::2] = 0
    x = Tensor(np.random.default_rng(0).normal(size=(5, 4)))
    smaller = remove_hidden_units(model, 0.5)
    for each in (model, smaller):
        if isinstance(each, Layer):
            each.eval()
    assert smaller.forward(x).data == pytest.approx(model.forward(x).data, abs=1e-6)


@pytest.mark.parametrize(("ratio", "kept"), [(1.0, 6), (0.5, 3), (0.34, 2), (0.01, 1)])
def test_the_share_to_keep_is_rounded_and_at_least_one_unit_stays(ratio, kept):
    """A network without hidden units would compute nothing."""
    assert linear_layers(remove_hidden_units(SimpleMLP(4, 6, 3), ratio))[0].out_features == kept


def test_the_smaller_model_can_be_trained():
    """No gradient is left over from before, and new ones have the new shapes."""
    model, x = SimpleMLP(4, 6, 3), Tensor(np.ones((2, 4)))
    CrossEntropyLoss()(model(x), Tensor([0, 1])).backward()
    smaller = remove_hidden_units(model, 0.5)
    assert [parameter.grad for parameter in smaller.parameters()] == [None] * 4
    CrossEntropyLoss()(smaller(x), Tensor([0, 1])).backward()
    assert all(parameter.grad.shape == parameter.shape for parameter in smaller.parameters())


def test_the_kind_of_number_is_kept():
    """A float64 model stays one."""
    smaller = remove_hidden_units(SimpleMLP(4, 6, 3).astype(np.float64), 0.5)
    assert {parameter.dtype for parameter in smaller.parameters()} == {np.dtype(np.float64)}


@pytest.mark.parametrize("ratio", [0, -0.5, 1.5, float("nan"), float("inf")])
def test_an_impossible_share_is_refused(ratio):
    """NaN passes every comparison but this one."""
    with pytest.raises(RangeError, match="keep_ratio must be a ratio"):
        remove_hidden_units(SimpleMLP(), ratio)


SHARED = Linear(4, 4)
UNFIT = {
    "one layer": (Sequential(Linear(4, 4)), "layers.0.weight: they are what the model returns"),
    "units mixed": (Sequential(Linear(4, 4), Softmax(), Linear(4, 4)), "softmax at t1 takes them together"),
    "units normalized": (Sequential(Linear(4, 4), LayerNorm(4), Linear(4, 4)), "layer_norm at t1 takes them together"),
    "the same layer twice": (Sequential(SHARED, ReLU(), SHARED), "they are what the model is given"),
    "bytes": (quantize(Sequential(Linear(4, 4), ReLU(), Linear(4, 4))), "QuantizedLinear|without layers"),
    "no layers": (object(), "a object"),
    "a function": (len, "a builtin_function_or_method"),
}


@pytest.mark.parametrize(("unfit", "reason"), UNFIT.values(), ids=UNFIT.keys())
def test_a_model_without_units_that_can_go_is_refused(unfit, reason):
    """Dropping them would change what the model means; the op that stands in the way is named."""
    with pytest.raises(DTypeError, match=f"the model must be one with hidden units that can go; got .*({reason})"):
        remove_hidden_units(unfit, example=np.ones((1, 4)) if hasattr(unfit, "forward") else None)


def test_layers_that_do_not_fit_are_refused():
    """Whatever the input."""
    with pytest.raises(ShapeError, match=r"the input of Linear\(5, 3\)"):
        remove_hidden_units(Sequential(Linear(4, 6), ReLU(), Linear(5, 3)))


def test_weights_that_are_not_finite_are_refused():
    """They have no order of importance."""
    model = SimpleMLP(4, 6, 3)
    model.fc1.weight.data[0, 0] = np.nan
    with pytest.raises(RangeError, match=r"finite to be pruned; got another one around fc1\.weight"):
        remove_hidden_units(model)
