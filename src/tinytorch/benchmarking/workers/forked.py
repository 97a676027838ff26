"""A worker in a forked copy of this process: it holds what lives here, without any of it being sent."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from typing import TYPE_CHECKING, NoReturn

from tinytorch.benchmarking.blas import pinned_blas
from tinytorch.benchmarking.clock import CLOCK, cpu_now_ns
from tinytorch.benchmarking.workers.conditions import Conditions
from tinytorch.benchmarking.workers.pipes import OpenPipes, ends_of_others
from tinytorch.benchmarking.workers.program.serving import serve_process
from tinytorch.benchmarking.workers.worker import PipeWorker, WorkerKind

if TYPE_CHECKING:
    from tinytorch.benchmarking.subjects import Subject

__all__ = ["start_fork"]


def start_fork(subject: Subject, conditions: Conditions) -> PipeWorker:
    """Fork. The hash seed and the padding stay this process's: a copy cannot have others."""
    with pinned_blas(None):  # loaded before the fork, not in every child
        ends = OpenPipes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the child starts none and takes no lock
        pid = os.fork()
    if pid == 0:
        _live(subject, conditions, ends)
    ends.close_theirs()
    return PipeWorker(WorkerKind.FORK, pid, ends.pipes, _Poll(pid))


class _Poll:
    """Reaps one child, once."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._code: int | None = None

    def __call__(self) -> int | None:
        if self._code is None:
            try:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
            except ChildProcessError:  # someone else has reaped it
                pid, status = self._pid, 0
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code


def _live(subject: Subject, conditions: Conditions, ends: OpenPipes) -> NoReturn:
    """Be the worker, and never come back to what the parent was doing."""
    code = 1
    with contextlib.suppress(BaseException):
        requests, replies = _settled(ends)
        with pinned_blas(conditions.threads):
            serve_process(requests, replies, CLOCK, cpu_now_ns, subject.make)
        code = 0
    os._exit(code)


def _settled(ends: OpenPipes) -> tuple[int, int]:
    """Lead a group, let go of the parent's pipes, and print to where the parent reads."""
    os.setsid()
    requests, replies, stdout, stderr = ends.theirs
    for descriptor in (*ends_of_others(ends.pipes), *ends.pipes.ends):
        os.close(descriptor)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  a descriptor, for as long as the process lives
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    return requests, replies
