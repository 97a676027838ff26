"""Running the sessions of a comparison: workers started, warmed up, given their turns, and ended, whatever happens."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from tinytorch.benchmarking.clock import CLOCK, Clock
from tinytorch.benchmarking.design import Design, calls_an_epoch, orders
from tinytorch.benchmarking.environment import MachineCounters, machine_counters
from tinytorch.benchmarking.environment.host import steal_seconds
from tinytorch.benchmarking.records import Lost, Session, Spent, Turns
from tinytorch.benchmarking.statistics import steady_state
from tinytorch.benchmarking.subjects import Subject
from tinytorch.benchmarking.workers import (
    Conditions,
    Departure,
    Failure,
    FailureKind,
    Kin,
    Worker,
    WorkerError,
    WorkerKind,
    kind_for,
    launch,
    target_of,
)

__all__ = ["Hooks", "Progress", "Runner", "launched"]

WARMUP_EPOCHS = 125  # as many as it takes to see that they have settled
WARMUP_NS = 40_000_000  # what a series of warm-up epochs may last
DEAL_EVERY = 8  # rounds; twice as often, a third of the rounds would not be measuring
WARMUPS = 4
LONG_ENOUGH = 0.9  # of that; between two epochs some time passes too
YARDSTICKS = 5
CALLS_LIMIT = 1 << 22
MOST_FAILURES = 2  # sessions that a variant may fail in before it is given up
COLUMNS = ("wall_ns", "cpu_ns", "switches", "collections")
SYSTEM = Path("/")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a measurement has come.

    Attributes:
        stage: What is being done.
        step: Steps completed.
        total: Steps in all, as far as is known.
        detail: A word on where it is.
    """

    stage: str
    step: int
    total: int
    detail: str = ""


def steal_seconds_or_none() -> float | None:
    """Read how much time a hypervisor has given to others; none where nobody counts it."""
    try:
        return steal_seconds(SYSTEM)
    except (OSError, ValueError, LookupError):
        return None


def allowed_cores() -> list[int]:
    """List the cores that this process may use; none where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


Launch = Callable[[Subject, Conditions], Worker]


def launched(subject: Subject, conditions: Conditions) -> Worker:
    """Start a fresh process for what can be imported there, a fork for what is live, where that is safe."""
    return launch(subject, conditions, kind_for(subject))


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a comparison is given from outside; a test gives its own.

    Attributes:
        on_progress: Told how far it has come.
        on_attempt: Told `started`, `finished` or `aborted`, each with a record of what: for a ledger of all attempts.
        launch: Starts the worker that a variant lives in.
        clock: Tells how long things take around the measuring.
        counters: Reads what disturbs a measurement, before and after a session.
        steal: Reads the one of them that is quick to read, before and after a round.
        cores: Lists the cores that workers may be held on.
    """

    on_progress: Callable[[Progress], None] = lambda _: None
    on_attempt: Callable[[str, dict[str, Any]], None] = lambda _event, _record: None
    launch: Launch = launched
    clock: Clock = CLOCK
    counters: Callable[[], MachineCounters] = machine_counters
    steal: Callable[[], float | None] = steal_seconds_or_none
    cores: Callable[[], Sequence[int]] = allowed_cores


