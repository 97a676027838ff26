"""The helpers that share compiled work: threads that wait awake for some milliseconds, then asleep.

Work comes in bursts, a kernel a few microseconds after the other. Waking a thread costs some 30 µs, and handing it
Python's lock as much again; a helper that watches the board begins at once. What is on the board is told in
`compiled_sharing.py`. A part of the work is the same for the same number of threads, whoever does it: what a kernel
computes does not depend on who was first.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from queue import SimpleQueue
from typing import Any

import numpy as np

from tinytorch.perf.kernels.dense import aligned
from tinytorch.perf.kernels.threads import thread_count

__all__ = ["Crew", "share"]

PATIENCE = 60_000  # looks at the board, each of some 15 to 50 ns, before a helper falls asleep: 1 to 3 ms
LINE = 8  # words of a cache line
COMMON = 4  # lines that belong to nobody


def share(kernel: Any, count: int, *arguments: Any, alone: bool = False) -> int:
    """Let threads do a kernel's work on so many rows, and give in how many parts it was done.

    Args:
        kernel: What `compiled_sharing.shared` gave.
        count: The rows to cut.
        arguments: Those of the kernel.
        alone: Whether the calling thread does all, as for little work.
    """
    parts = 1 if alone else min(thread_count(), max(count, 1))
    crew = _crew(os.getpid())
    if parts > 1:
        crew.gather(parts - 1)
    kernel(crew.board, parts, count, arguments)
    return parts


class Crew:
    """Helpers and the board that they watch.

    Attributes:
        board: The words that `compiled_sharing.py` tells of.
    """

    def __init__(self) -> None:
        self.board = aligned((LINE * (COMMON + (os.cpu_count() or 1)),), np.int64)
        self.board[:] = 0
        self.bells: list[SimpleQueue[None]] = []
        self.hiring = threading.Lock()

    def gather(self, helpers: int) -> None:
        """See to it that so many helpers watch the board, or are being woken."""
        if len(self.bells) < helpers:
            self.hire(helpers)
        for helper in range(helpers):
            word = self._word(helper)
            if self.board[word]:
                self.board[word] = 0
                self.bells[helper].put(None)

    def hire(self, helpers: int) -> None:
        """Start threads until there are so many."""
        from tinytorch.perf.kernels.compiled_sharing import serve

        with self.hiring:
            watch = serve()
            for helper in range(len(self.bells), helpers):
                self.bells.append(SimpleQueue())
                name = f"tinytorch-kernels-{helper}"
                threading.Thread(target=self._help, args=(watch, helper), name=name, daemon=True).start()

    def _help(self, watch: Any, helper: int) -> None:
        """Watch the board, sleep, and begin again."""
        bell, word = self.bells[helper], self._word(helper)
        while True:
            watch(self.board, word, PATIENCE)
            bell.get()

    @staticmethod
    def _word(helper: int) -> int:
        return LINE * (COMMON + helper)


@cache
def _crew(process: int) -> Crew:
    """Give the crew of a process; a forked one has none of its parent's threads, and so has its own."""
    del process
    return Crew()
