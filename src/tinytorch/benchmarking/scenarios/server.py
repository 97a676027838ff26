"""Server: queries arrive at random, and a rate is worth what share of them is answered in time.

The rates that pass and that fail are found by bisection. What lies between is what this many queries cannot tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tinytorch.benchmarking.clock import CLOCK, SLEEPER, Clock, Sleeper
from tinytorch.benchmarking.scenarios.arrivals import poisson_arrivals
from tinytorch.benchmarking.scenarios.trial import Trial, offer
from tinytorch.benchmarking.statistics import RateVerdict, littles_law_gap, rate_verdict, sample_std
from tinytorch.benchmarking.timing import Plan, measure_latency
from tinytorch.errors import RangeError, explain

__all__ = ["Judgement", "ServerPlan", "ServerRecord", "ServiceLevel", "judge", "server", "try_rate"]

Call = Callable[[], object]
LATENESS = 0.01  # of the service level; more, and the sender was measured with the model
GAP = 0.02
BATCHES = 20
PERCENT = 99
SETTLED = ("pass", "fail")


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """What is promised: `percentile` of a hundred queries are done within `latency_ns` of when they were due."""

    latency_ns: int
    percentile: float = 99.0

    def __post_init__(self) -> None:
        if isinstance(self.latency_ns, bool) or not isinstance(self.latency_ns, int) or self.latency_ns < 1:
            raise RangeError(explain("latency_ns", "a whole number of at least 1", self.latency_ns))
        if not 0 < self.percentile < 100:
            remedy = "99 promises it of 99 in 100 queries."
            raise RangeError(explain("percentile", "in (0, 100)", self.percentile, remedy=remedy))


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """How to look for the rate.

    Attributes:
        seed: What every schedule is drawn from, with the trial's number.
        queries: The first trial's at each rate; an undecided one is followed by one twice as long.
        most_seconds: The longest a schedule may be.
        closeness: Stop when the rate that fails is below this many times the one that passes.
        most_trials: Stop after so many, however far apart they are.
    """

    seed: int = 0
    queries: int = 2000
    most_seconds: float = 30.0
    closeness: float = 1.1
    most_trials: int = 40


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a trial says about its rate.

    Attributes:
        verdict: `pass`, `fail`, `undecided` or `invalid`.
        reason: Why, in a sentence.
    """

    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """Every trial, and what follows from them.

    Attributes:
        level: What was promised.
        plan: How the rate was looked for.
        trials: All of them, in order, with their raw instants.
    """

    level: ServiceLevel
    plan: ServerPlan
    trials: tuple[Trial, ...]
    scenario: str = "server"

    @property
    def rate_passed(self) -> float | None:
        """The highest rate, in queries a second, that passed below every rate that failed; none if none did."""
        failed = self.rate_failed
        passed = [rate for rate in self._rates("pass") if failed is None or rate < failed]
        return max(passed, default=None)

    @property
    def rate_failed(self) -> float | None:
        """The lowest rate that failed; none if none did."""
        return min(self._rates("fail"), default=None)

    def _rates(self, verdict: str) -> list[float]:
        return [trial.rate for trial in self.trials if judge(trial, self.level).verdict == verdict]

    def to_dict(self) -> dict[str, object]:
        """Give the record with its raw instants, as it travels in a file."""
        return {
            "scenario": self.scenario,
            "latency_ns": self.level.latency_ns,
            "percentile": self.level.percentile,
            "seed": self.plan.seed,
            "trials": [trial.to_dict() for trial in self.trials],
        }


def server(
    call: Call,
    level: ServiceLevel,
    plan: ServerPlan | None = None,
    clock: Clock = CLOCK,
    sleeper: Sleeper = SLEEPER,
) -> ServerRecord:
    """Find the highest rate at which the service level is kept, and the lowest at which it is not.

    Args:
        call: One query; queries are served one at a time, in the order they were due.
        level: What is promised.
        plan: How to look.
        clock: What tells the time.
        sleeper: What waits for an instant of that clock.
    """
    plan = plan or ServerPlan()
    durations = measure_latency(call, Plan(runs=20), clock).samples.nanoseconds
    search = _Search(call, level, plan, clock, sleeper)
    search.bracket(0.5e9 / median(durations))
    search.bisect()
    return ServerRecord(level, plan, tuple(search.trials))


def try_rate(
    call: Call, rate: float, queries: int, seed: int, clock: Clock = CLOCK, sleeper: Sleeper = SLEEPER
) -> Trial:
    """Draw a schedule, then send its queries."""
    due = poisson_arrivals(rate, queries, seed)
    return Trial(rate, seed, due, *offer(call, due, clock, sleeper))


