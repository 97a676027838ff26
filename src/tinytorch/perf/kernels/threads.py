"""Threads for compiled kernels, which run without Python's lock: as many as are asked for, each with a part of its own.

A part is the same for the same count of threads, whichever thread gets it: what a kernel computes does not depend on
who was first.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

from tinytorch.errors import RangeError, explain

__all__ = ["VARIABLES", "default_threads", "in_parts", "parts", "set_threads", "thread_count", "threads_set"]

VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")  # the first that is set decides

wanted: list[int | None] = [None]  # the number set last; None: the default


def thread_count() -> int:
    """Give the number of threads that kernels use, the calling one included."""
    return wanted[0] or default_threads()


def threads_set() -> int | None:
    """Give the number set last; None where the default holds."""
    return wanted[0]


def set_threads(count: int | None) -> None:
    """Choose how many threads kernels use, in the whole process; None for the default.

    Raises:
        RangeError: If it is no whole number above 0, or above the processors that this process may use.
    """
    if count is not None:
        _require_processors(count)
    wanted[0] = count


def default_threads() -> int:
    """Give what the environment says, as other libraries read it, or one thread a processor of this process."""
    processors = _processors()
    for name in VARIABLES:
        value = os.environ.get(name, "")
        if value.isdecimal() and int(value) > 0:
            return min(int(value), processors)
    return processors


def parts(count: int, threads: int) -> list[tuple[int, int]]:
    """Cut `range(count)` into at most `threads` parts, none empty, whose sizes differ by at most 1.

    Example:
        >>> parts(5, 2), parts(1, 2), parts(0, 2)
        ([(0, 3), (3, 5)], [(0, 1)], [])
    """
    used = min(threads, count)
    edges = [-(-count * index // used) for index in range(used)] + [count] if used else []
    return list(pairwise(edges))


def in_parts(work: Callable[[int, int, int], object], count: int, threads: int | None = None) -> int:
    """Do `work(part, start, stop)` for all parts of `range(count)` at once, and give how many parts there were.

    Args:
        work: Calls a kernel that lets go of Python's lock.
        count: Such as the number of images.
        threads: How many to use at most; `thread_count()` if left out.
    """
    cut = parts(count, thread_count() if threads is None else threads)
    others = [_pool(os.getpid()).submit(work, part, *cut[part]) for part in range(1, len(cut))]
    for part, (start, stop) in enumerate(cut[:1]):
        work(part, start, stop)
    for other in others:
        other.result()
    return len(cut)


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Keep the other threads waiting for work; a forked process has none of its parent's, and so has its own pool."""
    del process
    return ThreadPoolExecutor(max(_processors() - 1, 1), "tinytorch-kernels")


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _require_processors(count: int) -> None:
    most = _processors()
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= most:
        rule = f"a whole number from 1 to {most}, the processors that this process may use"
        raise RangeError(explain("threads", rule, count))
