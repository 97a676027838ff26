"""How many threads compiled kernels use; `crew.py` has the threads."""

from __future__ import annotations

import os

from tinytorch.errors import RangeError, explain

__all__ = ["VARIABLES", "default_threads", "processors", "set_threads", "thread_count", "threads_set"]

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
        _requireprocessors(count)
    wanted[0] = count


def default_threads() -> int:
    """Give what the environment says, as other libraries read it, or one thread a processor of this process."""
    most = processors()
    for name in VARIABLES:
        value = os.environ.get(name, "")
        if value.isdecimal() and int(value) > 0:
            return min(int(value), most)
    return most


def processors() -> int:
    """Count the processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _requireprocessors(count: int) -> None:
    most = processors()
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= most:
        rule = f"a whole number from 1 to {most}, the processors that this process may use"
        raise RangeError(explain("threads", rule, count))
