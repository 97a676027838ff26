"""Workers forked from one fresh interpreter, before it has imported anything for them.

They have their addresses in common: where the system put the stack, the heap and the libraries of a process at random
moves its speed by some percent, and two workers would differ by that alone.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Callable

__all__ = ["fork_members"]

ENDS = 4


def fork_members(announcements: int, ends: list[int], serve: Callable[[int, int], Any]) -> None:
    """Fork a worker for each four ends (requests, replies, standard output, standard error); say how each of them ends.

    Args:
        announcements: Where a line goes for each worker, `started PID`, and later one more, `ended PID CODE`.
        ends: The ends of all workers.
        serve: Serves until the requests end.
    """
    for descriptor in (announcements, *ends):
        os.set_inheritable(descriptor, False)
    for first in range(0, len(ends), ENDS):
        pid = os.fork()
        if pid == 0:
            _live(ends[first : first + ENDS], [announcements, *ends[:first], *ends[first + ENDS :]], serve)
        _say(announcements, "started", pid)
    for descriptor in ends:
        os.close(descriptor)
    _bury(announcements, len(ends) // ENDS)


def _live(own: list[int], others: list[int], serve: Callable[[int, int], Any]) -> None:
    """Be a worker, in a group of its own, and never come back."""
    code = 1
    try:
        os.setsid()
        requests, replies, stdout, stderr = own
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        for descriptor in (*others, stdout, stderr):
            os.close(descriptor)
        serve(requests, replies)
        code = 0
    except BaseException:  # noqa: BLE001  the last words go where the parent reads
        sys.excepthook(*sys.exc_info())
    finally:
        _leave(code)


def _leave(code: int) -> None:
    """End as a process does that was started by itself: what it printed is out, and what it registered runs."""
    import atexit

    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue
    os._exit(code)


def _bury(announcements: int, count: int) -> None:
    """Wait for all of them, and say how each ended: who started this process cannot know otherwise."""
    for _ in range(count):
        pid, status = os.wait()
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        _say(announcements, "ended", pid, code)


def _say(announcements: int, *words: object) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody is left to tell
        os.write(announcements, (" ".join(map(str, words)) + "\n").encode())
