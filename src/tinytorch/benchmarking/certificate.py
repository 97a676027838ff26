"""What the instrument is worth, here and now: what it says of two identical variants, and what disturbs it.

Raw samples are kept, and everything that follows from them is computed: anyone can judge the null run again.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from tinytorch.benchmarking.records import Session
from tinytorch.benchmarking.statistics import (
    Outcome,
    Ratio,
    Regimes,
    Shape,
    Verdict,
    coefficient_of_variation,
    find_regimes,
    judge,
)

__all__ = ["Certificate", "reach", "relevant", "total", "yardstick_variation"]

SHARES = ("cpu_affinity", "smt_is_on", "cpu_governor", "cpu_boost_is_on", "is_virtual", "hypervisor", "container")
LIMITS = ("cgroup_cpus", "cgroup_memory_bytes", "logical_cores", "physical_cores", "blas", "thread_environment")
WIDE = 0.05
STEADY_YARDSTICK = 0.05
COARSE_CLOCK_NS = 1000


@dataclass(frozen=True, slots=True)
class Certificate:
    """A null run, two identical variants under the very estimator in use, and a look around.

    Attributes:
        log_ratios: ln(t_first / t_second) for each round of the two, one sequence a session.
        medians: The first one's median epoch in each half second of rounds, in seconds a call.
        clock: What reading the clock costs, how fine it is, and whether it ran backwards.
        yardstick_cv: How much a piece of constant work varied, as a share of its mean; none where it was not timed.
        steal_seconds: What a hypervisor took away during the null run; none where nobody counts.
        throttled_seconds: What a control group's quota took away; none where nobody counts.
        worker_kind: Where the variants lived: `process`, a fresh one each; `fork`; or `in-process`.
        seconds: How long the null run took.
        machine: What of the environment's record bears on timing.
        complete: Whether it came to its planned end.
    """

    log_ratios: tuple[tuple[float, ...], ...]
    medians: tuple[float, ...]
    clock: dict[str, Any]
    yardstick_cv: float | None
    steal_seconds: float | None
    throttled_seconds: float | None
    worker_kind: str
    seconds: float
    machine: dict[str, Any] = field(default_factory=dict)
    complete: bool = True

    @property
    def verdict(self) -> Verdict:
        """What the estimator in use says of the two."""
        return judge(self.log_ratios)

    @property
    def null(self) -> Ratio:
        """The ratio that the null run found; 1 would be perfect."""
        return self.verdict.ratio

    @property
    def outcome(self) -> Outcome:
        """Its verdict: `faster` or `slower` is a false alarm."""
        return self.verdict.outcome

    @property
    def half_width(self) -> float:
        """The difference, as a share, that the instrument cannot tell from nothing; 1 where it can tell nothing."""
        return reach(self.null.low, self.null.high)

    @property
    def regimes(self) -> Regimes:
        """Whether the machine had one speed or two; unclear where there were too few half seconds to tell."""
        return find_regimes(self.medians)

    @property
    def is_false_alarm(self) -> bool:
        """Whether two identical variants were told apart."""
        return self.outcome in {Outcome.FASTER, Outcome.SLOWER}

    @property
    def speed_step(self) -> float:
        """How much longer than the shortest mode the longest one takes, as a share; 0 of one speed."""
        modes = [mode.location for mode in self.regimes.modes]
        return max(modes) / min(modes) - 1

    def sentences(self) -> list[str]:
        """Say in plain words what this machine can and cannot tell apart, and what to do about it."""
        found = [f"Two identical variants came out {self.null.value:.4f} times as fast, {self._bounds()}."]
        return found + [text.format(self) for holds, text in REMARKS if holds(self)]

    def to_dict(self) -> dict[str, Any]:
        """Give everything by name, as it travels in a file."""
        return asdict(self)

    def findings(self) -> dict[str, Any]:
        """Give what follows from it, by name: the null run's ratio, its outcome, the width, the regimes, in words."""
        return {
            "null": asdict(self.null),
            "outcome": str(self.outcome),
            "half_width": self.half_width,
            "regimes": asdict(self.regimes),
            "sentences": self.sentences(),
        }

    def _bounds(self) -> str:
        if self.null.low is None or self.null.high is None:
            return f"and nothing bounds it ({self.null.reason}): no difference can be told from nothing here"
        interval = f"95 % interval {self.null.low:.4f} to {self.null.high:.4f}"
        return f"{interval}: less than {100 * self.half_width:.2g} % cannot be told from nothing here"

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` gave, from JSON too."""
        rounds = tuple(tuple(session) for session in record["log_ratios"])
        return cls(**dict(record) | {"log_ratios": rounds, "medians": tuple(record["medians"])})


Holds = Callable[[Certificate], bool]

REMARKS: tuple[tuple[Holds, str], ...] = (
    (
        lambda c: c.is_false_alarm,
        "The null run raised a false alarm: measure again before you believe a small difference.",
    ),
    (
        lambda c: c.half_width > WIDE,
        "The null run is wide: end other work on this machine, or take the preset rigorous.",
    ),
    (
        lambda c: not c.complete,
        "It was broken off before its planned end: what it says rests on fewer rounds.",
    ),
    (
        lambda c: c.regimes.shape is Shape.TWO,
        "The machine has two speeds, {0.speed_step:.0%} apart: a latency is that of one of them, by chance.",
    ),
    (
        lambda c: c.regimes.shape is Shape.UNCLEAR and c.regimes.separation is not None,
        "Whether the machine has one speed or two is unclear: {0.regimes.reason}.",
    ),
    (
        lambda c: c.regimes.separation is None,
        "Too short to tell one speed of the machine from two: a null run of forty seconds, which `doctor` makes, can.",
    ),
    (
        lambda c: bool(c.machine.get("is_virtual")),
        "It is a virtual machine: trust ratios of what ran side by side. A latency is worth a quarter either way.",
    ),
    (
        lambda c: bool(c.steal_seconds),
        "A hypervisor took {0.steal_seconds:.2f} s away meanwhile.",
    ),
    (
        lambda c: bool(c.throttled_seconds),
        "A control group's quota stopped it for {0.throttled_seconds:.2f} s: raise the limit, or use fewer threads.",
    ),
    (
        lambda c: c.machine.get("smt_is_on") is True,
        "Two threads share each core: keep the sibling of a measured core idle.",
    ),
    (
        lambda c: c.machine.get("cpu_governor") not in {None, "performance"},
        "The frequency governor is {0.machine[cpu_governor]}: `performance` would hold the clock rate.",
    ),
    (
        lambda c: (c.yardstick_cv or 0) > STEADY_YARDSTICK,
        "Work that is always the same varied by {0.yardstick_cv:.0%}: the machine's speed is not steady.",
    ),
    (
        lambda c: not c.clock.get("is_monotonic", True),
        "The clock ran backwards: no duration can be trusted.",
    ),
    (
        lambda c: (c.clock.get("resolution_ns") or 0) > COARSE_CLOCK_NS,
        "The clock is coarse: only long epochs can be timed.",
    ),
    (
        lambda c: c.worker_kind != "process",
        "The variants were live objects: the luck of a process is not in the interval. Name a factory instead.",
    ),
)


def reach(low: float | None, high: float | None) -> float:
    """Say how far from 1, as a share, an interval of a ratio reaches; 1 where an end is unknown.

    Example:
        >>> f"{reach(0.98, 1.01):.4f}", reach(None, 1.01)
        ('0.0204', 1.0)
    """
    return 1.0 if low is None or high is None else max(high - 1, 1 / low - 1, 0.0)


def yardstick_variation(sessions: Sequence[Session]) -> float | None:
    """Say how much the yardstick varied from session to session, as a share."""
    medians = [statistics.median(session.yardstick_ns) for session in sessions if any(session.yardstick_ns)]
    return coefficient_of_variation(medians) if len(medians) > 1 else None


def relevant(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what bears on timing from the environment's record."""
    return {name: environment.get(name) for name in (*SHARES, *LIMITS)}


def total(sessions: Sequence[Session], counter: str) -> float | None:
    """Add up a counter over sessions; none where one does not have it."""
    found = [session.counters.get(counter) for session in sessions]
    return None if None in found else float(sum(value for value in found if value is not None))
