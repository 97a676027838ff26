"""The rate a server keeps its promise at, on a clock whose every answer is known."""

import json
import math
from dataclasses import replace

import pytest

from tinytorch.benchmarking.scenarios import ServerPlan, ServerRecord, ServiceLevel, Trial, judge, server, try_rate
from tinytorch.errors import RangeError

MS = 1_000_000
LEVEL = ServiceLevel(10 * MS)


def trial_of(latencies, lateness=0, gap=20 * MS):
    """Make a trial of queries far apart, with these latencies."""
    due = [gap * (place + 1) for place in range(len(latencies))]
    started = [instant + lateness for instant in due]
    ended = [instant + latency for instant, latency in zip(due, latencies, strict=True)]
    return Trial(1e9 / gap, 0, tuple(due), tuple(started), tuple(ended))


@pytest.mark.parametrize(
    ("late", "total", "expected"),
    [(0, 367, "undecided"), (0, 368, "pass"), (4, 400, "undecided"), (12, 400, "fail"), (400, 400, "fail")],
)
def test_the_bounds_of_the_share_that_was_late_decide(late, total, expected):
    """368 are the fewest that can pass p99: none late bounds the share by 1 %."""
    latencies = [MS] * total
    for place in range(late):
        latencies[place * total // late] = 11 * MS
    assert judge(trial_of(latencies), LEVEL).verdict == expected


def test_queries_that_are_late_together_count_for_less():
    """Twelve in a row are one event, and twelve of 400 spread out are twelve."""
    latencies = [11 * MS] * 12 + [MS] * 388
    assert judge(trial_of(latencies), LEVEL).verdict == "undecided"


def test_a_query_done_exactly_in_time_is_in_time():
    """Late is above the limit."""
    assert judge(trial_of([10 * MS] * 400), LEVEL).verdict == "pass"


@pytest.mark.parametrize(("lateness", "expected"), [(100_000, "pass"), (100_001, "invalid")])
def test_a_sender_late_by_more_than_a_hundredth_of_the_limit_is_invalid(lateness, expected):
    """Its own delay would be counted as the model's."""
    judgement = judge(trial_of([MS] * 400, lateness), LEVEL)
    assert judgement.verdict == expected
    assert ("sent" in judgement.reason) == (expected == "invalid")


def test_a_few_late_sendings_do_not_matter():
    """The p99 of lateness counts."""
    trial = trial_of([MS] * 400)
    started = tuple(start + 5 * MS * (place < 4) for place, start in enumerate(trial.started_ns))
    assert judge(Trial(trial.rate, 0, trial.due_ns, started, trial.ended_ns), LEVEL).verdict == "pass"


def test_sendings_of_which_two_in_a_hundred_were_late_are_invalid():
    """One in a hundred may be."""
    trial = trial_of([MS] * 400)
    started = tuple(start + 5 * MS * (place < 8) for place, start in enumerate(trial.started_ns))
    assert judge(Trial(trial.rate, 0, trial.due_ns, started, trial.ended_ns), LEVEL).verdict == "invalid"


@pytest.mark.parametrize(("last", "expected"), [(7_900_000, "pass"), (8_000_000, "invalid")])
def test_two_per_cent_of_imbalance_are_the_limit(last, expected):
    """The last query's wait lies after the last arrival: of 399 ms inside, 7.98 are 2 %."""
    assert judge(trial_of([MS] * 399 + [last]), LEVEL).verdict == expected


def test_a_rate_that_passed_above_one_that_failed_is_not_reported():
    """It was lucky."""
    passing, failing = trial_of([MS] * 400), trial_of([11 * MS] * 400)
    rates = ((passing, 50.0), (failing, 100.0), (passing, 200.0))
    record = ServerRecord(LEVEL, ServerPlan(), tuple(replace(trial, rate=rate) for trial, rate in rates))
    assert (record.rate_passed, record.rate_failed) == (50.0, 100.0)


def test_a_queue_that_still_grew_does_not_pass():
    """Latencies in time so far, and most of the waiting after the last arrival: L is not lambda W."""
    due = tuple(range(1000, 401_000, 1000))
    ended = tuple(2 * instant for instant in due)
    judgement = judge(Trial(1e6, 0, due, due, ended), LEVEL)
    assert (judgement.verdict, "did not balance" in judgement.reason) == ("invalid", True)


def test_a_queue_that_grew_too_long_fails():
    """That is what too high a rate looks like."""
    trial = try_rate_on_a_virtual_server(MS, rate=2000.0, queries=500)
    assert judge(trial, LEVEL).verdict == "fail"


def try_rate_on_a_virtual_server(service, rate, queries):
    """Offer queries to a server that takes `service` for each."""
    time = VirtualTime()
    return try_rate(lambda: time.pass_time(service), rate, queries, seed=0, clock=time, sleeper=time)


class VirtualTime:
    """A clock that is its own sleeper."""

    def __init__(self):
        self.time = 0

    def now_ns(self):
        return self.time

    def pass_time(self, nanoseconds):
        self.time += nanoseconds

    def sleep_until(self, instant):
        self.time = max(self.time, instant)


def waiting_at_most(limit, service, rate):
    """Give the probability that a query of an M/D/1 queue waits at most `limit`, by Erlang's formula (1909)."""
    load, terms = rate * service, range(int(limit / service) + 1)
    parts = ((-rate * (limit - k * service)) ** k / math.factorial(k) for k in terms)
    exponentials = (math.exp(rate * (limit - k * service)) for k in terms)
    return (1 - load) * math.fsum(p * e for p, e in zip(parts, exponentials, strict=True))


def test_the_rates_found_bracket_the_one_of_queueing_theory(clock):
    """Constant service of 1 ms, 99 % within 10 ms: the waiting time's distribution is known in closed form."""
    found = server(lambda: clock.pass_time(MS), LEVEL, ServerPlan(queries=4000, seed=1), clock, clock)
    assert waiting_at_most(9e-3, 1e-3, found.rate_passed) >= 0.99 > waiting_at_most(9e-3, 1e-3, found.rate_failed)
    assert found.rate_passed < found.rate_failed <= found.rate_passed * 1.5


def test_a_model_slower_than_the_limit_passes_at_no_rate(clock):
    """None, and not 0."""
    plan = ServerPlan(queries=500, most_trials=6)
    found = server(lambda: clock.pass_time(11 * MS), LEVEL, plan, clock, clock)
    assert found.rate_passed is None
    assert found.rate_failed > 0


def test_the_search_ends_with_the_trials_it_may_make(clock):
    """However far apart the rates still are."""
    found = server(lambda: clock.pass_time(MS), LEVEL, ServerPlan(queries=500, most_trials=3), clock, clock)
    assert len(found.trials) == 3


def test_an_undecided_rate_is_tried_for_longer(clock):
    """Twice as long each time, with a schedule of its own."""
    found = server(lambda: clock.pass_time(MS), LEVEL, ServerPlan(queries=100, seed=7), clock, clock)
    first = [len(trial.due_ns) for trial in found.trials if trial.rate == found.trials[0].rate]
    assert first == [100, 200, 400]
    assert [trial.seed for trial in found.trials] == list(range(7, 7 + len(found.trials)))


def test_what_the_record_says_follows_from_its_raw_instants(clock):
    """Trials can be drawn, judged and counted again from the record alone."""
    found = server(lambda: clock.pass_time(MS), LEVEL, ServerPlan(queries=500), clock, clock)
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    level = ServiceLevel(record["latency_ns"], record["percentile"])
    rates = {"pass": [], "fail": []}
    for trial in record["trials"]:
        instants = (tuple(trial[name]) for name in ("due_ns", "started_ns", "ended_ns"))
        verdict = judge(Trial(trial["rate_per_second"], trial["seed"], *instants), level).verdict
        rates.setdefault(verdict, []).append(trial["rate_per_second"])
    assert (max(r for r in rates["pass"] if r < min(rates["fail"])), min(rates["fail"])) == (
        found.rate_passed,
        found.rate_failed,
    )


@pytest.mark.parametrize(
    ("latency", "percentile"), [(0, 99), (1.5, 99), (True, 99), (1, 0), (1, 100), (1, math.nan), (1, -5)]
)
def test_a_promise_that_is_none_is_refused(latency, percentile):
    """Both parts of it."""
    with pytest.raises(RangeError):
        ServiceLevel(latency, percentile)
