"""The only reader of time.

It stands beside `errors.py`, above all floors that time anything: `perf` profiles models, `benchmarking` compares them.
Everything that measures takes a `Clock`, so that a test can pass one of its own and know every answer exactly.
Worker programs load this file by its place, in any Python from 3.9 on: it needs the standard library, and little of it.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Protocol

__all__ = [
    "CLOCK",
    "SLEEPER",
    "Clock",
    "MonotonicClock",
    "Sleeper",
    "WatchfulSleeper",
    "cpu_now_ns",
    "read_cost_ns",
    "utc_now",
]

WATCH_NS = 1_000_000  # a system wakes a sleeper 0.05 to 1 ms after the time it asked for


class Clock(Protocol):
    """Whatever tells how many nanoseconds have passed since some fixed instant."""

    def now_ns(self) -> int:
        """Read the clock."""
        ...


class MonotonicClock:
    """The system's finest clock that never runs backwards; wall-clock corrections do not move it."""

    def now_ns(self) -> int:
        """Read the clock, in nanoseconds since an instant that means nothing."""
        return time.perf_counter_ns()


class Sleeper(Protocol):
    """Whatever lets time pass up to an instant of the clock."""

    def sleep_until(self, instant_ns: int) -> None:
        """Return no earlier than `instant_ns`, and as little later as can be."""
        ...


class WatchfulSleeper:
    """Sleeps most of the way, and watches the clock for the last millisecond."""

    def sleep_until(self, instant_ns: int) -> None:
        """Return when `time.perf_counter_ns` has reached `instant_ns`; at once if it is past."""
        left = instant_ns - time.perf_counter_ns() - WATCH_NS
        if left > 0:
            time.sleep(left / 1e9)
        while time.perf_counter_ns() < instant_ns:
            pass


CLOCK = MonotonicClock()
SLEEPER = WatchfulSleeper()


def read_cost_ns(clock: Clock = CLOCK, reads: int = 1001) -> int:
    """Measure what two adjacent reads of `clock` say has passed: the part of a timed call that is the clock's own.

    Returns:
        The median difference of adjacent reads, in nanoseconds.

    Example:
        >>> read_cost_ns() < 1_000_000
        True
    """
    moments = [clock.now_ns() for _ in range(reads)]
    differences = sorted(later - earlier for earlier, later in zip(moments, moments[1:]))
    return differences[(len(differences) - 1) // 2]


def cpu_now_ns() -> int:
    """Read how long this thread has run, in nanoseconds: not while it waited, nor while others had its core."""
    return time.thread_time_ns()


def utc_now() -> str:
    """Say what time it is, as ISO 8601 in UTC, to the second.

    Example:
        >>> utc_now()
        '...-...-...T...:...:...+00:00'
    """
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
