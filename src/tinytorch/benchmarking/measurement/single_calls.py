"""The calls of one session, as the clock told them, and what follows from them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from tinytorch.benchmarking.records import NO_STEADY_STATE
from tinytorch.benchmarking.statistics import Estimate, never_settle, percentile_of_sessions
from tinytorch.benchmarking.statistics.steady import FEWEST_STEADY

__all__ = ["SingleCalls", "are_steady", "percentile_of"]

REGIME_NS = 500_000_000


@dataclass(frozen=True, slots=True)
class SingleCalls:
    """The calls of one session, as the clock told them.

    Attributes:
        index: Which session, from 0.
        durations_ns: What each call lasted, the clock's own cost included, in order.
        clock_cost_ns: What two adjacent readings of the clock differ by.
        before_ns: What a piece of work lasted that is always the same, before the warm-up, a few times.
        after_ns: The same after the last call.
        warmup_ns: What each call before them lasted.
        load_ns: By name, what importing, building, the first and the second call lasted.
        output: What a call gave: `digest`, `nan` and `repeats`.
        process: What the worker said of itself, first and last, and what it was started with.
        counters: What disturbed the session, by name.
        is_whole: Whether it came to its planned end.
    """

    index: int
    durations_ns: tuple[int, ...]
    clock_cost_ns: int
    before_ns: tuple[int, ...] = ()
    after_ns: tuple[int, ...] = ()
    warmup_ns: tuple[int, ...] = ()
    load_ns: dict[str, int] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)
    process: dict[str, Any] = field(default_factory=dict)
    counters: dict[str, Any] = field(default_factory=dict)
    is_whole: bool = True

    @property
    def seconds(self) -> list[float]:
        """What each call lasted without the clock's own cost, at least 1 ns."""
        return [max(duration - self.clock_cost_ns, 1) / 1e9 for duration in self.durations_ns]

    @property
    def settling_ns(self) -> tuple[int, ...]:
        """What shows whether the times settled: the warm-up, and the timed calls too where it was too short to show."""
        return self.warmup_ns if len(self.warmup_ns) >= FEWEST_STEADY else self.warmup_ns + self.durations_ns

    def beside_yardsticks(self) -> list[tuple[float, float]]:
        """Pair the median call of each half with the median yardstick on its side, both in seconds."""
        seconds = self.seconds
        half = (len(seconds) + 1) // 2
        sides = ((seconds[:half], self.before_ns), (seconds[half:], self.after_ns))
        return [
            (statistics.median(calls), statistics.median(lasted) / 1e9) for calls, lasted in sides if calls and lasted
        ]

    def half_seconds(self) -> list[float]:
        """Give the median call of every half second of calls, in seconds; the last stretch may be shorter."""
        medians: list[float] = []
        stretch: list[float] = []
        lasted = 0.0
        for seconds in self.seconds:
            stretch.append(seconds)
            lasted += seconds * 1e9
            if lasted >= REGIME_NS:
                medians.append(statistics.median(stretch))
                stretch, lasted = [], 0.0
        return [*medians, statistics.median(stretch)] if stretch else medians

    def to_dict(self) -> dict[str, Any]:
        """Give everything by name, as it travels in a file."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` gave, from JSON too."""
        tupled: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in record.items()}
        return cls(**tupled)


def are_steady(sessions: Sequence[SingleCalls]) -> bool:
    """Say whether the times settled in most sessions, as far as they show it."""
    return not never_settle([session.settling_ns for session in sessions])


def percentile_of(sessions: Sequence[SingleCalls], percent: float) -> Estimate:
    """Estimate a percentile of one call, in seconds; unknown, and why, where nothing settled or calls are too few.

    Raises:
        RangeError: If `percent` is not in (0, 100).
    """
    if not sessions:
        return Estimate(None, None, None, reason="nothing was measured")
    found = percentile_of_sessions([session.seconds for session in sessions], percent)
    return found if are_steady(sessions) else Estimate(None, None, None, reason=NO_STEADY_STATE)