@dataclass(slots=True)
class _Seat:
    """One variant in one session, while it runs."""

    variant: int
    worker: Worker
    process: dict[str, Any]
    columns: dict[str, list[int | None]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    turns: Turns = field(default_factory=Turns)
    outputs: list[dict[str, Any]] = field(default_factory=list)

    def finished(self, departure: Departure | None, rounds: int) -> Turns:
        """Give what was measured in whole rounds, with how the worker ended."""
        columns: dict[str, Any] = {name: tuple(values[:rounds]) for name, values in self.columns.items()}
        left = departure is not None and departure.left_children
        printed = 0 if departure is None else departure.printed_bytes
        return replace(self.turns, process=self.process, left_children=left, printed_bytes=printed, **columns)


class Runner:
    """Runs sessions of one design, and keeps what was measured even where a variant fails.

    Args:
        subjects: The variants, the baseline first.
        design: How many rounds, and what an epoch is.
        seed: Decides all orders, hash seeds and paddings.
        hooks: What is given from outside.

    Attributes:
        lost: The failures so far.
        calls: Calls an epoch; none before the first session has found it.
        stage: What whoever watches is told that this is.
        detail: What they are told of it.
        design: As given, and cut to the budget once a round's length is known.
        interrupted: Whether the keyboard ended a session among its rounds, or after them.
    """

    def __init__(
        self, subjects: Sequence[Subject], design: Design, seed: int, hooks: Hooks, stage: str = "comparing"
    ) -> None:
        self.subjects = subjects
        self.design = design
        self.lost: list[Lost] = []
        self.calls: int | None = None
        self.stage = stage
        self.detail = ""
        self.interrupted = False
        self._seed = seed
        self._hooks = hooks

    @property
    def can_go_on(self) -> bool:
        """Whether the baseline and at least one other variant have not been given up."""
        alive = self._alive()
        return 0 in alive and len(alive) >= min(2, len(self.subjects))

    def session(self, index: int) -> Session:
        """Run one session; an interrupt from the keyboard among its rounds ends it there, and keeps the whole ones.

        Raises:
            RangeError: If the variants are too slow for the budget.
            KeyboardInterrupt: If it came before the first round.
        """
        chance = random.Random(f"{self._seed}/{index}")  # noqa: S311  orders, not secrets
        now, before = self._hooks.clock.now_ns, self._hooks.counters()
        moments = [now()]
        seats: dict[int, _Seat] = {}
        rounds: list[tuple[tuple[int, ...], float | None]] = []
        kin = Kin(self.subjects[variant] for variant in self._alive())
        try:
            self._start(index, chance, seats, kin)
            self._hold(index, seats)
            moments.append(now())
            yardsticks = self._yardsticks(index, seats)
            calls = self._warm_up(index, seats)
            moments.append(now())
            with self._breakable():
                rounds.extend(self._rounds(index, seats, calls, chance))  # what it took before an interrupt, it keeps
            moments.append(now())
            with self._breakable():
                yardsticks += [] if self.interrupted else self._yardsticks(index, seats)
                self._each(index, {} if self.interrupted else seats, self._digest)
        finally:
            ended = {variant: seat.worker.close() for variant, seat in seats.items()}
            kin.close()
        moments.append(now())
        seated = self._seated
        whole = len(rounds)
        turns = [seated[v].finished(ended.get(v), whole) if v in seated else Turns() for v in range(len(self.subjects))]
        return Session(
            index=index,
            calls=calls,
            orders=tuple(order for order, _ in rounds),
            turns=tuple(turns),
            steal_seconds=tuple(steal for _, steal in rounds),
            yardstick_ns=tuple(yardsticks),
            counters=self._hooks.counters().since(before).as_dict(),
            spent=_spent(moments, turns),
        )

    @contextmanager
    def _breakable(self) -> Iterator[None]:
        """Let an interrupt from the keyboard end what is being done, and no more."""
        try:
            yield
        except KeyboardInterrupt:
            self.interrupted = True

    def _alive(self) -> list[int]:
        failed = [entry.variant for entry in self.lost]
        return [v for v in range(len(self.subjects)) if failed.count(v) < MOST_FAILURES]

    def _start(self, index: int, chance: random.Random, seats: dict[int, _Seat], kin: Kin) -> None:
        """Start all workers at once, in random order and under the same conditions; let each load its variant."""
        self._seated: dict[int, _Seat] = {}
        alive = self._alive()
        conditions = Conditions.drawn(chance, self.design.threads, kin)
        for variant in chance.sample(alive, len(alive)):
            try:
                worker = self._hooks.launch(self.subjects[variant], conditions)
            except WorkerError as error:
                self.lost.append(Lost(variant, index, error.failure))
                continue
            process = {"kind": str(worker.kind), "hash_seed": conditions.hash_seed, "padding": conditions.padding}
            self._seated[variant] = seats[variant] = _Seat(variant, worker, process)
        self._each(index, seats, lambda s: s.worker.send("load", target=target_of(self.subjects[s.variant])))
        self._each(index, seats, lambda seat: self._loaded(seat, seat.worker.receive(self.design.timeout_seconds)))
        self._each(index, seats, lambda seat: self._ask(seat, "collect"))

    def _loaded(self, seat: _Seat, answer: dict[str, Any]) -> None:
        load = {name: int(answer[name]) for name in ("import_ns", "build_ns", "first_call_ns", "second_call_ns")}
        seat.turns = replace(seat.turns, load_ns=load)
        seat.process |= {"python": answer["python"], "resident_bytes": answer["resident_bytes"]}
        seat.outputs = list(answer["outputs"])

    def _hold(self, index: int, seats: dict[int, _Seat]) -> None:
        """Hold all workers on one core, drawn for the session, if they have one thread each.

        Two cores of a shared machine are seldom equally fast; left to itself, the system may also put two workers that
        take turns on a core that somebody else is using. Held, the worst of a hundred rounds deviates by 13 %, not 53.
        """
        cores = self._hooks.cores()
        if self.design.threads != 1 or len(cores) < 2:
            return
        core = random.Random(f"{self._seed}/{index}/core").choice(cores)  # noqa: S311  no secret
        for variant, seat in list(seats.items()):
            if seat.worker.kind is not WorkerKind.IN_PROCESS:  # that would hold the user's own process
                self._guarded(index, seats, variant, lambda seat: seat.process.update(self._pinned(seat, core)))

    def _pinned(self, seat: _Seat, core: int) -> dict[str, Any]:
        return {"core": core if self._ask(seat, "pin", core=core).get("pinned") else None}

    def _warm_up(self, index: int, seats: dict[int, _Seat]) -> int:
        calls = 1 if self.calls is None else max(1, self.calls // 20)
        self._each(index, seats, lambda seat: self._warm(seat, calls))
        if self.calls is None:
            self.calls = self._calibrated(index, seats)
        return self.calls or 1

    def _warm(self, seat: _Seat, calls: int) -> None:
        """Run until the times settle, or long enough."""
        series: list[int] = []
        for _ in range(WARMUPS):
            series += self._ask(seat, "warm_up", epochs=WARMUP_EPOCHS, calls=calls, limit_ns=WARMUP_NS)["epochs_ns"]
            if sum(series) >= LONG_ENOUGH * WARMUP_NS or steady_state(series).is_steady:
                break
        seat.turns = replace(seat.turns, warmup_ns=tuple(series), warmup_calls=calls)

    def _calibrated(self, index: int, seats: dict[int, _Seat]) -> int | None:
        """Double the calls until two epochs in a row are long enough for every variant; then see to the budget."""
        calls = 1
        while found := self._epochs(index, seats, calls):
            chosen = calls_an_epoch(found, calls, self.design) or (calls if calls >= CALLS_LIMIT else None)
            if chosen is not None:
                self.design = self.design.within_budget(sum(found.values()) * chosen / calls / 1e9)
                return chosen
            calls *= 2
        return None  # every worker failed: the next session finds it

    def _epochs(self, index: int, seats: dict[int, _Seat], calls: int) -> dict[int, int]:
        """Time two epochs of each variant, and give the shorter one."""
        found: dict[int, int] = {}
        self._each(index, seats, lambda seat: found.update({seat.variant: self._shortest(seat, calls)}))
        return found

    def _shortest(self, seat: _Seat, calls: int) -> int:
        return min(int(self._ask(seat, "epoch", calls=calls)["wall_ns"]) for _ in range(2))

    def _rounds(
        self, index: int, seats: dict[int, _Seat], calls: int, chance: random.Random
    ) -> Iterator[tuple[tuple[int, ...], float | None]]:
        """Give every variant its turn, round by round."""
        for number, order in enumerate(orders(len(self.subjects), self.design.rounds, chance)):
            if len(seats) < min(2, len(self.subjects)) or 0 not in seats:
                return  # there is nothing left to pair
            if number and number % DEAL_EVERY == 0:
                self._each(index, seats, self._deal)
            before = self._hooks.steal()
            for variant in order:
                if variant in seats:
                    self._guarded(index, seats, variant, lambda seat: self._turn(seat, calls))
            after = self._hooks.steal()
            steal = None if after is None or before is None else after - before
            done, planned = index * self.design.rounds + number + 1, self.design.sessions * self.design.rounds
            self._hooks.on_progress(Progress(self.stage, done, max(done, planned), self.detail))
            yield order, steal

    def _deal(self, seat: _Seat) -> None:
        """Have a worker's pages dealt out anew, unless it is the user's own process."""
        if seat.worker.kind is not WorkerKind.IN_PROCESS:
            dealt = bool(self._ask(seat, "deal").get("dealt"))
            seat.process["deals"] = seat.process.get("deals", 0) + dealt

    def _turn(self, seat: _Seat, calls: int) -> None:
        """Let one variant run an epoch."""
        answer = self._ask(seat, "epoch", calls=calls)
        for name, values in seat.columns.items():
            values.append(answer[name])

    def _yardsticks(self, index: int, seats: dict[int, _Seat]) -> list[int]:
        """Time what is always the same, before warming up and after the last round, never between; give the baseline's.

        Between rounds it slows whoever shares its core for the next milliseconds: a product of matrices lowers the
        clock rate. On one machine the baseline's next epoch took 13 % longer, and two identical variants came out 2 to
        4 % apart. Every variant runs it, so that no process has a history of its own.
        """
        found: dict[int, list[int]] = {}
        self._each(index, seats, lambda seat: found.update({seat.variant: self._timed_yardsticks(seat)}))
        return found.get(0, [])

    def _timed_yardsticks(self, seat: _Seat) -> list[int]:
        return [int(self._ask(seat, "yardstick")["wall_ns"]) for _ in range(YARDSTICKS)]

    def _digest(self, seat: _Seat) -> None:
        """Hash another output, compare it with those of the first two calls, and see what the process has become."""
        status = self._ask(seat, "status")
        seat.process |= {f"{name}_at_end": status.get(name) for name in ("calls", "resident_bytes", "forks")}
        outputs = [*seat.outputs, self._ask(seat, "outputs")]
        digests = {output["digest"] for output in outputs}
        found = {
            "digest": outputs[-1]["digest"],
            "reason": outputs[-1]["reason"],
            "nan": any(output["nan"] for output in outputs),
            "repeats": None if None in digests else len(digests) == 1,
        }
        seat.turns = replace(seat.turns, output=found)

    def _each(self, index: int, seats: dict[int, _Seat], work: Callable[[_Seat], object]) -> None:
        for variant in list(seats):
            self._guarded(index, seats, variant, work)

    def _guarded(self, index: int, seats: dict[int, _Seat], variant: int, work: Callable[[_Seat], object]) -> None:
        """Do something with one worker; if it fails, end it, keep what it measured, and go on without it."""
        try:
            work(seats[variant])
        except WorkerError as error:
            self._lose(index, seats, variant, error.failure)
        except (KeyError, TypeError, ValueError) as error:
            failure = Failure(FailureKind.GARBLED, f"its answer could not be read: {error!r}", "an answer")
            self._lose(index, seats, variant, failure)

    def _lose(self, index: int, seats: dict[int, _Seat], variant: int, failure: Failure) -> None:
        self.lost.append(Lost(variant, index, failure))
        seats.pop(variant).worker.close()

    def _ask(self, seat: _Seat, do: str, **arguments: Any) -> dict[str, Any]:
        return seat.worker.ask(do, self.design.timeout_seconds, **arguments)


def _spent(moments: list[int], turns: Sequence[Turns]) -> Spent:
    start, warmup, rounds, finish = ((later - earlier) / 1e9 for earlier, later in pairwise(moments))
    return Spent(start, warmup, rounds, sum(sum(entry.wall_ns) for entry in turns) / 1e9, finish)
