"""A worker that is no process: for what lives here and cannot be forked. A hang is a hang, and a crash is ours."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tinytorch.benchmarking.blas import pinned_blas
from tinytorch.benchmarking.clock import CLOCK, cpu_now_ns
from tinytorch.benchmarking.workers.conditions import Conditions
from tinytorch.benchmarking.workers.program.servant import Servant
from tinytorch.benchmarking.workers.worker import Departure, WorkerKind, raise_told

if TYPE_CHECKING:
    from tinytorch.benchmarking.subjects import Subject

__all__ = ["InProcessWorker"]


class InProcessWorker:
    """Answers in the same thread, when the answer is waited for."""

    kind = WorkerKind.IN_PROCESS

    def __init__(self, subject: Subject, conditions: Conditions) -> None:
        self._servant = Servant(CLOCK, cpu_now_ns, subject.make)
        self._requests: list[dict[str, Any]] = []
        self._stack = ExitStack()
        self._stack.enter_context(pinned_blas(conditions.threads))
        self._stack.callback(self._servant.close)

    def send(self, command: str, **arguments: Any) -> None:
        """Keep the request."""
        self._requests.append({"command": command, "arguments": arguments})

    def receive(self, seconds: float) -> dict[str, Any]:  # noqa: ARG002  nothing here can be interrupted
        """Answer it.

        Raises:
            WorkerError: If the subject failed.
        """
        request = self._requests.pop(0)
        return raise_told(self._servant.handle(request), request["command"])

    def ask(self, command: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        """Keep the request, and answer it.

        Raises:
            WorkerError: If the subject failed.
        """
        self.send(command, **arguments)
        return self.receive(seconds)

    def close(self) -> Departure:
        """Leave what was entered for the subject."""
        self._stack.close()
        return Departure()
