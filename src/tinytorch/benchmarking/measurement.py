"""Measuring one subject alone: individually timed calls over several fresh processes, with their tails.

An absolute latency is worth a quarter either way on a shared machine, whatever its interval says; two subjects are told
apart by `compare`.
"""

from __future__ import annotations

import random
import secrets
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from tinytorch.benchmarking.clock import utc_now
from tinytorch.benchmarking.environment import collect_environment
from tinytorch.benchmarking.records import Lost, process_warnings
from tinytorch.benchmarking.sessions import Hooks, Progress
from tinytorch.benchmarking.statistics import (
    Estimate,
    HostSlope,
    Regimes,
    Shape,
    find_regimes,
    host_slope,
    normalized,
    percentile_of_sessions,
    steady_state,
)
from tinytorch.benchmarking.subjects import Subject, subject_of
from tinytorch.benchmarking.workers import Conditions, Worker, WorkerError, target_of
from tinytorch.errors import MeasurementError, RangeError, explain

__all__ = ["Measurement", "Sampling", "SingleCalls", "measure"]

SEEDS = 2**32
WARMUP_CALLS, WARMUPS, WARMUP_NS = 100, 4, 250_000_000
ROUNDS = 20  # at least so many rounds a session, each with its yardstick
ROUND_NS = 50_000_000
REGIME_NS = 500_000_000
FEWEST_CALLS = 6  # a session: fewer bound no median
NO_STEADY_STATE = "no steady state: in most sessions the times had not settled when the warm-up ended"
SHARED = "The machine is shared: this latency is worth a quarter either way; compare ratios instead."


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


