"""Paired timing: a candidate and a baseline in turn, so that both meet the same machine, and an interval of the ratio.

The design and the interval are those of the project's methodology: per round one epoch of each, in the order ABBA or
BAAB at random; one number of calls per epoch for both; GC off; the median log ratio of each session (a fresh process);
the interval is the hull of Student's t over sessions and the exact sign-test interval over all rounds.

Source:
    T. Kalibera, R. Jones (2013), Rigorous Benchmarking in Reasonable Time.
"""

import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy import stats

EPOCH_SECONDS = 1e-3
CONFIDENCE = 0.95

Call = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """How many times faster the candidate is: the estimate and its 95 % interval."""

    speedup: float
    low: float
    high: float


def log_ratios(baseline: Call, candidate: Call, rounds: int, order: random.Random) -> list[float]:
    """Time both in turn and give `ln(t_baseline / t_candidate)` for each round."""
    calls = max(_calls_an_epoch(baseline), _calls_an_epoch(candidate))
    gc.collect()
    gc.disable()
    try:
        pairs = [pair for _ in range((rounds + 1) // 2) for pair in _block(order)]
        return [_one_round(baseline, candidate, calls, candidate_first=first) for first in pairs[:rounds]]
    finally:
        gc.enable()


def summarize(sessions: Sequence[Sequence[float]]) -> Ratio:
    """Make one ratio of the log ratios of several sessions."""
    medians = [statistics.median(rounds) for rounds in sessions]
    center = statistics.fmean(medians)
    pooled = sorted(value for rounds in sessions for value in rounds)
    spread = stats.t.ppf((1 + CONFIDENCE) / 2, len(medians) - 1) * statistics.stdev(medians) / math.sqrt(len(medians))
    # ranks of the exact sign-test interval: the largest k with P(X < k) <= alpha / 2
    rank = int(stats.binom.ppf((1 - CONFIDENCE) / 2, len(pooled), 0.5))
    low, high = (pooled[rank - 1], pooled[-rank]) if rank else (-math.inf, math.inf)
    return Ratio(math.exp(center), math.exp(min(center - spread, low)), math.exp(max(center + spread, high)))


def _block(order: random.Random) -> tuple[bool, bool]:
    return (False, True) if order.random() < 0.5 else (True, False)


def _one_round(baseline: Call, candidate: Call, calls: int, *, candidate_first: bool) -> float:
    if candidate_first:
        theirs, ours = reversed((_epoch(candidate, calls), _epoch(baseline, calls)))
    else:
        theirs, ours = _epoch(baseline, calls), _epoch(candidate, calls)
    return math.log(theirs / ours)


def _epoch(call: Call, calls: int) -> float:
    call()  # untimed: the caches are the other's
    start = time.perf_counter_ns()
    for _ in range(calls):
        call()
    return time.perf_counter_ns() - start


def _calls_an_epoch(call: Call) -> int:
    for _ in range(3):
        call()
    calls = 1
    while _epoch(call, calls) < EPOCH_SECONDS * 1e9:
        calls *= 2
    return calls
