"""One model, and what may be asked of it: what metrics and scenarios are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.clock import CLOCK, SLEEPER, Clock, Sleeper
from tinytorch.benchmarking.outcomes import Outcomes
from tinytorch.benchmarking.subjects import Subject, subject_of
from tinytorch.benchmarking.workers import Conditions, FailureKind, WorkerError, kind_for, launch, target_of

__all__ = ["Call", "Case", "Judged", "Process", "case_of"]

Call = Callable[[], object]
Judged = tuple[Outcomes, NDArray[Any]]
SECONDS = 60.0


class Process(Protocol):
    """A worker process, as far as a metric sees it."""

    def ask(self, command: str, seconds: float, **arguments: Any) -> dict[str, Any]:
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
        RangeError, DataError, DTypeError: As `subject_of` does.

    Example:
        >>> case_of("package.module:make?width=64").name
        'package.module:make?width=64'
    """
    subject = subject_of(given, name)
    return Case(subject.name, start=lambda: _Loading(subject), judge=lambda: _judged(subject))


class _Loading:
    """A worker that knows which subject to load."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._worker = launch(subject, Conditions(), kind_for(subject))

    def ask(self, command: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        target = {"target": target_of(self._subject)} if command == "load" else {}
        return self._worker.ask(command, seconds, **arguments, **target)

    def close(self) -> object:
        return self._worker.close()


def _judged(subject: Subject) -> Judged | None:
    """Have a process of the subject's own say the class of each of its labelled samples; none if it has none."""
    process = _Loading(subject)
    try:
        process.ask("load", SECONDS)
        found = process.ask("predictions", SECONDS)
    except WorkerError as error:
        if error.failure.kind is FailureKind.REFUSED:
            return None
        raise
    finally:
        process.close()
    scores = np.asarray(found["scores"])
    classes = scores.argmax(axis=-1) if scores.ndim == 2 else scores
    return Outcomes.of(classes, found["outputs"]["digest"]), np.asarray(found["labels"]).astype(np.int64)
