"""Other layers in the place of some, wherever they stand in a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["layers_by_path", "replace_layers"]


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
