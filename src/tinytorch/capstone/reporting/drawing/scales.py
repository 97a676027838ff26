"""From values to places: linear or logarithmic, with ticks at round values that keep their distance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tinytorch.capstone.reporting.drawing.scene import Label, Line, Mark

__all__ = ["Scale"]

DECADES = ((1, 2, 5), (1, 3), (1,))
STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high`, at places from `start` to `stop`.

    Attributes:
        low: The first value; above 0 where it is logarithmic.
        high: The last value, above the first.
        start: Where the first lies, in pixels.
        stop: Where the last lies; below `start` on an axis that goes upwards.
        is_log: Whether equal ratios have equal distances.
    """

    low: float
    high: float
    start: float
    stop: float
    is_log: bool = False

    @classmethod
    def around(cls, values: Sequence[float], start: float, stop: float, *, is_log: bool = False) -> Scale:
        """Take a range that holds values, with a twentieth of it on either side."""
        low, high = min(values), max(values)
        if is_log:
            span = max(math.log(high / low), 0.02) / 20
            return cls(low * math.exp(-span), high * math.exp(span), start, stop, is_log=True)
        span = (high - low) / 20 or abs(high) / 20 or 1.0
        return cls(low - span, high + span, start, stop)

    def __call__(self, value: float) -> float:
        """Place a value; one outside lies at the nearer end."""
        held = min(max(value, self.low), self.high)
        if self.is_log:
            share = math.log(held / self.low) / math.log(self.high / self.low)
        else:
            share = (held - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)

    def ticks(self, distance: float) -> list[float]:
        """List round values inside, at least `distance` pixels apart: as many as have room, or one."""
        inside: list[float] = []
        for candidates in self._candidates():
            last, inside = inside, [value for value in candidates if self.low <= value <= self.high]
            places = [self(value) for value in inside]
            gaps = [abs(b - a) for a, b in pairwise(places)]
            if len(inside) > 1 and min(gaps) >= distance:
                return inside
            if not inside:
                return last[:1]
        return inside[:1]

    def _candidates(self) -> list[list[float]]:
        if not self.is_log:
            return self._steps()
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        coarse = [[step * 10.0**power for power in powers for step in steps] for steps in DECADES]
        every = [[10.0**power for power in powers if power % skip == 0] for skip in (2, 3, 6)]
        if self.high / self.low > 4:
            return coarse + every
        return self._steps() + coarse

    def _steps(self) -> list[list[float]]:
        """List multiples of round steps, the finest first; a step of a hundredth of the range is finer than any."""
        power = math.floor(math.log10(self.high - self.low)) - 2
        sizes = [step * 10.0**exponent for exponent in range(power, power + 4) for step in STEPS]
        return [
            [n * size for n in range(math.ceil(self.low / size), math.floor(self.high / size) + 1)] for size in sizes
        ]

    def across(self, y: float, top: float, text: Callable[[float], str], distance: float = 56) -> list[Mark]:
        """Draw the ticks of an axis below a field that reaches from `top` to `y`."""
        marks: list[Mark] = []
        for value in self.ticks(distance):
            x = self(value)
            marks += [Line(((x, top), (x, y)), "line"), Label(x, y + 16, text(value), "muted", "middle")]
        return marks

    def upwards(self, x: float, right: float, text: Callable[[float], str], distance: float = 26) -> list[Mark]:
        """Draw the ticks of an axis left of a field that reaches from `x` to `right`."""
        marks: list[Mark] = []
        for value in self.ticks(distance):
            y = self(value)
            marks += [Line(((x, y), (right, y)), "line"), Label(x - 6, y + 4, text(value), "muted", "end")]
        return marks
