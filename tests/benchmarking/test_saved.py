"""Saved models: rebuilt from names and numbers, measured in a fresh process, refused where they do not fit."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from tinytorch.benchmarking.adapters.tinytorch_files import FORMAT, LAYERS, load_model, save_model, workload
from tinytorch.benchmarking.saved import SAVED
from tinytorch.benchmarking.subjects import subject_of
from tinytorch.benchmarking.workers import Conditions, kind_for, launch, target_of
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Layer, Linear, Sequential
from tinytorch.errors import DataError, DTypeError


@pytest.fixture
def path(tmp_path):
    """Give a file that holds a small model."""
    save_model(Sequential(Linear(4, 3), ReLU(), Linear(3, 2, bias=False)), tmp_path / "m.safetensors", (1, 4))
    return tmp_path / "m.safetensors"


@pytest.mark.parametrize("name", LAYERS)
def test_every_listed_layer_survives_a_file(tmp_path, name):
    """What it computes is the same, bit by bit."""
    kind, arguments = LAYERS[name]
    samples = {"in_features": 3, "out_features": 2, "bias": True, "p": 0.25}
    model = Sequential(kind(**{argument: samples[argument] for argument in arguments})).eval()
    save_model(model, tmp_path / "m.safetensors", (2, 3))
    _, inputs = workload(str(tmp_path / "m.safetensors"))
    again, _ = load_model(tmp_path / "m.safetensors")
    assert np.array_equal(again.eval()(inputs).data, model(inputs).data)


def test_a_saved_model_is_measured_by_its_path(path):
    """A fresh process reads it; the name is the file's."""
    subject = subject_of(path)
    worker = launch(subject, Conditions(), kind_for(subject))
    try:
        assert worker.ask("load", 60, target=target_of(subject))["outputs"][0]["digest"]
    finally:
        worker.close()
    assert subject.name == "m"
    assert subject_of(str(path)).factory == SAVED[".safetensors"]


def test_a_layer_of_ones_own_cannot_be_saved(tmp_path):
    """Reading it would need its code."""

    class Linear(Layer):
        """A layer that only has the name of a built-in one."""

    with pytest.raises(DTypeError, match="a layer of a saved model must be one of Linear"):
        save_model(Sequential(Linear()), tmp_path / "m.safetensors", (1,))


@pytest.mark.parametrize(
    ("layers", "reason"),
    [('[{"layer": "System", "arguments": {}}]', "built of"), ("[]", "built of"), ("nonsense", "built of")],
)
def test_a_forged_description_is_refused(tmp_path, layers, reason):
    """A layer is looked up in the list, and nowhere else."""
    metadata = {"format": FORMAT, "layers": layers, "input_shape": "[1, 4]"}
    save_file({"x": np.ones(1, np.float32)}, tmp_path / "m.safetensors", metadata)
    with pytest.raises(DataError, match=reason):
        load_model(tmp_path / "m.safetensors")


def test_another_file_is_refused(tmp_path):
    """Neither text, nor weights without a description, nor no file at all."""
    (tmp_path / "text.safetensors").write_text("hello")
    save_file({"x": np.ones(1, np.float32)}, tmp_path / "bare.safetensors")
    for name, words in (("text", "readable"), ("bare", "of the format")):
        with pytest.raises(DataError, match=words):
            load_model(tmp_path / f"{name}.safetensors")
    with pytest.raises(DataError, match="no file gone"):
        subject_of(tmp_path / "gone.safetensors")
