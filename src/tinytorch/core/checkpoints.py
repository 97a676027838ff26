"""Checkpoints: one safetensors file, arrays as tensors and the rest as JSON in its metadata. Nothing is executed."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.errors import DataError, ShapeError, StateError, explain
from tinytorch.files import write_atomically

if TYPE_CHECKING:
    from tinytorch.core.training import Trainer

__all__ = ["load", "save"]

FORMAT = "tinytorch.checkpoint.v1"
PARTS = {"epoch", "step", "training_mode", "history", "scheduler", "optimizer", "random"}

Array = NDArray[Any]
Arrays = dict[str, Array]


def save(trainer: Trainer, path: str | os.PathLike[str]) -> None:
    """Write all that decides how training goes on."""
    from safetensors.numpy import save as serialize

    arrays = {f"model.{name}": array for name, array in _model_state(trainer.model).items()}
    optimizer = _split("optimizer", trainer.optimizer.state_dict(), arrays)
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002  the state the layers draw from
    record = {
        "epoch": trainer.epoch,
        "step": trainer.step,
        "training_mode": trainer.training_mode,
        "history": trainer.history,
        "scheduler": None if trainer.scheduler is None else vars(trainer.scheduler),
        "optimizer": {"kind": type(trainer.optimizer).__name__, "state": optimizer},
        "random": {"python": random.getstate(), "numpy": _split("numpy", numpy_state, arrays)},
    }
    # safetensors 0.8 writes the memory of a strided array as if it were contiguous
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    metadata = {"format": FORMAT, "record": json.dumps(record, default=_plain)}
    write_atomically(path, serialize(contiguous, metadata))


def load(trainer: Trainer, path: str | os.PathLike[str]) -> None:
    """Put a trainer back to where `save` found it."""
    record, arrays = _read(path)
    state = {name.removeprefix("model."): array for name, array in arrays.items() if name.startswith("model.")}
    _require_same_kind(trainer.optimizer, record["optimizer"]["kind"])
    before = _model_state(trainer.model)
    _load_model(trainer.model, state)
    try:
        trainer.optimizer.load_state_dict(_joined(record["optimizer"]["state"], arrays))
    except (ShapeError, StateError):
        _load_model(trainer.model, before)
        raise
    trainer.epoch, trainer.step = record["epoch"], record["step"]
    trainer.training_mode = record["training_mode"]
    trainer.history = record["history"]
    if trainer.scheduler is not None and record["scheduler"] is not None:
        vars(trainer.scheduler).update(record["scheduler"])
    version, internal, gauss = record["random"]["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(_joined(record["random"]["numpy"], arrays))  # noqa: NPY002


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Arrays]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
    except (OSError, SafetensorError) as error:
        raise DataError(explain("a checkpoint", "a safetensors file", str(error), at=str(path))) from error
    if metadata.get("format") != FORMAT:
        got = metadata.get("format", "no format")
        remedy = "Weights alone are read by `model.load`."
        raise DataError(explain("a checkpoint", f"of format {FORMAT}", got, at=str(path), remedy=remedy))
    return _parsed(metadata.get("record", ""), at=str(path)), arrays


def _parsed(text: str, *, at: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except ValueError as error:
        raise DataError(explain("the record of a checkpoint", "JSON", str(error), at=at)) from error
    if missing := sorted(PARTS - set(record)):
        raise DataError(explain("the record of a checkpoint", "complete", f"none of {missing}", at=at))
    whole: dict[str, Any] = record
    return whole


def _require_same_kind(optimizer: Any, saved: str) -> None:
    """Refuse the state of another optimizer: that of Adam would fit AdamW, and train on differently."""
    if type(optimizer).__name__ != saved:
        rule, got = f"of the optimizer {type(optimizer).__name__}", f"one of {saved}"
        raise StateError(explain("the checkpoint", rule, got, remedy=f"Give the trainer {saved}."))


def _model_state(model: Any) -> Arrays:
    if hasattr(model, "state_dict"):
        state: Arrays = model.state_dict()
        return state
    return {str(index): parameter.data.copy() for index, parameter in enumerate(model.parameters())}


def _load_model(model: Any, state: Mapping[str, Array]) -> None:
    if hasattr(model, "load_state_dict"):
        model.load_state_dict(state)
        return
    parameters = model.parameters()
    if state.keys() != {str(index) for index in range(len(parameters))}:
        rule, got = f"of {len(parameters)} parameters without names", f"the names {sorted(state)}"
        raise StateError(explain("the checkpoint", rule, got))
    own, there = [p.shape for p in parameters], [state[name].shape for name in sorted(state, key=int)]
    if own != there:
        raise ShapeError(explain("the checkpoint", f"of parameters of shapes {own}", there))
    for index, parameter in enumerate(parameters):
        parameter.data[...] = state[str(index)]


def _split(name: str, value: Any, arrays: Arrays) -> Any:
    """Move the arrays of a nested record into `arrays`, and leave their names behind."""
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, Mapping):
        return {key: _split(f"{name}.{key}", item, arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_split(f"{name}.{index}", item, arrays) for index, item in enumerate(value)]
    return value


def _joined(value: Any, arrays: Arrays) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"array"}:
            return arrays[value["array"]]
        return {key: _joined(item, arrays) for key, item in value.items()}
    return [_joined(item, arrays) for item in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise DataError(explain("a value of the checkpoint", "an array, a number or a text", repr(value)))
