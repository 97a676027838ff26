"""What a model weighs: the bytes its arrays really hold, and what an inference allocates on top of them.

A model of any framework will do: it is asked for `named_parameters`, `state_dict`, `parameters`, `layers`, `weight` and
`bias`, in this order, and an array for `nbytes` and `size`.
"""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from statistics import median_low
from typing import Any

__all__ = ["count_elements", "inference_peak_bytes", "inference_peaks", "stored_bytes"]

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
    if isinstance(layers := getattr(model, "layers", None), list | tuple):
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
            found = found[int(step)] if isinstance(found, list | tuple) else _entry(found, step)
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
