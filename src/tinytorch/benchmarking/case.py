"""One model, and what may be asked of it: what metrics and scenarios are given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.clock import CLOCK, SLEEPER, Clock, Sleeper
from tinytorch.benchmarking.outcomes import Outcomes
from tinytorch.benchmarking.sessions import host_for
from tinytorch.benchmarking.subjects import Subject, as_subject
from tinytorch.benchmarking.workers import Surroundings

__all__ = ["Call", "Case", "Judged", "Process", "case_of"]

Call = Callable[[], object]
Judged = tuple[Outcomes, NDArray[Any]]
SECONDS = 60.0


class Process(Protocol):
    """A worker process, as far as a metric sees it."""

    def ask(self, do: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        """Ask and wait for the answer, so many seconds at most."""
        ...

    def close(self) -> object:
        """End the process."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What is known of one model. A metric that needs what is none here is unavailable, and says what it needs.

    Attributes:
        name: What readers call the model.
        model: The live object, for what can be counted on it.
        batch: Makes the inference of so many samples; their data is prepared, so that the call does nothing else.
        start: Starts a fresh process that can load the model; metrics that need one start several.
        judge: Gives what the model says of each labelled sample, and (N,) the right class of each; none if there is no
            labelled sample after all.
        clock: What tells the time.
        sleeper: What waits for an instant of that clock.
        root: Where the system's own files begin.
    """

    name: str = "model"
    model: Any = None
    batch: Callable[[int], Call] | None = None
    start: Callable[[], Process] | None = None
    judge: Callable[[], Judged | None] | None = None
    clock: Clock = field(default=CLOCK)
    sleeper: Sleeper = field(default=SLEEPER)
    root: Path = Path("/")


def case_of(given: Any, name: str | None = None) -> Case:
    """Make a case of a factory such as `package.module:make`, of a saved model, or of something live.

    Metrics start processes of their own for it: fresh ones of what can be imported, forks of what is live.

    Raises:
        DTypeError, DataError: As `as_subject` does.

    Example:
        >>> case_of("json:dumps?obj=[1,2]").name
        'json:dumps?obj=[1,2]'
    """
    subject = as_subject(given, name)
    return Case(subject.name, start=lambda: _Loading(subject), judge=lambda: _judged(subject))


class _Loading:
    """A worker process that knows which subject to load."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._host = host_for(subject, Surroundings(subject.python, subject.folder))
        is_ours = not (subject.is_live or subject.python or subject.folder)
        self._host.ask("hello", SECONDS, sys_path=list(sys.path) if is_ours else None)

    def ask(self, do: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        subject = self._subject
        target = {"module": subject.module, "name": subject.factory, "arguments": subject.arguments}
        return self._host.ask(do, seconds, **(arguments | target if do == "load" else arguments))

    def close(self) -> object:
        return self._host.close()


def _judged(subject: Subject) -> Judged | None:
    """Have a process of the subject's own say the class of each of its labelled samples; none if it has none."""
    process = _Loading(subject)
    try:
        process.ask("load", SECONDS)
        found, digest = process.ask("evaluate", SECONDS), process.ask("digest", SECONDS)
    finally:
        process.close()
    if found["predictions"] is None:
        return None
    return Outcomes.of(np.asarray(found["predictions"]), digest["sha256"]), np.asarray(found["labels"])
