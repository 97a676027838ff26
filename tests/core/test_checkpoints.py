"""Going on from a file as if there had been no break."""

import os
import pickle
import random

import numpy as np
import pytest

from tinytorch.core.dataloader import DataLoader, TensorDataset
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import SGD, Adam
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import CosineSchedule, Trainer, manual_seed
from tinytorch.errors import DataError


def make(hidden=4, kind=Adam):
    model = Sequential(Linear(3, hidden), Dropout(0.5), Linear(hidden, 2))
    return Trainer(model, kind(model.parameters(), lr=0.01), CrossEntropyLoss(), CosineSchedule(0.1, 0.001, 6))


def loader():
    rng = np.random.default_rng(0)
    return DataLoader(TensorDataset(Tensor(rng.normal(size=(20, 3))), Tensor(rng.integers(0, 2, 20))), 6, shuffle=True)


def everything(trainer):
    arrays = [*trainer.model.state_dict().values(), *trainer.optimizer.m_buffers, *trainer.optimizer.v_buffers]
    counters = (trainer.epoch, trainer.step, trainer.optimizer.step_count, trainer.optimizer.steps_seen)
    draws = (random.random(), np.random.random_sample())  # noqa: NPY002, S311  the states that are kept
    return [array.tobytes() for array in arrays], counters, trainer.history, trainer.optimizer.lr, draws


def test_training_goes_on_bit_for_bit(tmp_path):
    """Weights, moments, schedule, history, dropout's masks and the order of the samples."""
    manual_seed(1)
    unbroken = make()
    for _ in range(2):
        unbroken.train_epoch(loader())
    unbroken.save_checkpoint(tmp_path / "deep" / "er" / "run.safetensors")
    for _ in range(2):
        unbroken.train_epoch(loader())
    expected = everything(unbroken)

    manual_seed(99)
    resumed = make()
    resumed.load_checkpoint(tmp_path / "deep" / "er" / "run.safetensors")
    for _ in range(2):
        resumed.train_epoch(loader())
    assert everything(resumed) == expected


@pytest.mark.parametrize("other", [lambda: make(hidden=5), lambda: make(kind=SGD)])
def test_a_checkpoint_of_something_else_changes_nothing(tmp_path, other):
    """Another model, or another optimizer."""
    path = tmp_path / "run.safetensors"
    saved = make()
    saved.train_epoch(loader())
    saved.save_checkpoint(path)
    wrong = other()
    before = [array.tobytes() for array in wrong.model.state_dict().values()]
    if isinstance(wrong.optimizer, SGD):
        wrong, _ = saved, wrong.save_checkpoint(path)
        before = [array.tobytes() for array in wrong.model.state_dict().values()]
    with pytest.raises((ValueError, RuntimeError)):
        wrong.load_checkpoint(path)
    assert [array.tobytes() for array in wrong.model.state_dict().values()] == before


@pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps({"epoch": 1})])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    """A pickle above all: reading one would run code."""
    path = tmp_path / "run.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"run\.safetensors"):
        make().load_checkpoint(path)


def test_weights_alone_are_no_checkpoint(tmp_path):
    """The remedy says what reads them."""
    trainer = make()
    trainer.model.save(tmp_path / "weights.safetensors")
    with pytest.raises(DataError, match=r"model\.load"):
        trainer.load_checkpoint(tmp_path / "weights.safetensors")


def test_a_failure_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    """Whole, and with nothing beside it."""
    path = tmp_path / "run.safetensors"
    trainer = make()
    trainer.save_checkpoint(path)
    before = path.read_bytes()

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError, match="No space left"):
        trainer.save_checkpoint(path)
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])
