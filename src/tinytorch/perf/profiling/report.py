"""What a profile is: raw samples of every op and every roof, and what follows from them.

Samples are kept as they were taken; medians, shares and sums are derived when asked for. Times are nanoseconds, sizes
bytes. The samples of one round stand at one index in all lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tinytorch.perf.costs import Cost
from tinytorch.perf.profiling.allocations import Allocation
from tinytorch.perf.profiling.medians import Median, median
from tinytorch.perf.profiling.roofline import Roofline, RoofProfile
from tinytorch.perf.profiling.scopes import Scope
from tinytorch.perf.profiling.turns import Span, durations

__all__ = ["OpProfile", "Profile", "WholeProfile"]


@dataclass(frozen=True, slots=True)
class OpProfile:
    """One op of the model.

    Attributes:
        number: Its place in the graph.
        op: Its name, such as `linear`.
        layer: The path of the innermost layer that did it; empty for the model itself.
        inputs: The shapes of what it took.
        shape: Of its result.
        parameters: Numbers in the trained arrays that it uses, or in those of a quantized layer.
        cost: FLOPs and bytes of the forward pass.
        backward_flops: FLOPs of its backward rule; 0 if nothing before it is trained.
        forward: When it ran and how long, in each round.
        backward: The same of its backward rule; empty if it has none to run.
        allocation: What one forward call allocated.
    """

    number: int
    op: str
    layer: str
    inputs: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    parameters: int
    cost: Cost
    backward_flops: int
    forward: tuple[Span, ...]
    backward: tuple[Span, ...]
    allocation: Allocation

    @property
    def time(self) -> Median:
        """Of the forward call."""
        return _time(self.forward)

    @property
    def backward_time(self) -> Median:
        """Of the backward rule."""
        return _time(self.backward)


@dataclass(frozen=True, slots=True)
class WholeProfile:
    """Calls of the whole model, with all that lies between its ops.

    Attributes:
        forward: In inference, without gradients.
        recorded: Forwards with a graph for gradients; empty if nothing was trained.
        backward: The walk back over that graph.
        allocation: What one forward call in inference allocated.
    """

    forward: tuple[Span, ...]
    recorded: tuple[Span, ...]
    backward: tuple[Span, ...]
    allocation: Allocation


@dataclass(frozen=True)
class Profile:
    """Where the time, the arithmetic and the memory of a model go.

    Attributes:
        name: What readers call the model.
        inputs: The shapes of what it was given.
        ops: In the order of the graph.
        scopes: Calls of layers, in the order in which they began.
        roofs: What the machine did at best.
        whole: Calls of the whole model.
        stored_bytes: Of all arrays that the model holds.
        parameters: Numbers in its parameters.
        conditions: Whatever the caller knows of the machine: threads, processor, versions.
        notes: What a reader must know to read it right.
    """

    name: str
    inputs: tuple[tuple[int, ...], ...]
    ops: tuple[OpProfile, ...]
    scopes: tuple[Scope, ...]
    roofs: tuple[RoofProfile, ...]
    whole: WholeProfile
    stored_bytes: int
    parameters: int
    conditions: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def rounds(self) -> int:
        """How often all was timed."""
        return len(self.whole.forward)

    @property
    def time(self) -> Median:
        """Of a forward call of the whole model."""
        return _time(self.whole.forward)

    @property
    def recorded_time(self) -> Median:
        """Of a forward call that records a graph."""
        return _time(self.whole.recorded)

    @property
    def backward_time(self) -> Median:
        """Of a whole backward pass."""
        return _time(self.whole.backward)

    @cached_property
    def cost(self) -> Cost:
        """Of all ops together."""
        return sum((op.cost for op in self.ops), Cost(0, 0, 0))

    @property
    def backward_flops(self) -> int:
        """Of all backward rules together."""
        return sum(op.backward_flops for op in self.ops)

    def between_ops(self) -> Median:
        """Give the share of a forward call that no op accounts for: the layers' own Python, round by round.

        Below 0 where ops took longer one by one than together.
        """
        return _rest(self.whole.forward, [op.forward for op in self.ops])

    def between_rules(self) -> Median:
        """Give the share of a backward pass that no rule accounts for: the walk, sums of gradients, memory let go."""
        return _rest(self.whole.backward, [op.backward for op in self.ops if op.backward])

    def share_of_time(self, op: OpProfile) -> float:
        """Give the median time of an op by the sum of all ops' medians."""
        total = sum(other.time.value or 0 for other in self.ops)
        return (op.time.value or 0) / total if total else 0.0

    @cached_property
    def roofline(self) -> Roofline:
        """What bounds the ops."""
        return Roofline(self.roofs)

    def bound(self, op: OpProfile) -> str | None:
        """Say which roof is the lower one for an op: `memory` or `compute`; none if it does and moves nothing."""
        return self.roofline.least(op.cost).bound

    def share_of_roof(self, op: OpProfile) -> Median:
        """Give the least time that the roofs allow an op by the time it took."""
        return self.roofline.share(op.cost, op.forward)

    def by_layer(self, value: Callable[[OpProfile], float]) -> dict[str, float]:
        """Add up a number of all ops by the layer that did them."""
        found: dict[str, float] = {}
        for op in self.ops:
            found[op.layer] = found.get(op.layer, 0) + value(op)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Give all raw samples and what follows from them, for JSON."""
        from tinytorch.perf.profiling.documents import document

        return document(self)

    def __str__(self) -> str:
        from tinytorch.perf.profiling.tables import text_table

        return text_table(self)


def _rest(whole: Sequence[Span], parts: Sequence[Sequence[Span]]) -> Median:
    summed = [sum(spans) for spans in zip(*map(durations, parts), strict=True)]
    return median([1 - part / total for part, total in zip(summed, durations(whole), strict=bool(summed))])


def _time(spans: Sequence[Span]) -> Median:
    return median(durations(spans))
