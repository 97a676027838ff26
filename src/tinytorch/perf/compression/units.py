"""Fewer units in a model: what is removed is gone, from memory and from the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.spatial import BatchNorm2d, Conv2d
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DTypeError, RangeError, ShapeError, StateError, explain
from tinytorch.perf.compression.groups import INTO, NORM, OUT, Group, find_groups
from tinytorch.perf.graph import Graph, trace
from tinytorch.perf.replacement import arrays_of, layers_by_path, replace_arrays
from tinytorch.perf.techniques import Technique

__all__ = ["PRUNE_UNITS", "remove_hidden_units"]

Model = TypeVar("Model")
Array = NDArray[Any]

SEED = 0


def remove_hidden_units(model: Model, keep_ratio: float = 0.5, example: Any = None) -> Model:
    """Build a smaller copy of a network: its least important hidden units and channels are left out.

    What goes with a unit is found in the traced graph: its column or kernel and its bias, its place in a
    normalization, and what the next layers multiply it with, through activations, pooling, flattening and sums. The
    result computes what the original would if nothing came out of these units. Units that an op mixes, and what the
    model returns, stay as they are.

    A unit's importance is the L2 norm of what leads into it times that of what leads out of it. After a normalization,
    scale and shift stand for what leads in: their squares add up to the mean square of what comes out. Those kept stay
    in their order. The original is left alone.

    Args:
        model: Whatever `trace` takes, and of layers that hold their weights as floats.
        keep_ratio: The share of each layer's hidden units to keep, in (0, 1]; at least one stays.
        example: An input of the model; needed where the sizes of its linear layers do not tell its shape.

    Raises:
        DTypeError: If no unit can go; it says why.
        ShapeError: If the layers do not fit each other, or the example them.
        RangeError: If `keep_ratio` is out of range, a weight is not finite, or an example is needed.
        StateError: As `trace` does.

    Example:
        >>> from tinytorch.core.activations import ReLU
        >>> remove_hidden_units(Sequential(Linear(8, 6), ReLU(), Linear(6, 4), ReLU(), Linear(4, 2)), keep_ratio=0.5)
        Sequential(Linear(8, 3), ReLU(), Linear(3, 2), ReLU(), Linear(2, 2))

    Source:
        P. Molchanov et al. (2017), Pruning Convolutional Neural Networks for Resource Efficient Inference, on
        removing whole units; Z. Liu et al. (2017), Learning Efficient Convolutional Networks through Network Slimming,
        on the scale of a normalization as what a channel is worth.
    """
    if not 0 < keep_ratio <= 1:  # NaN fails this too
        raise RangeError(explain("keep_ratio", "a ratio in (0, 1]", keep_ratio, remedy="0.5 keeps half."))
    smaller = deepcopy(model)
    groups = _removable(smaller, example)
    cuts: dict[int, tuple[Array, dict[int, Array]]] = {}
    for group in groups:
        stay = np.zeros(group.size, bool)
        stay[_most_important(group, keep_ratio)] = True
        for part in group.parts:
            cuts.setdefault(id(part.array), (part.array, {}))[1][part.axis] = stay[part.labels]
    replace_arrays(smaller, {key: _cut(array, axes) for key, (array, axes) in cuts.items()})
    _restate_sizes(smaller)
    return smaller


def _removable(model: Any, example: Any) -> list[Group]:
    groups = find_groups(_traced(model, example), {id(array) for array in arrays_of(model)})
    found = [group for group in groups if not group.pinned]
    if not found:
        reasons = [f"{group.name}: {group.pinned}" for group in groups] or [f"a {type(model).__name__} without layers"]
        raise DTypeError(explain("the model", "one with hidden units that can go", "; ".join(reasons)))
    return found


def _traced(model: Any, example: Any) -> Graph:
    if example is not None:
        return trace(model, example)
    refused: ShapeError | None = None
    for likely in _likely_inputs(model):
        try:
            return trace(model, likely)
        except ShapeError as error:
            refused = refused or error
    if refused is not None:
        raise refused
    if not arrays_of(model):
        raise DTypeError(explain("the model", "one with hidden units that can go", f"a {type(model).__name__}"))
    raise RangeError(explain("the example", "given for a model whose layers do not tell its shape", "none"))


def _likely_inputs(model: Any) -> list[Tensor]:
    """Guess inputs: tokens, or images if the model says of which size, else rows as a linear layer of it takes them."""
    if hasattr(model, "vocab_size") and hasattr(model, "max_seq_len"):
        return [Tensor(np.zeros((1, model.max_seq_len), np.int64), dtype=np.int64)]
    return [Tensor(np.random.default_rng(SEED).standard_normal(shape)) for shape in _likely_shapes(model)]


def _likely_shapes(model: Any) -> list[tuple[int, ...]]:
    if hasattr(model, "in_channels") and hasattr(model, "image_size"):
        return [(1, model.in_channels, model.image_size, model.image_size)]
    layers = list(layers_by_path(model).values())
    if any(isinstance(layer, Conv2d) for layer in layers):
        return []
    return list(dict.fromkeys((1, layer.in_features) for layer in layers if hasattr(layer, "in_features")))


def _most_important(group: Group, keep_ratio: float) -> Array:
    importance = np.sqrt(_energy(group, NORM, INTO) * _energy(group, OUT))
    if not np.isfinite(importance).all():
        raise RangeError(explain("a weight", "finite to be pruned", f"another one around {group.name}"))
    return np.argsort(-importance, kind="stable")[: _kept(group.size, keep_ratio)]


def _energy(group: Group, *roles: str) -> NDArray[np.float64]:
    """Add up the squares of each unit's numbers, in the parts of the first role that there are any of."""
    parts = next(
        found for role in roles if (found := [part for part in group.parts if part.role == role]) or role == roles[-1]
    )
    total = np.zeros(group.size)
    for part in parts:
        squares = np.square(np.moveaxis(part.array, part.axis, 0), dtype=np.float64)
        total += np.bincount(part.labels, squares.reshape(len(squares), -1).sum(axis=1), group.size)
    return total


