"""The lower bound that measured roofs put on the time of some work, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tinytorch.perf.costs import Cost
from tinytorch.perf.profiling.medians import Median, median
from tinytorch.perf.profiling.turns import Span, durations

__all__ = ["BOUNDS", "LeastTime", "RoofProfile", "Roofline"]

BOUNDS = ("memory", "compute")


@dataclass(frozen=True, slots=True)
class RoofProfile:
    """What the machine did at best in each round.

    Attributes:
        name: The work.
        kind: `compute` or `memory`.
        amount: FLOPs or bytes in one call.
        spans: When it ran and how long.
    """

    name: str
    kind: str
    amount: int
    spans: tuple[Span, ...]

    @property
    def rate(self) -> Median:
        """FLOPs or bytes in a nanosecond, which is 10^9 in a second."""
        return median([self.amount / duration for duration in durations(self.spans)])


class LeastTime(NamedTuple):
    """In nanoseconds, for each round: how long the FLOPs would take at the roof, and how long the bytes."""

    compute: list[float]
    memory: list[float]

    @property
    def bound(self) -> str | None:
        """The roof that is the lower one: `memory` or `compute`; none of what does and moves nothing."""
        compute, memory = (median(times).value or 0 for times in self)
        return None if compute == memory == 0 else BOUNDS[compute > memory]


@dataclass(frozen=True, slots=True)
class Roofline:
    """All roofs.

    Attributes:
        roofs: One of `compute`, and at least one of `memory`.
    """

    roofs: tuple[RoofProfile, ...]

    @property
    def product(self) -> RoofProfile:
        """The roof of arithmetic."""
        return next(roof for roof in self.roofs if roof.kind == "compute")

    def stream(self, size: int) -> RoofProfile:
        """Find the roof of what moves `size` bytes: the largest stream that moves no more, else the smallest."""
        streams = sorted((roof for roof in self.roofs if roof.kind == "memory"), key=lambda roof: roof.amount)
        return next((roof for roof in reversed(streams) if roof.amount <= size), streams[0])

    def least(self, *costs: Cost) -> LeastTime:
        """Give the time in which the roofs would do all of the work, each cost at the stream of its own size."""
        rounds = range(len(self.product.spans))
        found = LeastTime([0.0 for _ in rounds], [0.0 for _ in rounds])
        for cost in costs:
            for total, amount, roof in self._parts(found, cost):
                for number, took in enumerate(durations(roof.spans)):
                    total[number] += amount * took / roof.amount
        return found

    def _parts(self, found: LeastTime, cost: Cost) -> list[tuple[list[float], int, RoofProfile]]:
        stream = self.stream(cost.bytes_moved)
        return [(found.compute, cost.flops, self.product), (found.memory, cost.bytes_moved, stream)]

    def share(self, cost: Cost, spans: Sequence[Span]) -> Median:
        """Give the least time of some work by the time it took: a ratio in each round, and their median.

        None of work that is none. It can be above 1: in a cache that is nearer than the smallest stream's.
        """
        least = self.least(cost)
        if least.bound is None:
            return median([])
        return median([max(pair) / took for pair, took in zip(zip(*least, strict=True), durations(spans), strict=True)])
