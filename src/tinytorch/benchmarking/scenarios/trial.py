"""One trial of an open loop: queries sent when they are due, whether or not the last one is done.

A query's latency counts from the instant it was due. Counted from when it was sent, a stall of 200 ms would be one bad
query and not the hundred that came meanwhile: coordinated omission.

Source:
    G. Tene (2013), How Not to Measure Latency.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinytorch.benchmarking.clock import CLOCK, SLEEPER, Clock, Sleeper
from tinytorch.benchmarking.statistics import Estimate, percentile
from tinytorch.quiet import quiet_process

__all__ = ["Trial", "offer"]

Call = Callable[[], object]
HEAD_START_NS = 2_000_000  # so that the first query, too, is waited for


@dataclass(frozen=True, slots=True)
class Trial:
    """Every query of one trial: when it was due, begun and done, in nanoseconds from the schedule's start.

    Attributes:
        rate: Queries a second the schedule was drawn for.
        seed: What it was drawn from.
        due_ns: The schedule.
        started_ns: When each query was really begun.
        ended_ns: When it was done.
    """

    rate: float
    seed: int
    due_ns: tuple[int, ...]
    started_ns: tuple[int, ...]
    ended_ns: tuple[int, ...]

    @property
    def latencies_ns(self) -> tuple[int, ...]:
        """From due to done: the wait for the queries before it is part of a query's latency."""
        return tuple(ended - due for due, ended in zip(self.due_ns, self.ended_ns, strict=True))

    @property
    def lateness_ns(self) -> tuple[int, ...]:
        """How late the sender was: from when a query was due, and the one before it done, to when it was begun."""
        free = (0, *self.ended_ns[:-1])
        begun = zip(self.due_ns, free, self.started_ns, strict=True)
        return tuple(started - max(due, ready) for due, ready, started in begun)

    def percentile_ns(self, percent: float) -> Estimate:
        """Estimate a percentile of the latency, in nanoseconds; unknown where the queries are too few."""
        return percentile(self.latencies_ns, percent)

    def to_dict(self) -> dict[str, object]:
        """Give the raw instants, as they travel in a file; the schedule follows from rate and seed, and is kept too."""
        return {
            "rate_per_second": self.rate,
            "seed": self.seed,
            "due_ns": list(self.due_ns),
            "started_ns": list(self.started_ns),
            "ended_ns": list(self.ended_ns),
        }


def offer(
    call: Call, due_ns: Sequence[int], clock: Clock = CLOCK, sleeper: Sleeper = SLEEPER
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Send a query at each instant of the schedule, or as soon after it as the one before is done.

    Args:
        call: One query.
        due_ns: Nanoseconds from the start, never falling.
        clock: What tells the time.
        sleeper: What waits for an instant of that clock.

    Returns:
        When each query was begun, and when it was done, on the schedule's scale.
    """
    started, ended = [], []
    now, wait = clock.now_ns, sleeper.sleep_until
    with quiet_process():
        origin = now() + HEAD_START_NS
        for due in due_ns:
            wait(origin + due)
            started.append(now() - origin)
            call()
            ended.append(now() - origin)
    return tuple(started), tuple(ended)
