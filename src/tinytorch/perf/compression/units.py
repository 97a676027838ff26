"""Fewer numbers in a model: what is removed is gone, from memory and from the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Dropout, Linear, Sequential, layers_of
from tinytorch.core.spatial import Conv2d
from tinytorch.errors import DTypeError, RangeError, ShapeError, explain
from tinytorch.perf.replacement import layers_by_path
from tinytorch.perf.techniques import Technique

__all__ = ["PRUNE_UNITS", "remove_hidden_units"]

Model = TypeVar("Model")

RULE = "Linear, ReLU, Linear, as a Sequential or as the attributes fc1, relu and fc2; dropout may stand between"


def remove_hidden_units(model: Model, keep_ratio: float = 0.5) -> Model:
    """Build a smaller copy of a network with one hidden layer: its least important hidden units are left out.

    A unit's importance is the L2 norm of what leads into it (its column of the first weight, and its bias) times the
    L2 norm of what leads out of it (its row of the second weight). The units kept stay in their order. The copy holds
    smaller arrays; the original is left alone.

    Args:
        model: Linear, ReLU, Linear: a Sequential, or an object with `fc1`, `relu` and `fc2`.
        keep_ratio: The share of hidden units to keep, in (0, 1]; at least one stays.

    Raises:
        DTypeError: If the model is made of anything else.
        ShapeError: If the two linear layers do not fit each other.
        RangeError: If `keep_ratio` is out of range.

    Example:
        >>> from tinytorch.core.layers import Sequential
        >>> remove_hidden_units(Sequential(Linear(8, 6), ReLU(), Linear(6, 2)), keep_ratio=0.5)
        Sequential(Linear(8, 3), ReLU(), Linear(3, 2))

    Source:
        P. Molchanov et al. (2017), Pruning Convolutional Neural Networks for Resource Efficient Inference, on
        removing whole units; the product of norms is the bound on what a unit can add to the output.
    """
    if not 0 < keep_ratio <= 1:  # NaN fails this too
        raise RangeError(explain("keep_ratio", "a ratio in (0, 1]", keep_ratio, remedy="0.5 keeps half."))
    smaller = deepcopy(model)
    first, second = _linear_pair(smaller)
    importance = _importance(first, second)  # (hidden,)
    count = _kept(len(importance), keep_ratio)
    kept = np.sort(np.argsort(-importance, kind="stable")[:count])
    _keep_columns(first, kept)
    _keep_rows(second, kept)
    for layer in (first, second):
        layer.zero_grad()  # a gradient of the old shape would be the optimizer's next surprise
    return smaller


def _linear_pair(model: Any) -> tuple[Linear, Linear]:
    match _chain(model):
        case [Linear() as first, ReLU(), Linear() as second] if first is not second:
            if first.out_features != second.in_features:
                got = f"{first.out_features} and {second.in_features}"
                raise ShapeError(explain("the linear layers", "of one hidden size", got))
            return first, second
        case other:
            got = ", ".join(type(layer).__name__ for layer in other) or f"a {type(model).__name__} without layers"
            raise DTypeError(explain("the model", RULE, got))


def _chain(model: Any) -> list[Any]:
    """List the model's layers in the order of their use, without dropout."""
    inner = [layer for layer in layers_of(model) if layer is not model and not isinstance(layer, Dropout)]
    named = [getattr(model, name, None) for name in ("fc1", "relu", "fc2")]
    return named if {id(layer) for layer in named} == {id(layer) for layer in inner} else inner


def _kept(count: int, keep_ratio: float) -> int:
    return max(1, round(keep_ratio * count))


def _importance(first: Linear, second: Linear) -> NDArray[np.float64]:
    into = np.square(first.weight.data, dtype=np.float64).sum(axis=0)  # (hidden,)
    if first.bias is not None:
        into += np.square(first.bias.data, dtype=np.float64)
    out_of = np.square(second.weight.data, dtype=np.float64).sum(axis=1)  # (hidden,)
    norms: NDArray[np.float64] = np.sqrt(into * out_of)
    return norms


def _keep_columns(layer: Linear, kept: NDArray[np.intp]) -> None:
    layer.weight.data = np.ascontiguousarray(layer.weight.data[:, kept])
    if layer.bias is not None:
        layer.bias.data = layer.bias.data[kept]
    layer.out_features = len(kept)


def _keep_rows(layer: Linear, kept: NDArray[np.intp]) -> None:
    layer.weight.data = layer.weight.data[kept]
    layer.in_features = len(kept)


def _check(model: Any, original: Any = None, *, keep_ratio: float | None = None) -> list[str]:
    layers = layers_by_path(model)
    problems = [f"{problem} — at {path}" for path, layer in layers.items() for problem in _masked(layer)]
    if original is not None:
        problems += _widths(layers, layers_by_path(original), keep_ratio)
    return problems


def _masked(layer: Any) -> Iterator[str]:
    """Find units that are zeros instead of gone, and sizes that are not those of the arrays."""
    weight = getattr(layer, "weight", None)
    if not isinstance(layer, Linear | Conv2d) or weight is None:
        return
    shape = (
        (layer.in_features, layer.out_features)
        if isinstance(layer, Linear)
        else (layer.out_channels, layer.in_channels)
    )
    if weight.shape[:2] != shape:
        yield explain("the weight", f"of the sizes that the layer states, {shape}", weight.shape)
    by_unit = weight.data.T if isinstance(layer, Linear) else weight.data
    zero = ~by_unit.any(axis=tuple(range(1, by_unit.ndim)))
    if layer.bias is not None and layer.bias.shape == zero.shape:
        zero &= layer.bias.data == 0
    if zero.any():
        yield explain("a pruned unit", "gone", f"{zero.sum()} that are zeros")


def _widths(layers: dict[str, Any], before: dict[str, Any], keep_ratio: float | None) -> Iterator[str]:
    """Find layers that are not narrower as was said, if there is one that is narrower at all."""
    pairs = {path: (_width(layers.get(path)), _width(layer)) for path, layer in before.items()}
    known = {path: (now, then) for path, (now, then) in pairs.items() if now is not None and then is not None}
    if not any(now < then for now, then in known.values()):
        yield explain("the model", "of fewer units in some layer than the original", "as many in all")
    for path, (now, then) in known.items():
        if now > then:
            yield explain("a layer", f"of at most {then} units, as in the original", now, at=path)
        elif keep_ratio is not None and now not in (then, _kept(then, keep_ratio)):
            yield explain("a layer", f"of {_kept(then, keep_ratio)} units, {keep_ratio} of {then}", now, at=path)


def _width(layer: Any) -> int | None:
    """Give how many units or channels come out of a layer, a pair of thin layers or none of those."""
    inner = layer[len(layer) - 1] if isinstance(layer, Sequential) and len(layer) == 2 else layer
    found = getattr(inner, "out_features", getattr(inner, "out_channels", None))
    return None if found is None else int(found)


PRUNE_UNITS = Technique(
    "prune.units.v1",
    remove_hidden_units,
    "Hidden units are gone, from the arrays that lead into them and from those that lead out of them.",
    _check,
)
