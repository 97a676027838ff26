"""How long one inference takes, call by call, over several fresh processes: a process has its own luck.

On a shared machine such a number holds for that machine at that time, give or take a quarter; two models are compared
by `compare`, in pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.measure import Plan, measure_latency
from tinytorch.benchmarking.metrics.metric import Finding, Measured, Metric, Unavailable
from tinytorch.benchmarking.metrics.processes import Answer, ask_fresh
from tinytorch.benchmarking.statistics import percentile_of_sessions, steady_state
from tinytorch.benchmarking.statistics.steady import NO_STEADY_STATE

__all__ = ["METRIC", "measure_latencies_of"]

NAME, UNIT = "latency", "seconds"
SESSIONS = 5
CALLS = 400  # five times as many are 2,000, of which a p99 has its interval
WARMUP_NS = 200_000_000
BUDGET_NS = 4_000_000_000  # of one session's calls, for a model whose calls are long
TAILS = {"p90": 90.0, "p99": 99.0}


def measure_latencies_of(case: Case) -> Finding:
    """Estimate the median and the tails; of five fresh processes where they can be had, else of this one.

    From this process alone, the median has no interval: one session says nothing about another.
    """
    if case.start is not None:
        sessions = [_durations(answers) for answers in ask_fresh(case, SESSIONS, *_questions())]
    elif case.batch is not None:
        plan = Plan(runs=CALLS * SESSIONS, warmup=CALLS)
        sessions = [list(measure_latency(case.batch(1), plan, case.clock).samples.nanoseconds)]
    else:
        return Unavailable(NAME, "latency needs a model that can be called, here or in a fresh process")
    restless = sum(_is_restless(session) for session in sessions)
    if restless * 2 > len(sessions):
        return Unavailable(NAME, f"no steady state: in {restless} of {len(sessions)} sessions the times never settled")
    return _found(sessions)


def _questions() -> list[tuple[str, dict[str, int]]]:
    return [
        ("load", {}),
        ("settle", {}),
        ("clock", {}),
        ("series", {"count": CALLS, "budget_ns": WARMUP_NS}),
        ("series", {"count": CALLS, "budget_ns": BUDGET_NS}),
    ]


def _durations(answers: Sequence[Answer]) -> list[int]:
    """Take the clock's own cost off every call, down to 1 ns."""
    *_, clock, _, series = answers
    return [max(duration - clock["cost_ns"], 1) for duration in series["wall_ns"]]


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
