"""What a model weighs: the bytes its arrays really hold, and what an inference allocates on top of them.

Worker processes load this file by its place, so it needs the standard library only,
and runs in any Python from 3.9 on.

A model of any framework will do: it is asked for `named_parameters`, `state_dict`, `parameters`, `layers`, `weight` and
`bias`, in this order, and an array for `nbytes` and `size`.
"""

from __future__ import annotations

import math
import tempfile
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median_low
from typing import Any

__all__ = [
    "count_elements",
    "inference_peak_bytes",
    "inference_peaks",
    "serialized_bytes",
    "stored_bytes",
    "weigh",
]

PASSES = 5


def stored_bytes(model: object) -> int:
    """Add up the bytes of the model's parameters and other state, as stored; an array that is shared counts once.

    Returns:
        Bytes; 0 for a model that shows no arrays.
    """
    return sum(array.nbytes for array in _distinct([*_parameters(model), *_state(model)]))


def count_elements(model: object) -> int:
    """Count the numbers in the model's parameters; an array that is shared counts once.

    Of a model without parameters, such as a frozen one, the other state is counted.

    Returns:
        Elements; 0 for a model that shows no arrays.
    """
    return sum(math.prod(array.shape) for array in _distinct(_parameters(model) or _state(model)))


def inference_peak_bytes(call: Callable[[], object]) -> int:
    """Measure the most memory that was held at once during `call`, beyond what was held before it.

    Only what Python and NumPy allocate is seen, not the insides of a matrix library. It slows `call` down, and so is
    never done while timing.

    Returns:
        The median of five passes, in bytes.
    """
    return median_low(inference_peaks(call))


def inference_peaks(call: Callable[[], object], passes: int = PASSES) -> list[int]:
    """Measure the same, pass by pass, in bytes; the first call is left out."""
    call()
    with _tracing():
        return [_peak(call) for _ in range(passes)]


def serialized_bytes(model: object) -> int | None:
    """Say how many bytes the model takes in a file: its state in safetensors' form, else what it saves itself as.

    Returns:
        Bytes; none for a model that has neither `state_dict` nor `save`, or where safetensors is not installed.
    """
    if callable(state := getattr(model, "state_dict", None)):
        try:
            from safetensors.numpy import save as serialize
        except ImportError:
            return None
        return len(serialize({name: _numpy(value) for name, value in state().items()}))
    if not callable(save := getattr(model, "save", None)):
        return None
    with tempfile.TemporaryDirectory() as folder:
        save(str(Path(folder) / "model"))
        return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


def weigh(model: object) -> dict[str, int | None]:
    """Give `stored_bytes`, `serialized_bytes` and `parameter_count` of a model; without one, none of each."""
    if model is None:
        return dict.fromkeys(("stored_bytes", "serialized_bytes", "parameter_count"))
    return {
        "stored_bytes": stored_bytes(model),
        "serialized_bytes": serialized_bytes(model),
        "parameter_count": count_elements(model),
    }


def _numpy(value: Any) -> Any:
    """Give a contiguous NumPy array of an array or a tensor."""
    array = value.detach().cpu().numpy() if hasattr(value, "cpu") else _array(value)
    return array.copy(order="C")


def _peak(call: Callable[[], object]) -> int:
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    call()
    _, peak = tracemalloc.get_traced_memory()
    return max(peak - before, 0)


@contextmanager
def _tracing() -> Iterator[None]:
    if tracemalloc.is_tracing():  # whoever started it wants it to go on
        yield
        return
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def _parameters(model: object) -> list[Any]:
    if callable(named := getattr(model, "named_parameters", None)):
        return [_array(value) for _, value in named()]
    if callable(listed := getattr(model, "parameters", None)):
        return [_array(value) for value in listed()]
    if isinstance(layers := getattr(model, "layers", None), (list, tuple)):
        return [array for layer in layers for array in _parameters(layer)]
    own = (getattr(model, name, None) for name in ("weight", "bias"))
    return [_array(value) for value in own if value is not None]


def _state(model: object) -> list[Any]:
    state = getattr(model, "state_dict", None)
    return [_array(_live(model, name, value)) for name, value in state().items()] if callable(state) else []


def _live(model: object, name: str, copy: object) -> object:
    """Follow a name such as `layers.0.weight` to what it names: a copy would hide that an array is shared."""
    found: Any = model
    for step in name.split("."):
        try:
            found = found[int(step)] if isinstance(found, (list, tuple)) else _entry(found, step)
        except (AttributeError, LookupError):
            return copy
    return found


def _entry(owner: Any, name: str) -> Any:
    return owner[name] if isinstance(owner, dict) else getattr(owner, name)


def _array(value: Any) -> Any:
    return value if hasattr(value, "nbytes") else value.data


def _distinct(arrays: Iterable[Any]) -> list[Any]:
    return list({(_address(array), array.nbytes): array for array in arrays}.values())


def _address(array: Any) -> int:
    interface = getattr(array, "__array_interface__", None)
    if interface is not None:
        return int(interface["data"][0])
    pointer = getattr(array, "data_ptr", None)
    return int(pointer()) if callable(pointer) else id(array)