def _kept(count: int, keep_ratio: float) -> int:
    return max(1, round(keep_ratio * count))


def _cut(array: Array, axes: dict[int, Array]) -> Array:
    for axis, stay in axes.items():
        array = np.compress(stay, array, axis=axis)
    return np.ascontiguousarray(array)


def _restate_sizes(model: Any) -> None:
    """Let the layers say which sizes they have."""
    for layer in layers_by_path(model).values():
        match layer:
            case Linear():
                layer.in_features, layer.out_features = layer.weight.shape
            case Conv2d():
                layer.out_channels, layer.in_channels = layer.weight.shape[:2]
            case BatchNorm2d():
                (layer.num_features,) = layer.gamma.shape


def _check(model: Any, original: Any = None, *, keep_ratio: float | None = None, example: Any = None) -> list[str]:
    layers = layers_by_path(model)
    problems = [f"{problem} — at {path}" for path, layer in layers.items() for problem in _misstated(layer)]
    try:
        _traced(model, example)
    except ShapeError as error:
        problems.append(explain("the layers", "of sizes that fit each other", str(error)))
    except (DTypeError, RangeError, StateError):
        pass  # it cannot be run here, which is nothing against it
    if original is not None:
        return [*problems, *_widths(layers, original, keep_ratio, example)]
    return problems + [f"{problem} — at {path}" for path, layer in layers.items() for problem in _masked(layer)]


def _misstated(layer: Any) -> Iterator[str]:
    """Find sizes that are not those of the arrays."""
    match layer:
        case Linear():
            stated, shape = (layer.in_features, layer.out_features), layer.weight.shape
        case Conv2d():
            stated, shape = (layer.out_channels, layer.in_channels), layer.weight.shape[:2]
        case _:
            return
    if stated != shape:
        yield explain("the weight", f"of the sizes that the layer states, {stated}", shape)


def _masked(layer: Any) -> Iterator[str]:
    """Find units that are zeros instead of gone."""
    if not isinstance(layer, Linear | Conv2d):
        return
    by_unit = layer.weight.data.T if isinstance(layer, Linear) else layer.weight.data
    zero = ~by_unit.any(axis=tuple(range(1, by_unit.ndim)))
    if layer.bias is not None:
        zero &= layer.bias.data == 0
    if zero.any():
        yield explain("a pruned unit", "gone", f"{zero.sum()} that are zeros")


def _widths(layers: dict[str, Any], original: Any, keep_ratio: float | None, example: Any) -> Iterator[str]:
    """Find layers that are not as narrow as was said, if there is one that is narrower at all."""
    before = layers_by_path(original)
    pairs = {path: (_width(layers.get(path)), _width(layer)) for path, layer in before.items()}
    known = {path: (now, then) for path, (now, then) in pairs.items() if now is not None and then is not None}
    if keep_ratio != 1 and not any(now < then for now, then in known.values()):
        yield explain("the model", "of fewer units in some layer than the original", "as many in all")
    narrowed = _narrowed(original, example)
    for path, (now, then) in known.items():
        kept = then if keep_ratio is None else _kept(then, keep_ratio)
        can, must = narrowed is None or path in narrowed, narrowed is not None and path in narrowed
        if now != then and not can:
            yield explain("a layer whose units cannot go", f"of {then} units, as in the original", now, at=path)
        elif now > then:
            yield explain("a layer", f"of at most {then} units, as in the original", now, at=path)
        elif keep_ratio is not None and now != kept and (must or now != then):
            yield explain("a layer", f"of {kept} units, {keep_ratio} of {then}", now, at=path)


def _narrowed(original: Any, example: Any) -> set[str] | None:
    """Name the layers whose units can go; None where the original cannot be run here."""
    try:
        groups = _removable(original, example)
    except (DTypeError, RangeError, ShapeError, StateError):
        return None
    into = {id(part.array) for group in groups for part in group.parts if part.role == INTO}
    layers = layers_by_path(original).items()
    return {path for path, layer in layers if isinstance(layer, Linear | Conv2d) and id(layer.weight.data) in into}


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
