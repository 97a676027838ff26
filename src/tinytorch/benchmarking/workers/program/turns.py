"""Loops over calls that a fork of the subject cannot run away with."""

from __future__ import annotations

import operator
import os
from typing import Any, Callable, Iterator

__all__ = ["STRAY_CHILD", "Turns", "run", "run_singly"]

STRAY_CHILD = 86  # the exit code of a child that came back from the subject's call


class Turns:
    """How many calls are still to be made, as a list to loop over: free of charge, and empty at once in a forked child.

    Without it, a subject that forks would leave a child that goes on with the loop, forks again in each of its calls,
    and answers on the same pipe.

    Attributes:
        made: Calls made so far, in loops that have ended.
        forks: How often the process was forked.
    """

    def __init__(self, *, is_guarded: bool, on_leaving: Callable[[], object] = lambda: None) -> None:
        self.made = 0
        self.forks = 0
        self._is_child = False
        self._left: list[None] = []
        self._loop: Iterator[None] = iter(self._left)
        self._planned = 0
        self._on_leaving = on_leaving
        if is_guarded and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_parent=self._count, after_in_child=self._leave)

    def of(self, calls: int) -> Iterator[None]:
        """Give what to loop over for so many calls."""
        self.settle()
        self._left[:] = [None] * calls
        self._planned = calls
        self._loop = iter(self._left)
        return self._loop

    def settle(self) -> None:
        """Count what was called since, also after an error in the middle; a stray child ends here."""
        if self._is_child:
            os._exit(STRAY_CHILD)
        self.made += self._planned - operator.length_hint(self._loop)
        self._planned = 0
        self._loop = iter(())

    def _count(self) -> None:
        self.forks += 1

    def _leave(self) -> None:
        self._is_child = True
        self._left.clear()
        self._on_leaving()


def run(call: Callable[[], Any], turns: Iterator[None], now: Callable[[], int]) -> int:
    """Make the calls, and give how many nanoseconds all of them took."""
    start = now()
    for _ in turns:
        call()
    return now() - start


def run_singly(call: Callable[[], Any], turns: Iterator[None], now: Callable[[], int]) -> list[int]:
    """Make the calls, and give how many nanoseconds each of them took."""
    durations = []
    for _ in turns:
        start = now()
        call()
        durations.append(now() - start)
    return durations
