"""Dealing a process's pages out anew: whatever it writes gets another place in the machine's memory.

Where the pages lie moves the speed of a whole process by one or two percent, for as long as it lives. Dealt out again
every few rounds, that averages out inside the process.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Callable

__all__ = ["deal_pages"]

CLONE = {"x86_64": 56, "aarch64": 220}  # the system call's number
PR_SET_PDEATHSIG = 1


def deal_pages(touch: Callable[[], Any]) -> bool:
    """Copy every page that `touch` writes to another place; say whether that can be done here.

    A fork shares all pages, and whoever writes to one first gets a copy. So a child is forked that does nothing, the
    pages are written, and the child is killed. It is forked by the bare system call: no library's handlers run, and no
    subject's fork is counted. The child never runs anything but `pause`, so that whatever locks it holds do not matter.

    Source:
        C. Curtsinger, E. D. Berger (2013), STABILIZER: Statistically Sound Performance Evaluation, on dealing layouts
        out anew while a program runs.
    """
    number = CLONE.get(os.uname().machine) if sys.platform == "linux" else None
    if number is None:
        return False
    import ctypes

    system = ctypes.PyDLL(None)  # keeps the interpreter's lock, which nobody would give back to the child
    pid = system.syscall(number, int(signal.SIGCHLD), 0, 0, 0, 0)
    if pid == 0:
        system.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        while True:
            system.pause()
    if pid < 0:
        return False
    try:
        touch()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return True
