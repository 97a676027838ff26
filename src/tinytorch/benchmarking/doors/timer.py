"""A stopwatch for a block of code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tinytorch.benchmarking.clock import CLOCK, Clock

__all__ = ["Stopwatch", "precise_timer"]


class Stopwatch:
    """How long a block took.

    Attributes:
        elapsed: Seconds; 0.0 until the block has ended.
    """

    def __init__(self) -> None:
        self.elapsed = 0.0


@contextmanager
def precise_timer(clock: Clock = CLOCK) -> Iterator[Stopwatch]:
    """Time a block, also one that raises.

    Example:
        >>> with precise_timer() as timer:
        ...     total = sum(range(1000))
        >>> timer.elapsed > 0
        True
    """
    stopwatch = Stopwatch()
    start = clock.now_ns()
    try:
        yield stopwatch
    finally:
        stopwatch.elapsed = (clock.now_ns() - start) / 1e9
