"""What a comparison leaves behind: raw samples, by session, variant and round. Everything else is derived from them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from tinytorch.benchmarking.workers import Failure, FailureKind
from tinytorch.errors import MeasurementError, explain

__all__ = [
    "NO_STEADY_STATE",
    "Lost",
    "Session",
    "Spent",
    "Turns",
    "log_ratios",
    "process_warnings",
    "shared_warnings",
    "story",
]

MIB = 1 << 20
NO_STEADY_STATE = "no steady state: in most sessions the times had not settled when the warm-up ended"
SHARED = "The machine is shared: a latency is worth a quarter either way; trust ratios of what ran side by side."
REGIME_NS = 500_000_000  # a shared machine changes its speed about twice a second


@dataclass(frozen=True, slots=True)
class Turns:
    """What one variant did in one session: one entry a round.

    Attributes:
        wall_ns: What an epoch lasted.
        cpu_ns: How long the thread ran in it.
        switches: How often it lost its core; none where nobody counts.
        collections: How often the garbage collector ran; 0, unless the variant switched it on.
        warmup_ns: Epochs before the rounds, of `warmup_calls` calls each.
        warmup_calls: Calls in each of those.
        load_ns: By name, what importing, building, the first and the second call lasted.
        output: The hash of what a call gives, whether all hashed calls gave the same, and whether a NaN is in it.
        process: What the worker said of itself, and what it was started with.
        left_children: Whether it had started processes that outlived it, and had to be killed.
        printed_bytes: How much it printed.
    """

    wall_ns: tuple[int, ...] = ()
    cpu_ns: tuple[int, ...] = ()
    switches: tuple[int | None, ...] = ()
    collections: tuple[int, ...] = ()
    warmup_ns: tuple[int, ...] = ()
    warmup_calls: int = 1
    load_ns: dict[str, int] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)
    process: dict[str, Any] = field(default_factory=dict)
    left_children: bool = False
    printed_bytes: int = 0

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read back what `dataclasses.asdict` made."""
        return cls(**_tupled(record))


