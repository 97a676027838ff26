"""Timing calls: warmed up, one by one, with the collector off and the BLAS threads pinned and recorded.

Nothing here knows what a model is; a call is a function of no arguments whose data is already prepared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinytorch.benchmarking.clock import CLOCK, Clock, read_cost_ns
from tinytorch.benchmarking.statistics import Samples
from tinytorch.errors import RangeError, explain
from tinytorch.quiet import quiet_process

__all__ = ["Call", "Latency", "Plan", "measure_latencies", "measure_latency"]

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to time calls.

    Attributes:
        runs: Timed calls of each variant, at least 1.
        warmup: Untimed calls of each variant before the first timed one, besides the very first call; at least 0.
        per_round: Timed calls of one variant before the next has its turn, at least 1.
        blas_threads: Threads the matrix library may use meanwhile; none leaves it alone.
    """

    runs: int = 100
    warmup: int = 10
    per_round: int = 10
    blas_threads: int | None = 1

    def __post_init__(self) -> None:
        for name, least in (("runs", 1), ("warmup", 0), ("per_round", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise RangeError(explain(name, f"a whole number of at least {least}", value))


@dataclass(frozen=True, slots=True)
class Latency:
    """The timed calls of one variant, and how they came about.

    Attributes:
        samples: The duration of each timed call, the clock's own cost taken off, at least 1 ns.
        first_call_ns: The duration of the very first call, which pays for caches and lazy set-up.
        warmup_count: The calls that were made and are no sample, the first call included.
        clock_cost_ns: What was taken off each duration.
        blas_threads: The threads the matrix library really had; none if there is no such library to ask.
        variants: How many variants took turns.
    """

    samples: Samples
    first_call_ns: int
    warmup_count: int
    clock_cost_ns: int
    blas_threads: int | None
    variants: int


def measure_latency(call: Call, plan: Plan | None = None, clock: Clock = CLOCK) -> Latency:
    """Time one call alone.

    Example:
        >>> measured = measure_latency(lambda: sum(range(100)), Plan(runs=3, warmup=1))
        >>> len(measured.samples.nanoseconds), measured.warmup_count
        (3, 2)
    """
    return measure_latencies([call], plan, clock)[0]


def measure_latencies(calls: Sequence[Call], plan: Plan | None = None, clock: Clock = CLOCK) -> list[Latency]:
    """Time several calls in turns, so that a change of the machine's speed meets all of them alike.

    A round gives every variant its turn, every second round in reverse order. A turn is one untimed call, where there
    is anything to switch from, and then `plan.per_round` timed ones.

    Returns:
        One latency for each call, in their order.

    Raises:
        RangeError: If there is no call.
    """
    if not calls:
        raise RangeError(explain("the calls", "at least one", "none"))
    plan = plan or Plan()
    with quiet_process(plan.blas_threads) as threads:
        variants = [_Variant(call, clock, read_cost_ns(clock)) for call in calls]
        for variant in variants:
            variant.warm_up(plan.warmup)
        for number, size in enumerate(_round_sizes(plan)):
            for variant in variants if number % 2 == 0 else reversed(variants):
                variant.take_turn(size, switched=len(variants) > 1)
    return [variant.latency(threads, len(variants)) for variant in variants]


class _Variant:
    """One call under the clock."""

    def __init__(self, call: Call, clock: Clock, cost: int) -> None:
        self._call = call
        self._clock = clock
        self._cost = cost
        self._durations: list[int] = []
        self._warmups = 0
        self._first = 0

    def warm_up(self, times: int) -> None:
        self._first = self._timed()
        self._untimed(times)
        self._warmups += 1

    def take_turn(self, times: int, *, switched: bool) -> None:
        self._untimed(int(switched))
        for _ in range(times):
            self._durations.append(self._timed())

    def latency(self, threads: int | None, variants: int) -> Latency:
        samples = Samples(tuple(self._durations))
        return Latency(samples, self._first, self._warmups, self._cost, threads, variants)

    def _untimed(self, times: int) -> None:
        for _ in range(times):
            self._call()
        self._warmups += times

    def _timed(self) -> int:
        call, now = self._call, self._clock.now_ns  # looked up here, not between the two reads
        start = now()
        call()
        end = now()
        return max(end - start - self._cost, 1)


def _round_sizes(plan: Plan) -> list[int]:
    whole, rest = divmod(plan.runs, plan.per_round)
    return [plan.per_round] * whole + [rest] * (rest > 0)
