"""How a worker can fail, as a record: what happened, during what, and everything that tells why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from tinytorch.errors import TinyTorchError

__all__ = ["Failure", "FailureKind", "WorkerError"]


class FailureKind(StrEnum):
    """What happened to a worker."""

    REFUSED = "refused"
    RAISED = "raised"
    DIED = "died"
    HUNG = "hung"
    GARBLED = "garbled"


@dataclass(frozen=True, slots=True)
class Failure:
    """One worker that could not go on.

    Attributes:
        kind: What happened.
        message: The same in words.
        during: What it had been asked for.
        variant: Whose worker it was; empty until whoever knows has said so.
        session: Its session, from 0; none outside of sessions.
        calls: How many calls had been made; none where nobody knows.
        traceback: Where it stood; none where that is unknown.
        exit_code: How the process ended; negative for a signal, none where it had to be killed.
        stdout: The last of what it printed.
        stderr: The last of what it printed as errors.
    """

    kind: FailureKind
    message: str
    during: str
    variant: str = ""
    session: int | None = None
    calls: int | None = None
    traceback: str | None = None
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""

    def of(self, variant: str, session: int | None = None) -> Failure:
        """Say whose it was."""
        return replace(self, variant=variant, session=session)

    def sentence(self) -> str:
        """Say it in one line.

        Example:
            >>> Failure(FailureKind.DIED, "ended by SIGKILL", "epoch", "fast", 2).sentence()
            'fast died in session 3, during epoch: ended by SIGKILL.'
        """
        place = "" if self.session is None else f" in session {self.session + 1}"
        verb = "was refused" if self.kind is FailureKind.REFUSED else VERBS[self.kind]
        return f"{self.variant or 'a worker'} {verb}{place}, during {self.during}: {self.message.rstrip('.')}."


VERBS = {
    FailureKind.RAISED: "raised an error",
    FailureKind.DIED: "died",
    FailureKind.HUNG: "hung",
    FailureKind.GARBLED: "answered what is no answer",
}


class WorkerError(TinyTorchError, RuntimeError):
    """A worker failed.

    Attributes:
        failure: What is known of it.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.sentence())
        self.failure = failure
