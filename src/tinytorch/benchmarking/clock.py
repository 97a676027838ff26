"""The only reader of time.

Everything that measures takes a `Clock`, so that a test can pass one of its own and know every answer exactly.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median_low
from typing import Protocol

__all__ = ["CLOCK", "Clock", "MonotonicClock", "read_cost_ns", "utc_now"]


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


CLOCK = MonotonicClock()


def read_cost_ns(clock: Clock = CLOCK, reads: int = 1001) -> int:
    """Measure what two adjacent reads of `clock` say has passed: the part of a timed call that is the clock's own.

    Returns:
        The median difference of adjacent reads, in nanoseconds.

    Example:
        >>> read_cost_ns() < 1_000_000
        True
    """
    moments = [clock.now_ns() for _ in range(reads)]
    return median_low(later - earlier for earlier, later in pairwise(moments))


def utc_now() -> str:
    """Say what time it is, as ISO 8601 in UTC, to the second.

    Example:
        >>> utc_now()
        '...-...-...T...:...:...+00:00'
    """
    return datetime.now(UTC).isoformat(timespec="seconds")
