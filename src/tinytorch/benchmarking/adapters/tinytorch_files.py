"""TinyTorch's models in files: weights as safetensors, and the names of built-in layers that they belong to.

Reading one runs nothing that the file brought along: see `architectures`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.adapters.architectures import LAYERS, built, described, unchanged_chance
from tinytorch.benchmarking.workers.program.workload import Workload, batches_of
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Sequential, layers_of
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, DTypeError, RangeError, ShapeError, explain
from tinytorch.files import write_atomically

__all__ = ["FORMAT", "load_model", "save_model", "workload"]

FORMAT = "tinytorch.model.v1"
INPUT_SEED = 0
INPUTS, LABELS = "samples.inputs", "samples.labels"

Arrays = dict[str, NDArray[Any]]


def save_model(
    model: Any,
    path: str | os.PathLike[str],
    input_shape: tuple[int, ...] | None = None,
    *,
    inputs: Any = None,
    labels: Any = None,
) -> None:
    """Write a model of built-in layers, and what it is to be measured with.

    What is written is read back before the file is: a model whose outputs a reader could not have again is refused.

    Args:
        model: One of `LAYERS`; a `Sequential` may hold others.
        path: Where to write; `tinytorch compare` knows the file by the ending `.safetensors`.
        input_shape: Shape of the input that is measured, its numbers drawn alike by every reader. By default, one
            sample of the size that the first layer takes.
        inputs: (N, ...) samples that go into the file; the first one alone is what is measured, or as many of them
            as `input_shape` begins with.
        labels: (N,) the right class of each.

    Raises:
        DTypeError: If a layer is none of `LAYERS`, or has state that its kind has not.
        ShapeError: If the inputs do not fit the model, or the labels not the inputs.
        RangeError: If the model does not say the size of its input, and nobody else does.
        DataError: If the file cannot be written.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from tinytorch.core.layers import Linear
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "small.safetensors"
        ...     save_model(Sequential(Linear(4, 2)), path)
        ...     load_model(path)
        Sequential(Linear(4, 2))
    """
    from safetensors.numpy import save

    architecture, state = described(model), model.state_dict()
    samples = _samples(inputs, labels)
    shape = tuple(input_shape or _input_shape(model, samples))
    _require_the_same_again(architecture, state, samples.get(INPUTS), shape)
    metadata = {
        "format": FORMAT,
        "architecture": json.dumps(architecture),
        "input_shape": json.dumps([int(size) for size in shape]),
    }
    # safetensors 0.8 writes the memory of a strided array as if it were contiguous
    contiguous = {name: np.array(array, order="C") for name, array in (state | samples).items()}
    write_atomically(path, save(contiguous, metadata))


def load_model(path: str | os.PathLike[str]) -> Any:
    """Read a model that `save_model` wrote; it is in inference mode.

    Raises:
        DataError: If the file is no such model: not whole, of layers that are not built in, or with weights that do
            not fit them.
    """
    return _read(path)[0]


def workload(path: str, *, compiled: bool = False) -> Workload:
    """Make a workload of a file: the inference of what is measured, and the scores of all labelled samples, if any.

    Args:
        path: Of the file.
        compiled: Whether to compile the model once it is read.

    Raises:
        DataError: If the file is no such model.
    """
    model, shape, samples = _read(path)
    inputs = Tensor(samples[INPUTS], dtype=samples[INPUTS].dtype) if INPUTS in samples else _drawn(model, shape)
    one = Tensor(inputs.data[: shape[0]], dtype=inputs.data.dtype) if INPUTS in samples else inputs
    if compiled:
        from tinytorch.perf import compile

        model = compile(model, one)
    labels, forward = samples.get(LABELS), model.forward
    predict = None if labels is None else lambda: forward(inputs)
    return Workload(lambda: forward(one), model, one, labels, predict, quiet=True, batch=batches_of(forward, inputs))


def _drawn(model: Any, shape: tuple[int, ...]) -> Tensor:
    """Draw an input, alike for every reader: tokens for a model that has a vocabulary."""
    rng = np.random.default_rng(INPUT_SEED)
    sizes = [layer.vocab_size for layer in layers_of(model) if hasattr(layer, "vocab_size")]
    if sizes:
        return Tensor(rng.integers(0, min(sizes), shape), dtype=np.int64)
    return Tensor(rng.standard_normal(shape, dtype=np.float32))


def _samples(inputs: Any, labels: Any) -> Arrays:
    if inputs is None:
        if labels is not None:
            raise ShapeError(explain("labels", "of inputs", "no inputs", remedy="Give both, or input_shape."))
        return {}
    found = {INPUTS: np.asarray(_array(inputs))}
    if found[INPUTS].ndim < 2 or not len(found[INPUTS]):
        rule = "of shape (N, ...), one sample a row, at least one"
        raise ShapeError(explain("inputs", rule, f"the shape {found[INPUTS].shape}"))
    if labels is not None:
        found[LABELS] = np.asarray(_array(labels))
        if found[LABELS].shape != found[INPUTS].shape[:1]:
            raise ShapeError(explain("labels", f"of shape ({len(found[INPUTS])},)", found[LABELS].shape))
    return found


def _array(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


def _input_shape(model: Any, samples: Arrays) -> tuple[int, ...]:
    if INPUTS in samples:
        return (1, *samples[INPUTS].shape[1:])
    if type(model).__name__ == "LeNet":
        return (1, model.in_channels, model.image_size, model.image_size)
    if type(model).__name__ == "GPT":
        return (1, model.max_seq_len)
    if type(model).__name__ == "SimpleMLP":
        return (1, model.fc1.in_features)
    first = next((layer for layer in _leaves(model) if not LAYERS[type(layer).__name__].keeps_width), None)
    if first is not None and hasattr(first, "in_features"):
        return (1, first.in_features)
    remedy = "Give input_shape, such as (1, 3, 32, 32), or inputs."
    raise RangeError(explain("the size of the input", "known from the first layer", repr(first), remedy=remedy))


def _leaves(model: Any) -> Iterator[Any]:
    if not isinstance(model, Sequential):
        yield model
        return
    for layer in model:
        yield from _leaves(layer)


def _require_the_same_again(
    architecture: dict[str, Any], state: Arrays, inputs: NDArray[Any] | None, shape: tuple[int, ...]
) -> None:
    """Read back what is to be written, and try it."""
    try:
        again = _built_with(architecture, state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        rule = "nothing but what its kinds of layers hold"
        raise DTypeError(explain("the state of a saved model", rule, str(error))) from error
    kinds = {name: array.dtype for name, array in again.state_dict().items()}
    if kinds != {name: array.dtype for name, array in state.items()}:
        remedy = "Convert it with astype."
        got = sorted({str(array.dtype) for array in state.values()})
        raise DTypeError(explain("the weights of a saved model", "of one kind of number", got, remedy=remedy))
    with no_grad():
        again.forward(_drawn(again, shape) if inputs is None else Tensor(inputs[:1], dtype=inputs.dtype))


def _read(path: str | os.PathLike[str]) -> tuple[Any, tuple[int, ...], Arrays]:
    metadata, arrays = _content(path)
    samples = {name: arrays.pop(name) for name in (INPUTS, LABELS) if name in arrays}
    try:
        model = _built_with(json.loads(metadata["architecture"]), arrays)
        shape = tuple(int(size) for size in json.loads(metadata["input_shape"]))
        if not shape:
            raise ValueError("the input has no shape")  # noqa: TRY301  explained below
    # whatever a forged description breaks
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError, MemoryError) as error:
        rule = f"built of {', '.join(LAYERS)}, with weights that fit"
        got = f"{type(error).__name__}: {error}"
        raise DataError(explain("a saved model", rule, got, at=Path(path).name)) from error
    return model, shape, samples


def _content(path: str | os.PathLike[str]) -> tuple[dict[str, str], Arrays]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
    except (OSError, SafetensorError) as error:
        rule = "a readable safetensors file"
        raise DataError(explain("a saved model", rule, str(error), at=Path(path).name)) from error
    if metadata.get("format") != FORMAT:
        rule, remedy = f"of the format {FORMAT}", "Write it with save_model."
        got = repr(metadata.get("format"))
        raise DataError(explain("a saved model", rule, got, at=Path(path).name, remedy=remedy))
    return metadata, arrays


def _built_with(architecture: dict[str, Any], state: Arrays) -> Any:
    with unchanged_chance():
        model = built(architecture)
    kinds = {state[name].dtype for name, _ in model.named_parameters() if name in state}
    floats = [kind for kind in kinds if kind.kind == "f"]
    if len(floats) == 1:
        model.astype(floats[0])
    model.load_state_dict(state)
    return model.eval()
