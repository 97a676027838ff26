"""The time that a search may take."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinytorch.benchmarking.clock import CLOCK, Clock
from tinytorch.errors import RangeError, StateError, explain

__all__ = ["Budget"]


@dataclass(slots=True)
class Budget:
    """So many seconds from now on.

    Attributes:
        seconds: In all, above 0.
        clock: What tells the time.

    Raises:
        RangeError: If `seconds` is no finite number above 0.
    """

    seconds: float
    clock: Clock = field(default=CLOCK)
    start: int = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < self.seconds < float("inf"):
            raise RangeError(explain("the budget", "a finite number of seconds above 0", self.seconds))
        self.start = self.clock.now_ns()

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return (self.clock.now_ns() - self.start) / 1e9

    @property
    def left(self) -> float:
        """Seconds left; none below 0."""
        return max(self.seconds - self.spent, 0.0)

    def require(self, share: float) -> None:
        """Go on only while less than a share of it is spent.

        Raises:
            StateError: If it is.
        """
        if self.spent >= share * self.seconds:
            rule = f"within {share:.0%} of the {self.seconds:g} s that the search has".replace("%", " %")
            raise StateError(explain("a candidate", f"finished {rule}", "no time left", remedy="Give a larger budget."))
