"""A worker in a fresh process of any interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinytorch.benchmarking.workers.conditions import Conditions, environment_of
from tinytorch.benchmarking.workers.failures import Failure, FailureKind, WorkerError
from tinytorch.benchmarking.workers.pipes import OpenPipes
from tinytorch.benchmarking.workers.worker import PipeWorker, WorkerKind

if TYPE_CHECKING:
    from tinytorch.benchmarking.subjects import Subject

__all__ = ["start_process", "start_program", "target_of"]

PROGRAM = Path(__file__).parent / "program" / "launch.py"


def start_process(subject: Subject, conditions: Conditions) -> PipeWorker:
    """Start a worker; it has nothing of this process but, in the same interpreter, where modules are looked for.

    One that has kin is forked from the same fresh interpreter as they are, if that can be had.

    Raises:
        WorkerError: If the interpreter cannot be started.
    """
    if conditions.kin is not None and (member := conditions.kin.member(subject, conditions)) is not None:
        return member
    ends = OpenPipes()
    requests, replies, stdout, stderr = ends.theirs
    try:
        process = start_program(subject.python, conditions, (requests, replies), stdout, stderr)
    except OSError as error:
        ends.pipes.close()
        message = f"{subject.python or 'the interpreter'} cannot be started: {error.strerror}"
        raise WorkerError(Failure(FailureKind.REFUSED, message, "start")) from error
    finally:
        ends.close_theirs()
    return PipeWorker(WorkerKind.PROCESS, process.pid, ends.pipes, process.poll)


def start_program(
    python: str | None, conditions: Conditions, ends: Sequence[int], stdout: int, stderr: int, *options: str
) -> subprocess.Popen[bytes]:
    """Start the workers' program in an interpreter, this one's if none is named, in a group of its own.

    Raises:
        OSError: If the interpreter cannot be started.
    """
    return subprocess.Popen(  # noqa: S603  the interpreter is the caller's choice
        [python or sys.executable, str(PROGRAM), *options, *map(str, ends)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env=environment_of(conditions, foreign=python is not None),
        pass_fds=ends,
        start_new_session=True,
    )


def target_of(subject: Subject) -> dict[str, Any] | None:
    """Say what a worker is to load; none for what it holds already."""
    if subject.is_live:
        return None
    own = subject.python is None
    return {
        "factory": subject.factory,
        "arguments": dict(subject.arguments),
        "first_paths": [*subject.paths, *(_own_path() if own else [])],
        "last_paths": [str(Path.cwd())],  # where the user is: a command's own search path does not have it
    }


def _own_path() -> list[str]:
    return [str(Path(path).absolute()) for path in sys.path if isinstance(path, str)]
