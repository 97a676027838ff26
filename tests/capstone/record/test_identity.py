"""Hashes tell models and files apart by their content, and by nothing else."""

import hashlib

import numpy as np
import pytest

from tinytorch.capstone.models import SimpleMLP
from tinytorch.capstone.record import parameter_sha256
from tinytorch.capstone.record.identity import artifact_of, file_sha256, state_sha256
from tinytorch.core.layers import Linear, Sequential
from tinytorch.errors import DataError


def test_a_model_and_its_copy_have_the_same_hash():
    """Whatever the order of their dictionaries and the layout of their arrays."""
    model, other = Sequential(Linear(3, 2)), Sequential(Linear(3, 2))
    other.load_state_dict(model.state_dict())
    assert parameter_sha256(model) == parameter_sha256(other)
    state = {name: np.asfortranarray(array) for name, array in reversed(model.state_dict().items())}
    assert state_sha256(state) == parameter_sha256(model)


def test_byte_order_is_no_difference():
    """A big-endian machine gets the same digits."""
    array = np.arange(6, dtype="<f4").reshape(2, 3)
    assert state_sha256({"w": array}) == state_sha256({"w": array.astype(">f4")})


@pytest.mark.parametrize(
    "other",
    [
        {"v": np.ones((2, 3), np.float32)},
        {"w": np.ones((3, 2), np.float32)},
        {"w": np.ones((2, 3), np.float64)},
        {"w": np.full((2, 3), 1 + 2**-20, np.float32)},
        {"w": np.ones((2, 3), np.float32), "x": np.ones(0, np.float32)},
    ],
    ids=["name", "shape", "kind", "value", "one more"],
)
def test_every_difference_changes_the_hash(other):
    """Name, shape, kind, value."""
    assert state_sha256(other) != state_sha256({"w": np.ones((2, 3), np.float32)})


def test_a_model_without_state_has_no_hash():
    """Rather than the hash of nothing."""
    with pytest.raises(DataError, match="state_dict"):
        parameter_sha256(object())


def test_a_model_of_the_users_own_has_one():
    """Whatever has a state_dict."""
    assert len(parameter_sha256(SimpleMLP())) == 64


def test_an_artifact_is_named_by_its_content(tmp_path):
    """Name, size and hash, and not where it lies."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    assert artifact_of(path) == {
        "path": "model.safetensors",
        "media_type": "application/vnd.safetensors",
        "size_bytes": 7,
        "sha256": hashlib.sha256(b"weights").hexdigest(),
    }


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """With its name."""
    with pytest.raises(DataError, match="gone"):
        file_sha256(tmp_path / "gone")