def judge(trial: Trial, level: ServiceLevel) -> Judgement:
    """Say whether the rate keeps the service level, as far as the trial can tell.

    It passes if even the upper bound of the probability of being late is allowed, and fails if the lower bound is not.
    Queries that waited for one another are late together, and say less than as many independent ones; the bounds are
    those of the number of independent ones that say as much. A trial whose sender was late is invalid, and so is a pass
    while the queue still grew; a queue that grows is what failing looks like.

    Source:
        L. Kish (1965), Survey Sampling, section 5.4, on the effect of clusters.
    """
    lateness = _lateness(trial)
    if lateness > LATENESS * level.latency_ns:
        return Judgement("invalid", f"queries were sent {lateness / 1e3:.1f} us late, over 1 % of the service level")
    late = [latency > level.latency_ns for latency in trial.latencies_ns]
    verdict, gap = rate_verdict(*_independent(late), level.percentile), _imbalance(trial)
    counted = f"{sum(late)} of {len(late)} queries were late"
    if verdict is RateVerdict.FAIL:
        return Judgement("fail", counted)
    if gap > GAP:
        return Judgement("invalid", f"the queue did not balance: L and lambda W differ by {gap:.1%}")
    return Judgement("pass" if verdict is RateVerdict.PASS else "undecided", counted)


def _independent(late: Sequence[bool]) -> tuple[int, int]:
    """Count the late and all queries, each divided by how much more batches of them vary than independent ones would.

    At the very rate that keeps the promise in the long run, a queue of constant service passed 2,000 queries 32 times
    in 60 and failed 10 times by the plain counts, 19 and 3 times by these.
    """
    count, total = sum(late), len(late)
    size = total // BATCHES
    if not size or count in {0, total}:
        return count, total
    shares = [sum(late[start : start + size]) / size for start in range(0, size * BATCHES, size)]
    share = count / total
    effect = max(sample_std(shares) ** 2 * size / (share * (1 - share)), 1.0)
    fewer = math.ceil(count / effect)
    return fewer, max(int(total / effect), fewer)


def _lateness(trial: Trial) -> int:
    """Give the p99 of the sender's lateness, in nanoseconds."""
    return sorted(trial.lateness_ns)[math.ceil(len(trial.due_ns) * PERCENT / 100) - 1]


def _imbalance(trial: Trial) -> float:
    """Compare the mean number of queries in the system, until the last one was due, with rate times latency."""
    end = trial.due_ns[-1]
    inside = sum(min(ended, end) - due for due, ended in zip(trial.due_ns, trial.ended_ns, strict=True))
    if inside <= 0:
        return math.inf  # nothing was ever waited for: this trial shows no queue at all
    waits = sum(trial.latencies_ns) / len(trial.due_ns)
    return littles_law_gap(inside / end, len(trial.due_ns) / end, waits)


class _Search:
    """The rates tried so far, and the next one."""

    def __init__(self, call: Call, level: ServiceLevel, plan: ServerPlan, clock: Clock, sleeper: Sleeper) -> None:
        self.trials: list[Trial] = []
        self._level = level
        self._plan = plan
        self._low: float | None = None
        self._high: float | None = None
        self._try: Callable[[float, int, int], Trial] = lambda rate, queries, seed: try_rate(
            call, rate, queries, seed, clock, sleeper
        )

    def bracket(self, rate: float) -> None:
        """Double a rate until it fails, or halve it until it passes."""
        while (self._low is None or self._high is None) and self._settles(rate):
            rate = rate * 2 if self._high is None else rate / 2

    def bisect(self) -> None:
        """Halve the distance, on the scale of ratios, until it is small or nothing more can be told."""
        while self._low is not None and self._high is not None and self._high > self._low * self._plan.closeness:
            if not self._settles(math.sqrt(self._low * self._high)):
                return

    def _settles(self, rate: float) -> bool:
        """Try a rate, for longer and longer, until it passes or fails."""
        for queries in self._lengths(rate):
            seed = self._plan.seed + len(self.trials)
            self.trials.append(self._try(rate, queries, seed))
            verdict = judge(self.trials[-1], self._level).verdict
            if verdict in SETTLED:
                self._low, self._high = (rate, self._high) if verdict == "pass" else (self._low, rate)
                return True
        return False

    def _lengths(self, rate: float) -> Iterator[int]:
        queries = self._plan.queries
        while len(self.trials) < self._plan.most_trials:
            yield queries
            queries *= 2
            if queries > rate * self._plan.most_seconds:
                return
