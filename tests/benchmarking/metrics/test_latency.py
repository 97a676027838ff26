"""Absolute latency, over processes that know their answers."""

import pytest

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.metrics.latency import measure_latencies_of


class Process:
    """A worker whose every call takes the same time, except for a wait before it settles."""

    def __init__(self, duration, restless):
        self.duration = duration
        self.restless = restless

    def ask(self, do, seconds, count=0, **_):
        assert seconds > 0
        growing = [self.duration + 10 * place * self.restless for place in range(count)]
        return {"load": {}, "settle": {}, "clock": {"cost_ns": 50}, "series": {"wall_ns": growing}}[do]

    def close(self):
        """Nothing was started."""


def processes(*durations, restless=0):
    """Start processes of these speeds, one after another; the last of them may never settle."""
    left = [Process(duration, place >= len(durations) - restless) for place, duration in enumerate(durations)]
    return Case(start=lambda: left.pop(0))


def test_the_median_is_over_all_calls_of_all_processes():
    """The clock's own cost taken off each; seconds."""
    estimate = measure_latencies_of(processes(1050, 2050, 3050, 4050, 5050)).estimate
    assert estimate.value == pytest.approx(3e-6)


def test_the_interval_holds_the_luck_of_processes():
    """Two thousand calls would bound a median to a per cent; five processes that differ do not."""
    alike = measure_latencies_of(processes(*[1050] * 5)).estimate
    apart = measure_latencies_of(processes(850, 950, 1050, 1150, 1250)).estimate
    assert (alike.low, alike.high) == pytest.approx((1e-6, 1e-6))
    assert apart.low < 0.9e-6
    assert apart.high > 1.1e-6


def test_every_call_is_kept():
    """In its session, in order."""
    raw = measure_latencies_of(processes(*[1050] * 5)).raw
    assert [len(session) for session in raw["sessions_ns"]] == [400] * 5


def test_the_tails_are_parts():
    """p99 of two thousand calls has its interval."""
    parts = measure_latencies_of(processes(*[1050] * 5)).parts
    assert {name: part.value for name, part in parts.items()} == pytest.approx({"p90": 1e-6, "p99": 1e-6})


@pytest.mark.parametrize(("restless", "is_measured"), [(2, True), (3, False)])
def test_times_that_never_settle_are_no_latency(restless, is_measured):
    """If most sessions end as they began: changing."""
    found = measure_latencies_of(processes(*[1050] * 5, restless=restless))
    assert found.is_measured is is_measured
    assert is_measured or "no steady state" in found.reason


def test_this_process_alone_gives_no_interval(clock):
    """One session says nothing about another, and the estimate says that."""
    found = measure_latencies_of(Case(batch=lambda _: lambda: clock.pass_time(1000), clock=clock))
    assert (found.estimate.value, found.estimate.low, found.estimate.high) == (1e-6, None, None)
    assert "one session" in found.estimate.reason
