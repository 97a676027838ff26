"""The model of the contract."""

import numpy as np
import pytest

from tinytorch.capstone import SimpleMLP
from tinytorch.core.tensor import Tensor


def test_the_defaults_have_283_parameters():
    """Ten inputs, twenty hidden units, three classes: 200 + 20 + 60 + 3."""
    assert SimpleMLP().count_parameters() == 283


def test_the_parameters_are_four_tensors_in_order():
    """Two weights, two biases."""
    model = SimpleMLP(5, 7, 2)
    assert [parameter.shape for parameter in model.parameters()] == [(5, 7), (7,), (7, 2), (2,)]


def test_weights_are_small_and_biases_are_0():
    """N(0, 0.01^2): of 20,000 draws the deviation is within a twentieth of that."""
    model = SimpleMLP(100, 200, 10)
    assert model.fc1.weight.data.std() == pytest.approx(0.01, rel=0.05)
    assert abs(model.fc1.weight.data.mean()) < 0.001
    assert not model.fc1.bias.data.any()


def test_weights_are_float32():
    """Four bytes a parameter are really stored."""
    assert {parameter.dtype for parameter in SimpleMLP().parameters()} == {np.dtype(np.float32)}


def test_the_output_is_fc2_of_relu_of_fc1():
    """One row of scores a sample."""
    model, x = SimpleMLP(), Tensor(np.ones((4, 10)))
    hidden = np.maximum(x.data @ model.fc1.weight.data + model.fc1.bias.data, 0)
    assert model(x).data == pytest.approx(hidden @ model.fc2.weight.data + model.fc2.bias.data, abs=1e-7)


def test_numpys_seed_decides_the_weights():
    """A model can be had again."""
    weights = []
    for _ in range(2):
        np.random.seed(3)  # noqa: NPY002  the global state is what is tested
        weights.append(SimpleMLP().fc2.weight.data)
    assert np.array_equal(*weights)
