"""Models of subjects in this process."""

import numpy as np
import pytest

from tinytorch import Linear
from tinytorch.benchmarking.adapters.tinytorch_files import save_model
from tinytorch.benchmarking.loaded import load_model_and_inputs
from tinytorch.errors import DataError


def test_a_factory_gives_its_model_and_inputs():
    """Several inputs stand in a tuple."""
    model, inputs = load_model_and_inputs("specimens:pair")
    assert (callable(model), len(inputs), inputs[0].tolist()) == (True, 1, [1.0, 1.0, 1.0])
    assert load_model_and_inputs((max, (1, 2), None)) == (max, (1, 2))


def test_a_saved_model_is_read(tmp_path):
    """With the inputs that it is measured with; it can be trained on, unlike in a worker."""
    save_model(Linear(4, 2), tmp_path / "small.safetensors")
    model, inputs = load_model_and_inputs(str(tmp_path / "small.safetensors"))
    assert (repr(model), inputs[0].shape) == ("Linear(4, 2)", (1, 4))
    assert model(inputs[0]).requires_grad


@pytest.mark.parametrize("subject", ["specimens:adds", "specimens:nothing", lambda: np.ones(1)])
def test_a_call_is_no_model(subject):
    """Nobody can look into it."""
    with pytest.raises(DataError, match="one that gives its model and its inputs"):
        load_model_and_inputs(subject)
