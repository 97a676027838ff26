"""What calls allocate, by Python's own count: it sees what NumPy asks for, not the insides of a matrix library.

Counting slows a call down, and so is never done while timing.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["Allocation", "counted", "counting"]


@dataclass(frozen=True, slots=True)
class Allocation:
    """What one call allocated, in bytes.

    Attributes:
        peak: The most that was held at once during the call, beyond what was held before it.
        kept: What of it was still held when the call had returned, its result included; not below 0.
    """

    peak: int
    kept: int


@contextmanager
def counting() -> Iterator[None]:
    """Count allocations inside the block; if that goes on already, it goes on afterwards too."""
    if tracemalloc.is_tracing():
        yield
        return
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def counted(call: Callable[[], Any]) -> Allocation:
    """Call once, inside `counting`, and say what the call allocated; its result counts as kept.

    Example:
        >>> with counting():
        ...     allocation = counted(lambda: bytearray(1_000_000))
        >>> allocation.kept >= 1_000_000
        True
    """
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    result = call()
    after, peak = tracemalloc.get_traced_memory()
    del result
    return Allocation(max(peak - before, 0), max(after - before, 0))
