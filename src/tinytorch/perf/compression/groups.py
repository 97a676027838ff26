"""Which numbers of a model belong to the same unit, read off its traced graph.

A unit is what one column of a linear layer or one kernel of a convolution computes. Whatever follows it number by
number belongs to it: its bias, its place in a normalization, its maps after pooling, its share of a flattened row, and
what the next layers multiply it with. Units that are added to each other are one. Where an op mixes units, as softmax
does, or they are what the model returns, none of them can go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.perf.graph import Graph, Step, Value

__all__ = ["INTO", "NORM", "OUT", "Group", "Part", "find_groups"]

Array = NDArray[Any]
Labels = NDArray[np.intp]

INTO, BESIDE, NORM, OUT = "into", "beside", "norm", "out"


@dataclass(frozen=True, eq=False)
class Part:
    """An array of the model, an axis of which runs over units.

    Attributes:
        array: The array.
        axis: The axis.
        labels: The unit of each index along it.
        role: `into` for weights and biases that lead into units, `out` for weights that lead out of them, `norm` for
            scale and shift after a normalization, `beside` for the rest.
    """

    array: Array
    axis: int
    labels: Labels
    role: str


@dataclass(eq=False)
class Group:
    """Units that stay or go, each in all of the parts at once.

    Attributes:
        name: The weight that leads into them.
        size: How many they are.
        parts: Where they are.
        pinned: Why none of them can go; empty if they can.
    """

    name: str
    size: int
    parts: list[Part] = field(default_factory=list)
    pinned: str = ""
    merged_into: Group | None = None

    def root(self) -> Group:
        """Give the group that this one has become a part of."""
        return self if self.merged_into is None else self.merged_into.root()

    def pin(self, reason: str) -> None:
        """Let all units stay; the first reason is kept."""
        root = self.root()
        root.pinned = root.pinned or reason

    def merge(self, other: Group) -> None:
        """Make one group of two."""
        mine, theirs = self.root(), other.root()
        if mine is not theirs:
            mine.parts += theirs.parts
            mine.pinned = mine.pinned or theirs.pinned
            theirs.merged_into = mine


@dataclass(frozen=True, eq=False)
class _Place:
    """Where the units of a group are in a value."""

    group: Group
    axis: int
    labels: Labels

    def fits(self, other: _Place, ranks: tuple[int, int]) -> bool:
        same_axis = self.axis - ranks[0] == other.axis - ranks[1]
        return same_axis and np.array_equal(self.labels, other.labels)


def find_groups(graph: Graph, held: set[int]) -> list[Group]:
    """Find the units of a graph.

    Args:
        graph: A traced model.
        held: The ids of the arrays that the model holds: no other can be made smaller.

    Returns:
        The groups in the order of computation.
    """
    walk = _Walk(held)
    for step in graph.steps:
        RULES.get(step.op, _Walk.mix)(walk, step)
    for value in graph.outputs:
        walk.pin(value, "they are what the model returns")
    return list(dict.fromkeys(group.root() for group in walk.groups))


class _Walk:
    def __init__(self, held: set[int]) -> None:
        self.held = held
        self.groups: list[Group] = []
        self.places: dict[Value, _Place] = {}
        self.claims: dict[tuple[int, int], _Place] = {}

    def pin(self, value: Value, reason: str) -> None:
        if value in self.places:
            self.places[value].group.pin(reason)

    def mix(self, step: Step) -> None:
        """Keep all units that an op needs together."""
        for value in step.inputs:
            self.pin(value, f"{step.op} at {step.output.name} takes them together")

    def carry(self, step: Step) -> None:
        """Let the units be where they were."""
        place = self.places.get(step.inputs[0])
        if place is not None:
            self.places[step.output] = place

    def multiply(self, step: Step) -> None:
        """Take units from the last axis of rows, and give those of the weight's columns."""
        x, weight = step.inputs[:2]
        if len(weight.shape) != 2 or not self._holds(*step.inputs[1:]):
            self.mix(step)
            return
        self._consume(step, x, len(x.shape) - 1, (weight, 0))
        self._produce(step, len(step.output.shape) - 1, (weight, 1))

    def convolve(self, step: Step) -> None:
        """Take units from the channels of images, and give those of the kernels."""
        x, weight = step.inputs[:2]
        if not self._holds(*step.inputs[1:]):
            self.mix(step)
            return
        self._consume(step, x, 1, (weight, 1))
        self._produce(step, 1, (weight, 0))

    def normalize(self, step: Step) -> None:
        """Let each channel take its scale, its shift and its statistics with it."""
        x, scale, shift = step.inputs
        place, statistics = self.places.get(x), [step.options.get("mean"), step.options.get("variance")]
        if place is None:
            return
        if place.axis != 1 or not self._holds(scale, shift) or not self.held.issuperset(map(id, statistics)):
            self.mix(step)
            return
        for value in (scale, shift):
            self._claim(Part(value.data, 0, place.labels, NORM), place.group)
        for array in statistics:
            self._claim(Part(np.asarray(array), 0, place.labels, BESIDE), place.group)
        self.places[step.output] = place

    def pool(self, step: Step) -> None:
        """Let channels be channels."""
        place = self.places.get(step.inputs[0])
        if place is not None and place.axis != 1:
            self.mix(step)
        else:
            self.carry(step)

    def permute(self, step: Step) -> None:
        """Follow the axis to its new place."""
        place = self.places.get(step.inputs[0])
        if place is None:
            return
        rank = len(step.output.shape)
        if step.op == "permute":
            order = [axis % rank for axis in step.options["axes"]]
        else:
            order = list(range(rank))
            first, second = step.options.get("dim0", -2), step.options.get("dim1", -1)
            order[first], order[second] = order[second], order[first]
        self.places[step.output] = _Place(place.group, order.index(place.axis), place.labels)

    def reduce(self, step: Step) -> None:
        """Let the units be, unless the axis that is reduced is theirs."""
        place, axes = self.places.get(step.inputs[0]), step.options.get("axis")
        if place is None:
            return
        rank = len(step.inputs[0].shape)
        gone = set(range(rank)) if axes is None else {axis % rank for axis in np.atleast_1d(axes)}
        if place.axis in gone:
            self.mix(step)
            return
        before = 0 if step.options.get("keepdims", False) else sum(axis < place.axis for axis in gone)
        self.places[step.output] = _Place(place.group, place.axis - before, place.labels)

    def reshape(self, step: Step) -> None:
        """Follow the units, which may be several numbers of a row each from here on."""
        x = step.inputs[0]
        place = self.places.get(x)
        if place is None:
            return
        along = [len(place.labels) if axis == place.axis else 1 for axis in range(len(x.shape))]
        labels = np.broadcast_to(place.labels.reshape(along), x.shape).reshape(step.output.shape)
        for axis in range(labels.ndim):
            first = labels[tuple(slice(None) if other == axis else slice(1) for other in range(labels.ndim))]
            if (labels == first).all():
                self.places[step.output] = _Place(place.group, axis, first.ravel())
                return
        self.mix(step)

    def combine(self, step: Step) -> None:
        """Make one group of what is computed number by number from two values, or take a row of the model along."""
        placed = [value for value in step.inputs if value in self.places]
        if len(placed) == 2:
            one, other = (self.places[value] for value in placed)
            if not one.fits(other, (len(placed[0].shape), len(placed[1].shape))):
                self.mix(step)
                return
            one.group.merge(other.group)
        elif placed and not self._goes_along(placed[0], next(v for v in step.inputs if v not in self.places)):
            self.mix(step)
            return
        for value in placed[:1]:
            axis = self.places[value].axis + len(step.output.shape) - len(value.shape)
            self.places[step.output] = _Place(self.places[value].group, axis, self.places[value].labels)

    def _goes_along(self, placed: Value, other: Value) -> bool:
        """Say whether each unit meets a number of its own that the model holds, or one that is the same for all."""
        place = self.places[placed]
        axis = place.axis - len(placed.shape) + len(other.shape)
        if axis < 0 or other.shape[axis] == 1:
            return True
        if not self._holds(other):
            return False
        self._claim(Part(other.data, axis, place.labels, BESIDE), place.group)
        return True

    def _holds(self, *values: Value) -> bool:
        return all(id(value.data) in self.held for value in values)

    def _consume(self, step: Step, x: Value, axis: int, at: tuple[Value, int]) -> None:
        place = self.places.get(x)
        if place is None:
            self._claim_all(at)
        elif place.axis != axis:
            self.mix(step)
        else:
            self._claim(Part(at[0].data, at[1], place.labels, OUT), place.group)

    def _claim_all(self, at: tuple[Value, int]) -> None:
        """Note that a weight is used with something whose size is fixed."""
        group = Group(at[0].name, at[0].shape[at[1]], pinned="they are what the model is given")
        self._claim(Part(at[0].data, at[1], np.arange(group.size), OUT), group)

    def _produce(self, step: Step, axis: int, at: tuple[Value, int]) -> None:
        weight, along = at
        labels = np.arange(weight.shape[along])
        known = self.claims.get((id(weight.data), along))
        group = Group(weight.name, len(labels)) if known is None else known.group
        if known is None:
            self.groups.append(group)
        self._claim(Part(weight.data, along, labels, INTO), group)
        for bias in step.inputs[2:]:
            self._claim(Part(bias.data, 0, labels, INTO), group)
        self.places[step.output] = _Place(group, axis, labels)

    def _claim(self, part: Part, group: Group) -> None:
        """Make an array part of a group; one that is part of another already makes the two one."""
        key = (id(part.array), part.axis)
        known = self.claims.get(key)
        if known is None:
            self.claims[key] = _Place(group, part.axis, part.labels)
            group.root().parts.append(part)
        elif np.array_equal(known.labels, part.labels):
            known.group.merge(group)
        else:
            for each in (known.group, group):
                each.pin("one array is used for them in two ways")


_ELEMENTWISE = ("relu", "sigmoid", "tanh", "gelu", "dropout", "neg", "exp", "log", "sqrt", "abs", "clip", "astype")
_PAIRS = ("add", "sub", "mul", "div", "pow", "maximum", "minimum")

RULES: dict[str, Callable[[_Walk, Step], None]] = {
    "linear": _Walk.multiply,
    "matmul": _Walk.multiply,
    "conv2d": _Walk.convolve,
    "batch_norm": _Walk.normalize,
    "max_pool2d": _Walk.pool,
    "avg_pool2d": _Walk.pool,
    "permute": _Walk.permute,
    "transpose": _Walk.permute,
    "reshape": _Walk.reshape,
    **dict.fromkeys(_ELEMENTWISE, _Walk.carry),
    **dict.fromkeys(_PAIRS, _Walk.combine),
    **dict.fromkeys(("sum", "mean", "max", "min"), _Walk.reduce),
}
