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

__all__ = ["count_elements", "inference_peak_bytes", "stored_bytes"]

PASSES = 5


def stored_bytes(model: object) -> int:
    """Add up the bytes of the model's parameters and buffers, as stored; an array that is shared counts once.

    Returns:
        Bytes; 0 for a model that shows no arrays.
    """
    arrays = [*_parameters(model), *_buffers(model)]
    return sum(array.nbytes for array in _distinct(arrays))


def count_elements(model: object) -> int:
    """Count the numbers in the model's parameters, without its buffers; an array that is shared counts once."""
    return sum(math.prod(array.shape) for array in _distinct(_parameters(model)))


def inference_peak_bytes(call: Callable[[], object]) -> int:
    """Measure the most memory that was held at once during `call`, beyond what was held before it.

    Only what Python and NumPy allocate is seen, not the insides of a matrix library. It slows `call` down, and so is
    never done while timing.

    Returns:
        The median of five passes, in bytes.
    """
    call()
    with _tracing():
        return median_low(_peak(call) for _ in range(PASSES))


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
    if callable(state := getattr(model, "state_dict", None)):
        return [_array(value) for value in state().values()]
    if isinstance(layers := getattr(model, "layers", None), list | tuple):
        return [array for layer in layers for array in _parameters(layer)]
    own = (getattr(model, name, None) for name in ("weight", "bias"))
    return [_array(value) for value in own if value is not None]


def _buffers(model: object) -> list[Any]:
    """List what `state_dict` has and `named_parameters` has not; a copy in there must not count twice."""
    state, named = getattr(model, "state_dict", None), getattr(model, "named_parameters", None)
    if not callable(state) or not callable(named):
        return []
    names = {name for name, _ in named()}
    return [_array(value) for name, value in state().items() if name not in names]


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
