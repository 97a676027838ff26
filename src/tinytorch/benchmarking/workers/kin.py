"""The workers of one session, forked from one fresh interpreter: they have their addresses in common."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinytorch.benchmarking.workers.conditions import Conditions
from tinytorch.benchmarking.workers.pipes import OpenPipes
from tinytorch.benchmarking.workers.process import start_program
from tinytorch.benchmarking.workers.worker import PipeWorker, WorkerKind

if TYPE_CHECKING:
    from tinytorch.benchmarking.subjects import Subject

__all__ = ["Kin"]

START_SECONDS = 30.0
END_SECONDS = 2.0
PIECE = 4096


class Kin:
    """One fresh interpreter for each that the subjects name, and the workers that it has been forked into.

    The system puts a process's stack, heap and libraries at random places, and its speed depends on them: the sum of
    ten thousand integers in two fresh processes differs by 2.3 % (standard deviation), in two forks of one by 0.6 %.
    Each session draws new places, for all of its workers alike: in a randomized block design, what moves a whole block
    does not move its differences.

    Args:
        subjects: All that will ask for a worker.

    Source:
        T. Mytkowicz, A. Diwan, M. Hauswirth, P. F. Sweeney (2009), Producing Wrong Data Without Doing Anything
        Obviously Wrong: on what addresses do to speed.
    """

    def __init__(self, subjects: Iterable[Subject]) -> None:
        self._expected = Counter(subject.python for subject in subjects if not subject.is_live)
        self._families: dict[str | None, _Family | None] = {}

    def member(self, subject: Subject, conditions: Conditions) -> PipeWorker | None:
        """Give a subject its worker; none where no interpreter can be had to fork it from, or it is alone."""
        if self._expected[subject.python] < 2 or not hasattr(os, "fork"):
            return None
        if subject.python not in self._families:
            self._families[subject.python] = _started(subject.python, conditions, self._expected[subject.python])
        family = self._families[subject.python]
        return None if family is None else family.next_member()

    def close(self) -> None:
        """End what nobody asked for, and wait for the interpreters: their workers have been closed."""
        for family in self._families.values():
            if family is not None:
                family.close()


def _started(python: str | None, conditions: Conditions, count: int) -> _Family | None:
    """Start an interpreter and have it forked; none if it does not say that it has."""
    ends = [OpenPipes() for _ in range(count)]
    announced, announcements = os.pipe()
    theirs = [announcements, *(descriptor for opened in ends for descriptor in opened.theirs)]
    nowhere = subprocess.DEVNULL
    try:
        process = start_program(python, conditions, theirs, nowhere, nowhere, "--family")
    except OSError:  # whoever starts it alone next will say why
        os.close(announced)
        _close(ends)
        return None
    finally:
        os.close(announcements)
        for opened in ends:
            opened.close_theirs()
    family = _Family(process, announced, ends)
    if family.has_started():
        return family
    family.close()
    return None


class _Family:
    """The workers of one interpreter: it tells how each of them ends."""

    def __init__(self, process: subprocess.Popen[bytes], announced: int, ends: list[OpenPipes]) -> None:
        self._process = process
        self._announced = announced
        self._ends = ends
        self._text = b""
        self._is_open = True
        self._pids: list[int] = []
        self._codes: dict[int, int] = {}
        self._members: list[PipeWorker] = []

    def has_started(self) -> bool:
        """Wait until all are forked; say whether they are."""
        while len(self._pids) < len(self._ends) and self._listen(START_SECONDS):
            continue
        return len(self._pids) == len(self._ends)

    def next_member(self) -> PipeWorker | None:
        """Give the next worker that nobody has; none if all are taken."""
        if len(self._members) == len(self._pids):
            return None
        pid, opened = self._pids[len(self._members)], self._ends[len(self._members)]
        self._members.append(PipeWorker(WorkerKind.PROCESS, pid, opened.pipes, lambda: self._code(pid)))
        return self._members[-1]

    def close(self) -> None:
        """End the rest of them, and the interpreter."""
        while self.next_member() is not None:
            continue
        for member in self._members:
            member.close()
        _close(self._ends)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS if self._pids else 0)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._shut()

    def _code(self, pid: int) -> int | None:
        """Say how a worker ended; none while it runs."""
        while self._listen(0):
            continue
        if pid not in self._codes and not self._is_open and not _lives(pid):
            return -9  # and so did whoever would have told
        return self._codes.get(pid)

    def _listen(self, seconds: float) -> bool:
        """Take in what is announced within so many seconds; say whether anything was."""
        if not self._is_open or not _has_news(self._announced, seconds):
            return False
        piece = os.read(self._announced, PIECE)
        if not piece:
            self._shut()
            return False
        *lines, self._text = (self._text + piece).split(b"\n")
        for line in lines:
            word, *numbers = line.split()
            if word == b"started":
                self._pids.append(int(numbers[0]))
            else:
                self._codes[int(numbers[0])] = int(numbers[1])
        return True

    def _shut(self) -> None:
        if self._is_open:
            self._is_open = False
            os.close(self._announced)


def _close(ends: list[OpenPipes]) -> None:
    for opened in ends:
        opened.pipes.close()


def _has_news(descriptor: int, seconds: float) -> bool:
    """Wait for something to read; `select.select` would refuse descriptors above 1,023."""
    watch = select.poll()
    watch.register(descriptor, select.POLLIN)
    return bool(watch.poll(seconds * 1000))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
