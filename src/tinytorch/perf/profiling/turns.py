"""Taking turns under a clock: in every round each contestant is timed once, so that a change of speed meets all alike.

The clock is passed in. Nothing here prints, or knows what a model is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tinytorch.clock import CLOCK, Clock, read_cost_ns
from tinytorch.errors import RangeError, explain
from tinytorch.quiet import collector_off

__all__ = ["Rounds", "Span", "Spans", "Stopwatch", "Turn", "durations", "take_turns"]

Span = tuple[int, int]  # when it began, and how long it took, in nanoseconds
Spans = list[Span]


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often each contestant has its turn.

    Attributes:
        timed: Rounds that count, at least 1; from 6 on, medians have intervals.
        warmup: Rounds before them that do not, at least 0.
    """

    timed: int = 30
    warmup: int = 3

    def __post_init__(self) -> None:
        for name, least in (("timed", 1), ("warmup", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise RangeError(explain(f"{name} rounds", f"a whole number of at least {least}", value))


class Stopwatch:
    """Times calls, and takes off what reading the clock costs."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._now = clock.now_ns
        self._cost = read_cost_ns(clock)

    def time(self, call: Callable[[], object]) -> Span:
        """Call once; a duration is at least 1 ns."""
        now = self._now
        start = now()
        call()
        end = now()
        return start, max(end - start - self._cost, 1)


Turn = Callable[[Stopwatch], Spans]


def durations(spans: Sequence[Span]) -> list[int]:
    """Leave out when each began."""
    return [duration for _, duration in spans]


def take_turns(turns: Mapping[str, Turn], rounds: Rounds, clock: Clock = CLOCK) -> dict[str, list[Spans]]:
    """Give every contestant its turn in each round, every second round in reverse order.

    Where there are several, a turn is taken twice, and the second time counts.

    Returns:
        Of each, its spans in each timed round.

    Example:
        >>> found = take_turns({"add": lambda watch: [watch.time(lambda: 1 + 1)]}, Rounds(timed=2, warmup=0))
        >>> [len(spans) for spans in found["add"]]
        [1, 1]
    """
    found: dict[str, list[Spans]] = {name: [] for name in turns}
    with collector_off():
        watch = Stopwatch(clock)
        for number in range(-rounds.warmup, rounds.timed):
            for name in turns if number % 2 == 0 else reversed(list(turns)):
                spans = turns[name](watch)
                if len(turns) > 1:  # the first time paid for the caches, which another had filled
                    spans = turns[name](watch)
                if number >= 0:
                    found[name].append(spans)
    return found