@dataclass(frozen=True, slots=True)
class SingleCalls:
    """The calls of one session, as the clock told them.

    Attributes:
        index: Which session, from 0.
        durations_ns: What each call lasted, the clock's own cost included, in order.
        per_round: Calls a round; the last round may have fewer.
        yardstick_ns: For each round, what a piece of work lasted that is always the same.
        clock_cost_ns: What two adjacent readings of the clock differ by.
        warmup_ns: What each call before them lasted.
        load_ns: By name, what importing, building, the first and the second call lasted.
        output: What a call gave: `digest`, `nan` and `repeats`.
        process: What the worker said of itself, first and last, and what it was started with.
        counters: What disturbed the session, by name.
    """

    index: int
    durations_ns: tuple[int, ...]
    per_round: int
    yardstick_ns: tuple[int, ...]
    clock_cost_ns: int
    warmup_ns: tuple[int, ...] = ()
    load_ns: dict[str, int] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)
    process: dict[str, Any] = field(default_factory=dict)
    counters: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> list[float]:
        """What each call lasted without the clock's own cost, at least 1 ns."""
        return [max(duration - self.clock_cost_ns, 1) / 1e9 for duration in self.durations_ns]

    @property
    def is_steady(self) -> bool:
        """Whether the times had settled when the warm-up ended."""
        return steady_state(self.warmup_ns).is_steady

    def rounds(self) -> list[list[float]]:
        """Give the calls of each round, in seconds."""
        seconds = self.seconds
        return [seconds[start : start + self.per_round] for start in range(0, len(seconds), self.per_round)]

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read back what `dataclasses.asdict` made, from JSON too."""
        tupled: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in record.items()}
        return cls(**tupled)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One subject, measured alone.

    Attributes:
        subject: What was measured: name, factory and arguments.
        sampling: How, as it was carried out.
        seed: What hash seeds and paddings follow from.
        started: When, in ISO 8601, UTC.
        sessions: The raw samples.
        lost: The sessions that failed.
        complete: Whether it came to its planned end.
        environment: The machine.
        notes: What a reader should know.
    """

    subject: dict[str, Any]
    sampling: Sampling
    seed: int
    started: str
    sessions: tuple[SingleCalls, ...]
    lost: tuple[Lost, ...] = ()
    complete: bool = True
    environment: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def is_steady(self) -> bool:
        """Whether most sessions had settled when their warm-up ended."""
        return sum(session.is_steady for session in self.sessions) * 2 > len(self.sessions)

    def percentile(self, percent: float) -> Estimate:
        """Estimate a percentile of one call, in seconds; unknown, and why, where nothing settled or calls are too few.

        Raises:
            RangeError: If `percent` is not in (0, 100).
        """
        found = percentile_of_sessions([session.seconds for session in self.sessions], percent)
        return found if self.is_steady else Estimate(None, None, None, reason=NO_STEADY_STATE)

    @property
    def latency(self) -> Estimate:
        """The median of one call, in seconds."""
        return self.percentile(50)

    def regimes(self) -> Regimes:
        """Look for two speeds in the medians of every half second."""
        return find_regimes([median for session in self.sessions for median in _half_seconds(session)])

    def host(self) -> HostSlope:
        """Say how the latency follows the yardstick, round by round."""
        latencies, yardsticks = self._rounds()
        if len(latencies) < 3:
            return HostSlope(None, None, may_normalize=False, reason="fewer than three rounds")
        return host_slope(latencies, yardsticks)

    def in_yardsticks(self) -> Estimate:
        """Estimate the median latency in units of the yardstick; unknown, and why, where the two do not go together."""
        host = self.host()
        if not host.may_normalize:
            return Estimate(None, None, None, reason=host.reason)
        pairs = [_round_pairs(session) for session in self.sessions]
        return percentile_of_sessions([normalized(*zip(*pair, strict=True)) for pair in pairs if pair], 50)

    def warnings(self) -> list[str]:
        """Say what makes the numbers worth less."""
        name, outputs = self.subject["name"], [session.output for session in self.sessions]
        found = [] if self.is_steady else [f"{name}: {NO_STEADY_STATE}."]
        found += [SHARED] if self.environment.get("is_virtual") else []
        found += _two_speeds(self.regimes())
        found += [f"{name} gives NaN."] if any(output.get("nan") for output in outputs) else []
        if any(output.get("repeats") is False for output in outputs):
            found.append(f"{name} gives different outputs for the same input.")
        found += process_warnings(name, [session.process for session in self.sessions])
        if not self.complete:
            found.append(f"It was broken off after {len(self.sessions)} of {self.sampling.sessions} sessions.")
        return found + [entry.failure.of(name, entry.session).sentence() for entry in self.lost]

    def to_dict(self) -> dict[str, Any]:
        """Give everything by name, as it travels in a file; raw samples included."""
        return asdict(replace(self, lost=())) | {"lost": [entry.to_dict() for entry in self.lost]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` gave, from JSON too."""
        parts = {
            "sampling": Sampling(**record["sampling"]),
            "sessions": tuple(SingleCalls.from_dict(entry) for entry in record["sessions"]),
            "lost": tuple(Lost.from_dict(entry) for entry in record["lost"]),
            "notes": tuple(record["notes"]),
        }
        known = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in record.items() if name in known} | parts)

    def _rounds(self) -> tuple[list[float], list[float]]:
        pairs = [pair for session in self.sessions for pair in _round_pairs(session)]
        return [latency for latency, _ in pairs], [yardstick for _, yardstick in pairs]


def measure(
    subject: Any, sampling: Sampling | None = None, *, seed: int | None = None, hooks: Hooks | None = None
) -> Measurement:
    """Time single calls of one subject, in several fresh processes.

    An interrupt from the keyboard ends it early; the sessions that were whole come back, with `complete` false.

    Args:
        subject: See `tinytorch.benchmarking.subjects` for what can be given.
        sampling: How many calls in how many processes.
        seed: What hash seeds and paddings follow from; drawn where none is given, and kept.
        hooks: What is told of progress and attempts, and what stands in for processes and clocks in tests.

    Raises:
        DTypeError, DataError: If the subject is nothing that can be measured.
        RangeError: If it is too slow for the budget.
        MeasurementError: If no session came to its end; it carries the first failure's story.

    Example:
        >>> found = measure(lambda: sum(range(1000)), Sampling(calls=60), seed=1)
        >>> sum(len(session.durations_ns) for session in found.sessions)
        60
    """
    hooks, taken = hooks or Hooks(), subject_of(subject)
    run = _Run(taken, sampling or Sampling(), secrets.randbelow(SEEDS) if seed is None else seed, hooks)
    attempt = {"subjects": [taken.describe()], "seed": run.seed, "started": utc_now()}
    hooks.on_attempt("started", attempt)
    try:
        sessions = tuple(run.sessions())
    except BaseException as error:
        hooks.on_attempt("aborted", attempt | {"reason": repr(error)})
        raise
    hooks.on_attempt("aborted" if run.interrupted else "finished", attempt)
    if not sessions:
        raise MeasurementError(_story(taken.name, run))
    return Measurement(
        subject=taken.describe(),
        sampling=run.sampling,
        seed=run.seed,
        started=str(attempt["started"]),
        sessions=sessions,
        lost=tuple(run.lost),
        complete=not run.interrupted,
        environment=dict(collect_environment()),
        notes=run.notes(sampling or Sampling()),
    )


@dataclass(slots=True)
class _Run:
    """All sessions of one measurement."""

    subject: Subject
    sampling: Sampling
    seed: int
    hooks: Hooks
    lost: list[Lost] = field(default_factory=list)
    interrupted: bool = False
    is_budgeted: bool = False

    def sessions(self) -> Iterator[SingleCalls]:
        """Run session after session; one that fails is kept as that."""
        for index in range(self.sampling.sessions):
            try:
                self.hooks.on_progress(Progress("measuring", index, self.sampling.sessions))
                yield self._session(index)
            except WorkerError as error:
                self.lost.append(Lost(0, index, error.failure))
            except KeyboardInterrupt:
                self.interrupted = True
                return

    def notes(self, planned: Sampling) -> tuple[str, ...]:
        """Say what was left out."""
        if self.sampling.calls == planned.calls:
            return ()
        return (f"To keep to {planned.budget_seconds:g} s, {self.sampling.calls} calls of {planned.calls} were made.",)

    def _session(self, index: int) -> SingleCalls:
        chance = random.Random(f"{self.seed}/{index}")  # noqa: S311  hash seeds, not secrets
        conditions, before = Conditions.drawn(chance, self.sampling.threads), self.hooks.counters()
        worker = self.hooks.launch(self.subject, conditions)
        try:
            found = self._measured(index, worker)
        finally:
            ended = worker.close()
        started = {"kind": str(worker.kind), "hash_seed": conditions.hash_seed, "padding": conditions.padding}
        left = {"left_children": ended.left_children, "printed_bytes": ended.printed_bytes}
        counters = self.hooks.counters().since(before).as_dict()
        return replace(found, process=found.process | started | left, counters=counters)

    def _measured(self, index: int, worker: Worker) -> SingleCalls:
        load = self._ask(worker, "load", target=target_of(self.subject))
        self._ask(worker, "collect")
        warmup = self._warmed_up(worker)
        call_ns = statistics.median(warmup)
        if not self.is_budgeted:
            self.sampling, self.is_budgeted = self.sampling.within_budget(call_ns / 1e9), True
        durations, yardsticks, per_round = self._rounds(worker, self._share(index), call_ns)
        output, status = self._ask(worker, "outputs"), self._ask(worker, "status")
        digests = {entry["digest"] for entry in (*load["outputs"], output)}
        return SingleCalls(
            index=index,
            durations_ns=tuple(durations),
            per_round=per_round,
            yardstick_ns=tuple(yardsticks),
            clock_cost_ns=int(self._ask(worker, "clock")["cost_ns"]),
            warmup_ns=tuple(warmup),
            load_ns={name: int(load[name]) for name in ("import_ns", "build_ns", "first_call_ns", "second_call_ns")},
            output=output | {"repeats": None if None in digests else len(digests) == 1},
            process={"python": load["python"], "resident_bytes": load["resident_bytes"]}
            | {f"{name}_at_end": status.get(name) for name in ("calls", "resident_bytes", "forks")},
        )

    def _share(self, index: int) -> int:
        """Say how many calls fall to a session; the first ones take what does not divide."""
        whole, rest = divmod(self.sampling.calls, self.sampling.sessions)
        return whole + (index < rest)

    def _warmed_up(self, worker: Worker) -> list[int]:
        """Call until the times settle, or long enough."""
        series: list[int] = []
        for _ in range(WARMUPS):
            series += self._ask(worker, "warm_up", calls=1, epochs=WARMUP_CALLS, limit_ns=WARMUP_NS)["epochs_ns"]
            if sum(series) >= WARMUP_NS or steady_state(series).is_steady:
                break
        return series

    def _rounds(self, worker: Worker, calls: int, call_ns: float) -> tuple[list[int], list[int], int]:
        per_round = max(1, min(calls // ROUNDS, int(ROUND_NS / max(call_ns, 1))))
        durations: list[int] = []
        yardsticks: list[int] = []
        while len(durations) < calls:
            some = min(per_round, calls - len(durations))
            durations += self._ask(worker, "single", calls=some)["durations_ns"]
            yardsticks.append(int(self._ask(worker, "yardstick")["wall_ns"]))
        return durations, yardsticks, per_round

    def _ask(self, worker: Worker, command: str, **arguments: Any) -> dict[str, Any]:
        return worker.ask(command, self.sampling.timeout_seconds, **arguments)


def _round_pairs(session: SingleCalls) -> list[tuple[float, float]]:
    """Pair the median call of each round with the round's yardstick."""
    return [
        (statistics.median(calls), yardstick / 1e9)
        for calls, yardstick in zip(session.rounds(), session.yardstick_ns, strict=True)
    ]


def _half_seconds(session: SingleCalls) -> list[float]:
    """Give the median call of every half second of calls, in seconds; the last stretch may be shorter."""
    medians: list[float] = []
    stretch: list[float] = []
    lasted = 0.0
    for seconds in session.seconds:
        stretch.append(seconds)
        lasted += seconds * 1e9
        if lasted >= REGIME_NS:
            medians.append(statistics.median(stretch))
            stretch, lasted = [], 0.0
    return [*medians, statistics.median(stretch)] if stretch else medians


def _two_speeds(regimes: Regimes) -> list[str]:
    if regimes.shape is not Shape.TWO:
        return []
    told = " and ".join(f"{mode.location * 1e6:.3g} µs ({mode.share:.0%} of the time)" for mode in regimes.modes)
    return [f"The machine showed two speeds: a call took {told}."]


def _story(name: str, run: _Run) -> str:
    """Say how each session failed, with the first one's traceback and last words."""
    failures = [entry.failure.of(name) for entry in run.lost]
    told = " ".join(dict.fromkeys(failure.sentence() for failure in failures)).rstrip(".")
    parts = [explain("a measurement", "of a subject that runs", told or "an interrupt before a session was whole")]
    for failure in failures[:1]:
        parts += [part for part in (failure.traceback, failure.stdout, failure.stderr) if part]
    return "\n".join(parts)
