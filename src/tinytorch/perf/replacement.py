"""Other layers and arrays in the place of some, wherever they stand in a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.tensor import Tensor

__all__ = ["arrays_of", "layers_by_path", "replace_arrays", "replace_layers"]

Array = NDArray[Any]


def replace_layers(model: Any, make: Callable[[Any], Any | None]) -> tuple[Any, list[Any]]:
    """Replace layers inside a model, in place; one that stands in two places is replaced in both by the same.

    Args:
        model: A layer, or an object that holds layers in attributes, lists, tuples or dictionaries.
        make: Gives what replaces a layer, or None where it is to stay and be looked into.

    Returns:
        The model, or what replaces the model itself; and what was put in, each once.
    """
    replacing = _Replacing(make)
    found = replacing.replaced(model)
    if found is model:  # which need not be a layer itself
        replacing.look_into(model)
    return found, [new for _, new in replacing.made.values() if new is not None]


class _Replacing:
    def __init__(self, make: Callable[[Any], Any | None]) -> None:
        self.make = make
        self.made: dict[int, tuple[Any, Any | None]] = {}  # with what was replaced: no id may be used twice
        self.seen: set[int] = set()

    def replaced(self, value: Any) -> Any:
        if hasattr(value, "forward") and (new := self._new(value)) is not None:
            return new
        if type(value) is tuple:
            return tuple(map(self.replaced, value))
        if hasattr(value, "forward") or isinstance(value, list | dict):
            self.look_into(value)
        return value

    def _new(self, layer: Any) -> Any | None:
        if id(layer) not in self.made:
            self.made[id(layer)] = (layer, self.make(layer))
        return self.made[id(layer)][1]

    def look_into(self, holder: Any) -> None:
        if id(holder) in self.seen:
            return
        self.seen.add(id(holder))
        if isinstance(holder, list):
            holder[:] = map(self.replaced, holder)
            return
        items = holder if isinstance(holder, dict) else getattr(holder, "__dict__", {})
        for name, value in list(items.items()):
            items[name] = self.replaced(value)


def layers_by_path(model: Any) -> dict[str, Any]:
    """Name every layer of a model by its place, such as `features.layers.0`; the model itself is ``.

    A layer that stands in two places is there twice.

    Example:
        >>> from tinytorch.core.layers import Linear, Sequential
        >>> list(layers_by_path(Sequential(Linear(1, 1), Sequential(Linear(1, 1)))))
        ['', 'layers.0', 'layers.1', 'layers.1.layers.0']
    """
    return dict(_walk(model, "", above=()))


def _walk(value: Any, path: str, above: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    if id(value) in above:
        return
    if hasattr(value, "forward"):
        yield path, value
        items = getattr(value, "__dict__", {}).items()
    elif isinstance(value, list | tuple):
        items = dict(enumerate(value)).items()
    elif isinstance(value, dict):
        items = value.items()
    else:
        return
    for key, item in items:
        yield from _walk(item, f"{path}.{key}" if path else str(key), (*above, id(value)))


def arrays_of(model: Any) -> list[Array]:
    """List the arrays that a model's layers hold, in tensors or by themselves, each once."""
    found: dict[int, Array] = {}
    for holder in _holders(model):
        for value in _items(holder).values():
            array = value.data if isinstance(value, Tensor) else value
            if isinstance(array, np.ndarray):
                found[id(array)] = array
    return list(found.values())


def replace_arrays(model: Any, new: Mapping[int, Array]) -> None:
    """Put other arrays in the place of some, in place, and forget all gradients.

    Args:
        model: Its layers may hold the arrays in tensors or by themselves.
        new: What replaces an array, by the `id` of it.
    """
    for holder in _holders(model):
        for name, value in list(_items(holder).items()):
            if isinstance(value, Tensor):
                value.data, value.grad = new.get(id(value.data), value.data), None
            elif isinstance(value, np.ndarray) and id(value) in new:
                _writable(holder)[name] = new[id(value)]


def _holders(model: Any) -> Iterator[Any]:
    """Give everything in a model that can hold an array: layers, and the lists and dictionaries in them."""
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        holder = waiting.pop()
        if id(holder) not in seen:
            seen.add(id(holder))
            yield holder
            waiting += [value for value in _items(holder).values() if _is_holder(value)]


def _is_holder(value: Any) -> bool:
    return isinstance(value, list | tuple | dict) or hasattr(value, "forward")


def _items(holder: Any) -> dict[Any, Any]:
    if isinstance(holder, list | tuple):
        return dict(enumerate(holder))
    return holder if isinstance(holder, dict) else getattr(holder, "__dict__", {})


def _writable(holder: Any) -> Any:
    return holder if isinstance(holder, list | dict) else vars(holder)