@dataclass(frozen=True, slots=True)
class Spent:
    """Where the wall time of a session went, in seconds.

    Attributes:
        start: Starting and loading the workers.
        warmup: Calibrating and warming up.
        rounds: All rounds, from the first question to the last answer.
        measured: Inside the epochs' two readings of the clock.
        finish: Hashing outputs and ending the workers.
    """

    start: float
    warmup: float
    rounds: float
    measured: float
    finish: float

    @property
    def overhead_share(self) -> float:
        """How much of the rounds was not measuring, in [0, 1]."""
        return 1 - self.measured / self.rounds if self.rounds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Session:
    """One set of processes, one a variant, and the rounds they took turns in.

    Attributes:
        index: Which session, from 0.
        calls: Calls in each epoch, alike for all variants.
        orders: For each round, the variants in the order of their turns.
        turns: One entry a variant.
        steal_seconds: For each round, the time a hypervisor took away meanwhile; none where nobody counts.
        yardstick_ns: What a piece of work lasted that is always the same, timed before and after the rounds.
        counters: What else was counted over the session, by name.
        spent: Where its time went.
    """

    index: int
    calls: int
    orders: tuple[tuple[int, ...], ...]
    turns: tuple[Turns, ...]
    steal_seconds: tuple[float | None, ...]
    yardstick_ns: tuple[int, ...]
    counters: dict[str, float | int | None]
    spent: Spent

    def rounds_of(self, first: int, second: int) -> Iterator[int]:
        """Number the rounds that both variants finished."""
        return iter(range(min(len(self.turns[first].wall_ns), len(self.turns[second].wall_ns))))

    def half_seconds(self, variant: int) -> list[float]:
        """Give a variant's median epoch in each half second of rounds, in seconds a call; the last may be shorter."""
        medians, epochs, lasted = [], [], 0
        for number, wall in enumerate(self.turns[variant].wall_ns):
            epochs.append(wall / self.calls / 1e9)
            lasted += sum(turns.wall_ns[number] for turns in self.turns if number < len(turns.wall_ns))
            if lasted >= REGIME_NS:
                medians.append(statistics.median(epochs))
                epochs, lasted = [], 0
        return [*medians, statistics.median(epochs)] if epochs else medians

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read back what `dataclasses.asdict` made."""
        turns = tuple(Turns.from_dict(entry) for entry in record["turns"])
        known = {entry.name for entry in fields(cls)}
        plain = {name: value for name, value in record.items() if name in known}
        return cls(**_tupled(plain) | {"turns": turns, "spent": Spent(**record["spent"])})


@dataclass(frozen=True, slots=True)
class Lost:
    """A variant that failed in a session.

    Attributes:
        variant: Which one.
        session: In which session.
        failure: What happened.
    """

    variant: int
    session: int
    failure: Failure

    def to_dict(self) -> dict[str, Any]:
        """Give everything by name, as it travels in a file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` gave."""
        failure = Failure(**record["failure"] | {"kind": FailureKind(record["failure"]["kind"])})
        return cls(record["variant"], record["session"], failure)


def log_ratios(sessions: Sequence[Session], candidate: int = 1, baseline: int = 0) -> list[list[float]]:
    """Give ln(t_baseline / t_candidate) for each round that both finished, one list a session that has any."""
    found = []
    for session in sessions:
        before, after = session.turns[baseline].wall_ns, session.turns[candidate].wall_ns
        found.append([math.log(before[number] / after[number]) for number in session.rounds_of(baseline, candidate)])
    return [session for session in found if session]


def story(rule: tuple[str, str], names: Sequence[str], lost: Sequence[Lost], otherwise: str) -> MeasurementError:
    """Make an error of what failed, and how, with the first failure's traceback and last words.

    Args:
        rule: What must be, and what it must be.
        names: What readers call the variants.
        lost: The failures.
        otherwise: What to say where there were none.
    """
    failures = [entry.failure.of(names[entry.variant]) for entry in lost]
    told = " ".join(dict.fromkeys(failure.sentence() for failure in failures)).rstrip(".")
    parts = [explain(*rule, told or otherwise)]
    for failure in failures[:1]:
        parts += [part for part in (failure.traceback, failure.stdout, failure.stderr) if part]
    return MeasurementError("\n".join(parts))


def process_warnings(name: str, processes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say whether a subject's processes grew or forked, from what they said of themselves first and last.

    Memory is said to grow where the median process ends with a tenth, and a mebibyte, more than it began with.
    """
    found = []
    if any(process.get("forks_at_end") for process in processes):
        found.append(f"{name} forks its process while it is called.")
    grown = [growth for process in processes if (growth := _growth(process)) is not None]
    if grown and statistics.median(growth for growth, _ in grown) > 0:
        growth, calls = (statistics.median(column) for column in zip(*grown, strict=True))
        found.append(f"{name} kept {growth / MIB:,.0f} MiB more after {calls:,.0f} calls: it leaks, or it caches.")
    return found


def shared_warnings(environment: Mapping[str, Any], *, is_disturbed: bool) -> list[str]:
    """Say what an absolute latency is worth where others share the machine.

    Args:
        environment: The record of the machine.
        is_disturbed: Whether a hypervisor was seen to give time to others.
    """
    return [SHARED] if environment.get("is_virtual") or is_disturbed else []


def _growth(process: Mapping[str, Any]) -> tuple[int, int] | None:
    """Give the bytes that a process grew by, 0 where that is little, and the calls it made; none if nobody knows."""
    first, last, calls = (process.get(key) for key in ("resident_bytes", "resident_bytes_at_end", "calls_at_end"))
    if first is None or last is None or calls is None:
        return None
    growth = last - first
    return (growth if growth > max(MIB, first // 10) else 0), calls


def _tupled(record: Mapping[str, Any]) -> dict[str, Any]:
    """Make tuples of lists, which is what JSON makes of tuples."""
    return {name: _as_tuple(value) for name, value in record.items()}


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(item) for item in value) if isinstance(value, list) else value
