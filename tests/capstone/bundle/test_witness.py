"""Models of strangers, examined in a process of its own."""

import json
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from tinytorch.benchmarking.adapters.tinytorch_files import FORMAT, save_model
from tinytorch.capstone.bundle import witness
from tinytorch.capstone.bundle.rebuilding import rebuilt, workload, write_rows
from tinytorch.capstone.bundle.witness import Request, heard
from tinytorch.capstone.bundle.witness import testimony as told_by
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.errors import DataError, DTypeError, ShapeError


@pytest.fixture
def model(tmp_path):
    """Write a small model; give its path."""
    path = tmp_path / "model.safetensors"
    save_model(Sequential(Linear(4, 3), ReLU(), Linear(3, 2)), path)
    return str(path)


@pytest.fixture
def rows(tmp_path):
    """Give a function that writes samples."""

    def write(samples):
        write_rows(tmp_path / "rows", samples)
        return str(tmp_path / "rows")

    return write


def test_without_samples_there_are_facts_only(model):
    """And compiling cannot be checked."""
    found = told_by(Request(model, techniques=[("compile.v1", {})]))
    assert found.scores is None
    assert found.facts["parameter_count"] == 23
    assert found.facts["stored_bytes"] == 92
    assert found.unchecked == ("compile.v1 can be checked with samples only",)


@pytest.mark.skipif(sys.platform != "linux", reason="no other system bounds a process's memory")
def test_a_model_that_asks_for_more_memory_than_there_is_is_an_answer(tmp_path):
    """Its description is a few bytes, and its weights would be 14 GB."""
    path = tmp_path / "huge.safetensors"
    huge = {"layer": "Linear", "arguments": {"in_features": 60_000, "out_features": 60_000, "bias": False}}
    metadata = {"format": FORMAT, "architecture": json.dumps(huge), "input_shape": "[1, 60000]"}
    save_file({"weight": np.zeros(1, np.float32)}, path, metadata)
    with pytest.raises(DataError, match="a saved model must be built of"):
        heard(Request(str(path)))


def test_a_model_that_takes_too_long_is_an_answer(model):
    """However long it would take."""
    with pytest.raises(DataError, match=r"a model must be examined in 0\.01 s"):
        heard(Request(model), seconds=0.01)


def test_a_process_that_dies_is_an_answer(model, monkeypatch):
    """With its last words."""
    monkeypatch.setattr(witness.sys, "executable", "/bin/false" if sys.platform == "linux" else sys.executable)
    if sys.platform == "linux":
        with pytest.raises(DataError, match="a model must be one that can be examined; got exit code 1"):
            heard(Request(model))


@pytest.mark.parametrize(
    ("last", "samples", "error", "words"),
    [
        (Linear(3, 1), np.ones((2, 4), np.float32), ShapeError, r"of shape \(2, C\)"),
        (Linear(3, 2), np.full((2, 4), np.inf, np.float32), DTypeError, "finite floats"),
    ],
)
def test_scores_are_a_row_a_sample(tmp_path, rows, last, samples, error, words):
    """Of two classes at least, and finite."""
    save_model(Sequential(Linear(4, 3), ReLU(), last), tmp_path / "m.safetensors")
    with np.errstate(invalid="ignore"), pytest.raises(error, match=words):
        told_by(Request(str(tmp_path / "m.safetensors"), rows(samples)))


def test_what_is_timed_takes_the_samples_given(model, rows):
    """Compiled or not, with the same outputs."""
    given = rows(np.ones((1, 4), np.float32))
    plain, compiled = (workload(model, given, compiled=compiled).call() for compiled in (False, True))
    assert plain.shape == (1, 2)
    assert np.allclose(plain.data, compiled.data, rtol=1e-5)


@pytest.mark.parametrize("factory", ["no_such_module:make", "tinytorch.capstone.models:NoSuchModel"])
def test_a_factory_that_is_not_there_is_told(model, factory):
    """With what to do."""
    with pytest.raises(DataError, match="the factory of a model must be importable here"):
        rebuilt(model, factory)


def test_a_file_that_is_no_model_is_told_to_a_factory_too(tmp_path):
    """Its weights are read as those of any other."""
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="a saved model must be a readable safetensors file"):
        rebuilt(path, "tinytorch.capstone.models:SimpleMLP")
