"""The clock under the name it has among the tools of measuring; `tinytorch.clock` reads it."""

from tinytorch.clock import (
    CLOCK,
    SLEEPER,
    Clock,
    MonotonicClock,
    Sleeper,
    WatchfulSleeper,
    cpu_now_ns,
    read_cost_ns,
    utc_now,
)

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
