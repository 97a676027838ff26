"""How long one inference takes, call by call, over several fresh processes: a process has its own luck.

On a shared machine such a number holds for that machine at that time, give or take a quarter; two models are compared
by `compare`, in pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinytorch.benchmarking.case import Case, Process
from tinytorch.benchmarking.clock import read_cost_ns
from tinytorch.benchmarking.metrics.metric import Finding, Measured, Metric, Unavailable
from tinytorch.benchmarking.metrics.processes import SECONDS, Answer, in_fresh
from tinytorch.benchmarking.statistics import percentile_of_sessions, steady_state
from tinytorch.benchmarking.statistics.steady import NO_STEADY_STATE
from tinytorch.benchmarking.timing import Plan, measure_latency

__all__ = ["METRIC", "measure_latencies_of"]

NAME, UNIT = "latency", "seconds"
SESSIONS = 5
CALLS = 400  # five times as many are 2,000, of which a p99 has its interval
WARMUP_NS = 200_000_000
BUDGET_NS = 4_000_000_000  # of one session's calls, for a model whose calls are long
FEWEST = 10
TAILS = {"p90": 90.0, "p99": 99.0}


def measure_latencies_of(case: Case) -> Finding:
    """Estimate the median and the tails; of five fresh processes where they can be had, else of this one.

    From this process alone, the median has no interval: one session says nothing about another.
    """
    if case.start is not None:
        cost = read_cost_ns(case.clock)
        sessions = in_fresh(case, SESSIONS, lambda process, loaded: _session(process, loaded, cost))
    elif case.batch is not None:
        plan = Plan(runs=CALLS * SESSIONS, warmup=CALLS)
        sessions = [list(measure_latency(case.batch(1), plan, case.clock).samples.nanoseconds)]
    else:
        return Unavailable(NAME, "latency needs a model that can be called, here or in a fresh process")
    restless = sum(_is_restless(session) for session in sessions)
    if restless * 2 > len(sessions):
        return Unavailable(NAME, f"no steady state: in {restless} of {len(sessions)} sessions the times never settled")
    return _found(sessions)


def _session(process: Process, loaded: Answer, cost: int) -> list[int]:
    """Warm up, then time calls one by one; the clock's own cost is taken off each, down to 1 ns."""
    calls = min(CALLS, max(BUDGET_NS // max(loaded["second_call_ns"], 1), FEWEST))
    process.ask("collect", SECONDS)
    process.ask("warm_up", SECONDS, calls=1, epochs=calls, limit_ns=WARMUP_NS)
    return [max(duration - cost, 1) for duration in process.ask("single", SECONDS, calls=calls)["durations_ns"]]


def _is_restless(session: Sequence[int]) -> bool:
    """Say whether the times went on changing; too few of them do not tell."""
    found = steady_state(session)
    return not found.is_steady and found.reason == NO_STEADY_STATE


def _found(sessions: Sequence[Sequence[int]]) -> Measured:
    seconds = [[duration / 1e9 for duration in session] for session in sessions]
    parts = {name: percentile_of_sessions(seconds, percent) for name, percent in TAILS.items()}
    raw = {"sessions_ns": [list(session) for session in sessions]}
    return Measured(NAME, UNIT, percentile_of_sessions(seconds, 50), parts, raw)


METRIC = Metric(NAME, UNIT, "less", (0.0, math.inf), measure_latencies_of)
