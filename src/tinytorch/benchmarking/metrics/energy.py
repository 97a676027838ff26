"""The energy of one inference, from the processor's own counters; never from a model of them.

The counters are the whole machine's. What it uses when idle is measured first and taken off; what anyone else does
meanwhile is not, so that a busy machine gives a wide interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tinytorch.benchmarking.case import Call, Case
from tinytorch.benchmarking.metrics.metric import Finding, Measured, Metric, Unavailable
from tinytorch.benchmarking.metrics.processes import SECONDS
from tinytorch.benchmarking.metrics.rapl import Zone, joules_between, rapl_zones, read_zones
from tinytorch.benchmarking.statistics import t_interval
from tinytorch.quiet import quiet_process

__all__ = ["METRIC", "measure_energy"]

NAME, UNIT = "energy", "joules"
SPAN_NS = 500_000_000  # the counters move about once a millisecond: 0.2 % of a span
EPOCH_NS = 1_000_000
SPAN = {"epochs": SPAN_NS // EPOCH_NS, "limit_ns": SPAN_NS}
ROUNDS = 5

Work = Callable[[], int]


def measure_energy(case: Case) -> Finding:
    """Measure the joules of an inference beyond what the idle machine uses, in rounds of one idle and one busy span."""
    if case.batch is None and case.start is None:
        return Unavailable(NAME, "energy needs a model that can be called")
    try:
        zones = rapl_zones(case.root)
    except (LookupError, OSError, ValueError) as error:
        return Unavailable(NAME, str(error))
    with _busy_work(case) as work:
        rounds = [(*_idle(case, zones), *_busy(case, zones, work)) for _ in range(ROUNDS)]
    joules = [_net(*numbers) for numbers in rounds]
    estimate = t_interval(joules)
    if estimate.low is None or estimate.low <= 0:
        return Unavailable(NAME, "the energy of an inference could not be told from that of the idle machine")
    names = ("idle_joules", "idle_seconds", "busy_joules", "busy_seconds", "calls")
    raw: dict[str, Any] = {name: list(column) for name, column in zip(names, zip(*rounds, strict=True), strict=True)}
    raw |= {"joules_per_call": joules, "zones": [zone.name for zone in zones]}
    return Measured(NAME, UNIT, estimate, raw=raw)


@contextmanager
def _busy_work(case: Case) -> Iterator[Work]:
    """Give what makes calls for one span and counts them: here where the case can be called, else in a process."""
    if case.batch is not None:
        call = case.batch(1)
        call()
        with quiet_process():
            yield lambda: _called(case, call)
    elif case.start is not None:
        process = case.start()
        try:
            process.ask("load", SECONDS)
            calls = process.ask("calibrate", SECONDS, target_ns=EPOCH_NS)["calls"]
            yield lambda: calls * len(process.ask("warm_up", SECONDS, calls=calls, **SPAN)["epochs_ns"])
        finally:
            process.close()


def _called(case: Case, call: Call) -> int:
    start, calls = case.clock.now_ns(), 0
    while case.clock.now_ns() - start < SPAN_NS:
        call()
        calls += 1
    return calls


def _net(idle_joules: float, idle_seconds: float, joules: float, seconds: float, calls: int) -> float:
    return (joules - idle_joules / idle_seconds * seconds) / calls


def _idle(case: Case, zones: list[Zone]) -> tuple[float, float]:
    before, start = read_zones(zones), case.clock.now_ns()
    case.sleeper.sleep_until(start + SPAN_NS)
    after, end = read_zones(zones), case.clock.now_ns()
    return joules_between(zones, before, after), (end - start) / 1e9


def _busy(case: Case, zones: list[Zone], work: Work) -> tuple[float, float, int]:
    before, start = read_zones(zones), case.clock.now_ns()
    calls = work()
    after, end = read_zones(zones), case.clock.now_ns()
    return joules_between(zones, before, after), (end - start) / 1e9, calls


METRIC = Metric(NAME, UNIT, "less", (0.0, math.inf), measure_energy)
