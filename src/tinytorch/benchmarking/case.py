"""One model, and what may be asked of it: what metrics and scenarios are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from tinytorch.benchmarking.clock import CLOCK, SLEEPER, Clock, Sleeper
from tinytorch.benchmarking.outcomes import Outcomes

__all__ = ["Call", "Case", "Process"]

Call = Callable[[], object]


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
        outcomes: Gives what the model says of each labelled sample.
        labels: (N,) the right class of each sample.
        clock: What tells the time.
        sleeper: What waits for an instant of that clock.
        root: Where the system's own files begin.
    """

    name: str = "model"
    model: Any = None
    batch: Callable[[int], Call] | None = None
    start: Callable[[], Process] | None = None
    outcomes: Callable[[], Outcomes] | None = None
    labels: NDArray[Any] | None = None
    clock: Clock = field(default=CLOCK)
    sleeper: Sleeper = field(default=SLEEPER)
    root: Path = Path("/")
