"""The plan of a measurement: how many calls in how many processes, and what they may last."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinytorch.errors import RangeError, explain

__all__ = ["FEWEST_CALLS", "Sampling"]

FEWEST_CALLS = 6  # a session: fewer bound no median


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a measurement is made.

    Attributes:
        sessions: Fresh processes, at least 5: fewer say little of how processes differ.
        calls: Timed calls in all, at least 6 a session; 368 are the fewest that give a p99.
        budget_seconds: What all calls may last; calls are left out to keep to it.
        timeout_seconds: How long one answer of a worker may take.
        threads: Threads that numeric libraries may use; none leaves them alone.

    Raises:
        RangeError: If a number is out of range.
    """

    sessions: int = 5
    calls: int = 2000
    budget_seconds: float = 60.0
    timeout_seconds: float = 60.0
    threads: int | None = 1

    def __post_init__(self) -> None:
        for name, least in (("sessions", 5), ("calls", FEWEST_CALLS * 5)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise RangeError(explain(name, f"a whole number of at least {least}", value))
        if self.calls < FEWEST_CALLS * self.sessions:
            raise RangeError(explain("calls", f"at least {FEWEST_CALLS} a session", self.calls))
        for name in ("budget_seconds", "timeout_seconds"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise RangeError(explain(name, "a finite number above 0", value))

    def within_budget(self, call_seconds: float) -> Sampling:
        """Leave out calls until all of them fit the budget.

        Raises:
            RangeError: If six in each session do not fit.

        Example:
            >>> Sampling(budget_seconds=10).within_budget(0.05).calls
            200
        """
        affordable = int(self.budget_seconds / call_seconds)
        if affordable >= self.calls:
            return self
        if affordable < FEWEST_CALLS * self.sessions:
            needed = call_seconds * FEWEST_CALLS * self.sessions
            rule = f"at least {needed:.3g} s for a call of {call_seconds:.3g} s"
            remedy = "Give a larger budget, or a smaller workload."
            raise RangeError(explain("the budget", rule, f"{self.budget_seconds:g} s", remedy=remedy))
        return replace(self, calls=affordable)
