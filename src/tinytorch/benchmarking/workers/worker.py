"""What every worker offers, whatever it lives in, and how one that lives in a process of its own is talked to."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from tinytorch.benchmarking.workers.failures import Failure, FailureKind, WorkerError
from tinytorch.benchmarking.workers.pipes import Pipes, Silence

__all__ = ["Departure", "PipeWorker", "Worker", "WorkerKind", "raise_told"]

GRACE = 2.0  # seconds that a worker has for ending by itself
TRACE_SECONDS = 0.3
KILLS = 50


class WorkerKind(StrEnum):
    """What a worker lives in."""

    PROCESS = "process"
    FORK = "fork"
    IN_PROCESS = "in-process"


@dataclass(frozen=True, slots=True)
class Departure:
    """How a worker ended.

    Attributes:
        exit_code: Of its process, negative for a signal; none where it had none, or had to be killed.
        left_children: Whether processes it had started were still there, and were killed.
        printed_bytes: How much it printed, on both streams.
        stdout: The last of it.
        stderr: The last of that.
    """

    exit_code: int | None = 0
    left_children: bool = False
    printed_bytes: int = 0
    stdout: str = ""
    stderr: str = ""


class Worker(Protocol):
    """Holds one subject, and answers requests about it. The requests are the `do_` methods of `program.servant`."""

    @property
    def kind(self) -> WorkerKind:
        """What it lives in."""
        ...

    def send(self, command: str, **arguments: Any) -> None:
        """Ask, and do not wait."""
        ...

    def receive(self, seconds: float) -> dict[str, Any]:
        """Wait for the answer, at most so long.

        Raises:
            WorkerError: If there is none, or the answer is that the subject failed.
        """
        ...

    def ask(self, command: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        """Ask and wait.

        Raises:
            WorkerError: As `receive` does.
        """
        ...

    def close(self) -> Departure:
        """End it, with everything it started; a second time does nothing."""
        ...


class PipeWorker:
    """A worker in a process of its own, the leader of its group.

    Args:
        kind: What it lives in.
        pid: Of the process, and of its group.
        pipes: The parent's ends.
        poll: Gives the exit code, or none while it runs; it leaves no zombie.
    """

    def __init__(self, kind: WorkerKind, pid: int, pipes: Pipes, poll: Callable[[], int | None]) -> None:
        self.kind = kind
        self._pid = pid
        self._pipes = pipes
        self._poll = poll
        self._during = "start"
        self._departure: Departure | None = None

    def send(self, command: str, **arguments: Any) -> None:
        """Ask, and do not wait."""
        self._during = command
        self._pipes.send({"command": command, "arguments": arguments})

    def receive(self, seconds: float) -> dict[str, Any]:
        """Wait for the answer.

        Raises:
            WorkerError: If there is none in time, the worker is gone, or the subject failed.
        """
        try:
            reply = self._pipes.receive(seconds, self._lives)
        except Silence as silence:
            raise WorkerError(self._failure(silence.reason, seconds)) from None
        return raise_told(reply, self._during, self._pipes.stdout.text, self._pipes.stderr.text)

    def ask(self, command: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        """Ask and wait.

        Raises:
            WorkerError: As `receive` does.
        """
        self.send(command, **arguments)
        return self.receive(seconds)

    def close(self) -> Departure:
        """Let it end, and see to it."""
        if self._departure is None:
            self._pipes.close_requests()
            self._departure = self._ended(GRACE)
        return self._departure

    def _lives(self) -> bool:
        return self._departure is None and self._poll() is None

    def _failure(self, reason: str, seconds: float) -> Failure:
        trace = self._where_it_stands() if reason == "hung" else None
        code = self._poll()
        ended = self._departure = self._ended(0.0)
        message = {
            "hung": f"no answer in {seconds:g} s; it was killed",
            "died": f"its process {_ending(code)}",
            "garbled": "what came over its pipe is no message; it was killed",
        }[reason]
        return Failure(
            FailureKind(reason),
            message,
            self._during,
            traceback=trace,
            exit_code=code,
            stdout=ended.stdout,
            stderr=ended.stderr,
        )

    def _where_it_stands(self) -> str | None:
        """Have the process write where its threads are, even in the middle of foreign code."""
        before = self._pipes.stderr.total
        if not hasattr(signal, "SIGUSR2"):
            return None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGUSR2)
        self._pipes.drain(TRACE_SECONDS)
        return self._pipes.stderr.last(self._pipes.stderr.total - before) or None

    def _ended(self, grace: float) -> Departure:
        """Wait, then kill; the group goes in any case."""
        code = self._awaited(grace)
        if code is None:
            self._kill_group()
            self._awaited(GRACE)
        left = code is not None and self._kill_group()
        self._pipes.drain()
        out, err = self._pipes.stdout, self._pipes.stderr
        self._pipes.close()
        return Departure(code, left, out.total + err.total, out.text, err.text)

    def _awaited(self, seconds: float) -> int | None:
        """Read what it still prints until it ends: nobody can end whose last words are not read."""
        waited = 0.0
        while (code := self._poll()) is None and waited < seconds:
            self._pipes.drain(step := 0.002 if waited < 0.1 else 0.02)
            waited += step
        return code

    def _kill_group(self) -> bool:
        """Kill whatever is left of the group, also what is being forked meanwhile; say whether there was anything."""
        for attempt in range(KILLS):
            try:
                os.killpg(self._pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # macOS forbids killing what is dead but not yet reaped
                return attempt > 0
            self._pipes.drain(0.001)
            self._poll()
        return True


def raise_told(reply: dict[str, Any], during: str, stdout: str = "", stderr: str = "") -> dict[str, Any]:
    """Give a reply back, unless it tells that the subject failed.

    Raises:
        WorkerError: With what it tells.
    """
    if "error" not in reply:
        return reply
    told = reply["error"]
    raise WorkerError(
        Failure(
            FailureKind(told["kind"]),
            told["message"],
            during,
            calls=told.get("calls"),
            traceback=told.get("traceback"),
            stdout=stdout,
            stderr=stderr,
        )
    )


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
