"""How long one inference takes, call by call, over several fresh processes: a process has its own luck.

On a shared machine such a number holds for that machine at that time, give or take a quarter; two models are compared
by `compare`, in pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.measurement.single_calls import SingleCalls, are_steady, percentile_of
from tinytorch.benchmarking.measurement.timed import time_calls
from tinytorch.benchmarking.metrics.metric import Finding, Measured, Metric, Unavailable
from tinytorch.benchmarking.metrics.processes import SECONDS, in_fresh
from tinytorch.benchmarking.records import NO_STEADY_STATE
from tinytorch.benchmarking.timing import Plan, measure_latency

__all__ = ["METRIC", "measure_latencies_of"]

NAME, UNIT = "latency", "seconds"
SESSIONS = 5
CALLS = 400  # five times as many are 2,000, of which a p99 has its interval
BUDGET_NS = 4_000_000_000  # of one session's calls, for a model whose calls are long
FEWEST = 10
TAILS = {"p90": 90.0, "p99": 99.0}


def measure_latencies_of(case: Case) -> Finding:
    """Estimate the median and the tails as `measure` does: of five fresh processes where they can be had, else of this.

    From this process alone, the median has no interval: one session says nothing about another.
    """
    if case.start is not None:
        sessions = in_fresh(case, SESSIONS, lambda process, loaded: time_calls(process, loaded, _calls, SECONDS))
    elif case.batch is not None:
        sessions = [_here(case.batch(1), case)]
    else:
        return Unavailable(NAME, "latency needs a model that can be called, here or in a fresh process")
    if not are_steady(sessions):
        return Unavailable(NAME, NO_STEADY_STATE)
    parts = {name: percentile_of(sessions, percent) for name, percent in TAILS.items()}
    raw = {"sessions": [session.to_dict() for session in sessions]}
    return Measured(NAME, UNIT, percentile_of(sessions, 50), parts, raw)


def _calls(call_ns: float) -> int:
    """Say how many calls a session has time for."""
    return int(min(CALLS, max(BUDGET_NS / max(call_ns, 1), FEWEST)))


def _here(call: Callable[[], object], case: Case) -> SingleCalls:
    """Time calls in this process; the clock's own cost is taken off already."""
    found = measure_latency(call, Plan(runs=CALLS * SESSIONS, warmup=CALLS), case.clock)
    return SingleCalls(index=0, durations_ns=found.samples.nanoseconds, clock_cost_ns=0)


METRIC = Metric(NAME, UNIT, "less", (0.0, math.inf), measure_latencies_of)
