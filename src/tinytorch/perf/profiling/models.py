"""What a model is made of: a layer, something with `layers`, `parameters` or `weight`, or none of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.layers import Layer
from tinytorch.core.tensor import Tensor

__all__ = ["held_arrays", "owner_of", "parameters_of", "trained_of"]

Array = NDArray[Any]


def owner_of(model: Any) -> Any:
    """Find the object behind a model: of a bound method its own, of a function what its closure holds, else itself."""
    closure = getattr(model, "__closure__", None)
    if closure is not None:
        return [cell.cell_contents for cell in closure]
    return getattr(model, "__self__", model)


def parameters_of(model: Any) -> list[Any]:
    """List the parameters, each once: of each of `layers`, and of `parameters()`; else `weight` and `bias`."""
    return list({id(one): one for one in _parameters(model)}.values())


def _parameters(model: Any) -> Iterator[Any]:
    owner = owner_of(model)
    layers = owner if isinstance(owner, list) else getattr(owner, "layers", None)
    listed = getattr(owner, "parameters", None)
    is_list = isinstance(layers, list | tuple)
    if is_list:
        for layer in layers or ():
            yield from _parameters(layer)
    if callable(listed):
        yield from listed()
    elif not is_list and not isinstance(owner, Tensor):
        own = (getattr(owner, name, None) for name in ("weight", "bias"))
        yield from (one for one in own if one is not None)


def trained_of(model: Any) -> list[Tensor]:
    """List the parameters that require a gradient."""
    return [one for one in parameters_of(model) if isinstance(one, Tensor) and one.requires_grad]


def held_arrays(model: Any) -> list[Array]:
    """List the arrays that a model holds, each once: parameters, and whatever else its state is.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> sum(array.nbytes for array in held_arrays(Linear(4, 2)))
        40
    """
    owner = owner_of(model)
    layers = [one for one in (owner if isinstance(owner, list) else [owner]) if isinstance(one, Layer)]
    state = [value for layer in layers for _, value in layer._state()]  # noqa: SLF001  `state_dict` would copy
    arrays = (_array(value) for value in (*parameters_of(model), *state))
    return list(_distinct(arrays))


def _array(value: Any) -> Array:
    return np.asarray(value.data if isinstance(value, Tensor) else value)


def _distinct(arrays: Iterable[Array]) -> Iterable[Array]:
    return {(array.__array_interface__["data"][0], array.nbytes): array for array in arrays}.values()
