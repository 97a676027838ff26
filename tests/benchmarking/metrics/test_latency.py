"""Absolute latency, over processes that know their answers."""

import itertools
import json

import pytest

from benchmarking.virtual_workers import Cost, VirtualWorker, World
from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.measurement import SingleCalls
from tinytorch.benchmarking.metrics.latency import measure_latencies_of

SECOND = 1_000_000_000


def processes(clock, *costs, speed=lambda _: 1.0):
    """Start processes whose calls cost this much, one after another."""
    world, left = World(clock, speed), list(costs)
    return Case(start=lambda: VirtualWorker(world, Cost(left.pop(0)), None), clock=clock)


def test_the_median_is_over_all_calls_of_all_processes(clock):
    """The clock's own cost taken off each; seconds."""
    estimate = measure_latencies_of(processes(clock, 1000, 2000, 3000, 4000, 5000)).estimate
    assert estimate.value == pytest.approx(3e-6)


def test_the_interval_holds_the_luck_of_processes(clock):
    """Two thousand calls would bound a median to a per cent; five processes that differ do not."""
    alike = measure_latencies_of(processes(clock, *[1000] * 5)).estimate
    apart = measure_latencies_of(processes(clock, 800, 900, 1000, 1100, 1200)).estimate
    assert (alike.low, alike.high) == pytest.approx((1e-6, 1e-6))
    assert apart.low < 0.9e-6
    assert apart.high > 1.1e-6


def test_every_session_is_kept_as_a_measurement_keeps_it(clock):
    """All its calls, in order, and what was timed before and after them."""
    raw = json.loads(json.dumps(measure_latencies_of(processes(clock, *[1000] * 5)).raw))
    sessions = [SingleCalls.from_dict(session) for session in raw["sessions"]]
    assert [len(session.durations_ns) for session in sessions] == [400] * 5
    assert all(session.before_ns and session.after_ns and session.warmup_ns for session in sessions)


def test_the_tails_are_parts(clock):
    """p99 of two thousand calls has its interval."""
    parts = measure_latencies_of(processes(clock, *[1000] * 5)).parts
    assert {name: part.value for name, part in parts.items()} == pytest.approx({"p90": 1e-6, "p99": 1e-6})


@pytest.mark.parametrize(("restless", "is_measured"), [(2, True), (3, False)])
def test_times_that_never_settle_are_no_latency(clock, restless, is_measured):
    """If most sessions end as they began: changing."""
    case = processes(clock, *[1000] * 5)
    number = itertools.count()
    start = case.start

    def growing():
        worker = start()
        if next(number) < restless:
            began = clock.now_ns()
            worker.world = World(clock, lambda now: 1 + (now - began) / 1e5)
        return worker

    found = measure_latencies_of(Case(start=growing, clock=clock))
    assert found.is_measured is is_measured
    assert is_measured or "no steady state" in found.reason


def test_this_process_alone_gives_no_interval(clock):
    """One session says nothing about another, and the estimate says that."""
    found = measure_latencies_of(Case(batch=lambda _: lambda: clock.pass_time(1000), clock=clock))
    assert (found.estimate.value, found.estimate.low, found.estimate.high) == (1e-6, None, None)
    assert "one session" in found.estimate.reason


def test_a_slow_model_is_called_less_often(clock):
    """Ten seconds a call, and four hundred of them, would be an hour a session."""
    found = measure_latencies_of(processes(clock, *[10 * SECOND] * 5))
    assert [len(session["durations_ns"]) for session in found.raw["sessions"]] == [10] * 5
    assert (found.estimate.value, found.parts["p99"].value) == (pytest.approx(10.0), None)
