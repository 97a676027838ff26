"""What a milestone is: something the field once could not do, done here, and a figure that says how well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tinytorch.benchmarking.clock import CLOCK, Clock
from tinytorch.capstone.workflow import Progress
from tinytorch.core.training import manual_seed
from tinytorch.errors import RangeError, explain

__all__ = ["Figure", "Goal", "Milestone", "Outcome", "Result", "Run", "run_milestone"]


@dataclass(frozen=True, slots=True)
class Run:
    """How a milestone is to be run.

    Attributes:
        seed: Decides weights, orders and random changes; in [0, 2**32).
        smoke: Whether to go through the same code in seconds, on little data: the figures then mean nothing.
        on_progress: Told how far it is.
        path: Where the data set is, if it is not to be looked for; see `load_images`.

    Raises:
        RangeError: If the seed is out of range.
    """

    seed: int = 0
    smoke: bool = False
    on_progress: Callable[[Progress], None] = lambda _: None
    path: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise RangeError(explain("seed", "a whole number in [0, 2**32)", self.seed))

    def tell(self, stage: str, step: int, total: int, detail: str = "") -> None:
        """Say how far a stage is."""
        self.on_progress(Progress(stage, step, total, detail))


@dataclass(frozen=True, slots=True)
class Figure:
    """Something that was measured.

    Attributes:
        name: What was measured.
        value: The number.
        unit: What it counts; `ratio` is a share in [0, 1].
    """

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Goal:
    """What the first figure of a milestone must be.

    Attributes:
        better: Whether more or less is better.
        threshold: The number it must reach.
        unit: What the number counts; `ratio` is a share in [0, 1].
    """

    better: Literal["more", "less"]
    threshold: float
    unit: str = "ratio"

    def is_reached_by(self, value: float) -> bool:
        """Compare a figure with the threshold; NaN reaches nothing."""
        return value >= self.threshold if self.better == "more" else value <= self.threshold


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run.

    Attributes:
        figures: What was measured, the one that the goal is about first.
        sample: Something to look at.
        settings: What a reader needs to do the same.
    """

    figures: tuple[Figure, ...]
    sample: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Milestone:
    """One step in the history of the field.

    Attributes:
        name: What the command line calls it.
        year: When it was first done.
        title: What is done.
        source: Who did it first.
        goal: What the first figure must be in the full form.
        run: Does it.
    """

    name: str
    year: int
    title: str
    source: str
    goal: Goal
    run: Callable[[Run], Outcome]


@dataclass(frozen=True, slots=True)
class Result:
    """A milestone that was run.

    Attributes:
        milestone: Which.
        run: How.
        outcome: What came of it.
        seconds: How long it took, data sets fetched included.
        reached: Whether the goal was reached; none for a smoke run, which proves nothing.
    """

    milestone: Milestone
    run: Run
    outcome: Outcome
    seconds: float
    reached: bool | None


def run_milestone(milestone: Milestone, run: Run, clock: Clock = CLOCK) -> Result:
    """Seed all random state, run the milestone, and judge its figure."""
    manual_seed(run.seed)
    start = clock.now_ns()
    outcome = milestone.run(run)
    seconds = (clock.now_ns() - start) / 1e9
    reached = None if run.smoke else milestone.goal.is_reached_by(outcome.figures[0].value)
    return Result(milestone, run, outcome, seconds, reached)
