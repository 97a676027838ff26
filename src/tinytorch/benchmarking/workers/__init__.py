"""Workers: each holds one variant, in a fresh process, a fork, or right here, and measures it on request."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal

from tinytorch.benchmarking.workers.conditions import Conditions
from tinytorch.benchmarking.workers.failures import Failure, FailureKind, WorkerError
from tinytorch.benchmarking.workers.forked import start_fork
from tinytorch.benchmarking.workers.in_process import InProcessWorker
from tinytorch.benchmarking.workers.kin import Kin
from tinytorch.benchmarking.workers.process import start_process, target_of
from tinytorch.benchmarking.workers.worker import Departure, Worker, WorkerKind

if TYPE_CHECKING:
    from tinytorch.benchmarking.subjects import Subject

__all__ = [
    "Conditions",
    "Departure",
    "Failure",
    "FailureKind",
    "Kin",
    "Live",
    "Worker",
    "WorkerError",
    "WorkerKind",
    "kind_for",
    "launch",
    "target_of",
]

Live = Literal["auto", "fork", "in-process"]


def kind_for(subject: Subject, live: Live = "auto") -> WorkerKind:
    """Say what a subject's workers live in: a fresh process where it can be imported, else a fork where that is safe.

    macOS forbids much of what its libraries do after a fork, and Windows has none: there it is this process.
    """
    if not subject.is_live:
        return WorkerKind.PROCESS
    if live != "auto":
        return WorkerKind(live)
    return WorkerKind.FORK if hasattr(os, "fork") and sys.platform != "darwin" else WorkerKind.IN_PROCESS


def launch(subject: Subject, conditions: Conditions, kind: WorkerKind) -> Worker:
    """Start a worker. Its subject is not loaded yet: `ask("load", seconds, target=target_of(subject))` does that.

    Raises:
        WorkerError: If it cannot be started.
    """
    if kind is WorkerKind.PROCESS:
        return start_process(subject, conditions)
    if kind is WorkerKind.FORK:
        return start_fork(subject, conditions)
    return InProcessWorker(subject, conditions)
