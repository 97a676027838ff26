"""Absolute latency, over processes that know their answers."""

import pytest

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.metrics.latency import measure_latencies_of


class Process:
    """A worker whose every call takes the same time, except for a wait before it settles."""

    def __init__(self, duration, restless, slow=1000):
        self.duration = duration
        self.slow = slow
        self.restless = restless

    def ask(self, command, seconds, calls=0, **_):
        assert seconds > 0
        growing = [self.duration + 10 * place * self.restless for place in range(calls)]
        return {"load": {"second_call_ns": self.slow}, "single": {"durations_ns": growing}}.get(command, {})

    def close(self):
        """Nothing was started."""


def processes(clock, *durations, restless=0):
    """Start processes of these speeds, one after another; the last of them may never settle."""
    left = [Process(duration, place >= len(durations) - restless) for place, duration in enumerate(durations)]
    clock.cost = 50
    return Case(start=lambda: left.pop(0), clock=clock)


def test_the_median_is_over_all_calls_of_all_processes(clock):
    """The clock's own cost taken off each; seconds."""
    estimate = measure_latencies_of(processes(clock, 1050, 2050, 3050, 4050, 5050)).estimate
    assert estimate.value == pytest.approx(3e-6)


def test_the_interval_holds_the_luck_of_processes(clock):
    """Two thousand calls would bound a median to a per cent; five processes that differ do not."""
    alike = measure_latencies_of(processes(clock, *[1050] * 5)).estimate
    apart = measure_latencies_of(processes(clock, 850, 950, 1050, 1150, 1250)).estimate
    assert (alike.low, alike.high) == pytest.approx((1e-6, 1e-6))
    assert apart.low < 0.9e-6
    assert apart.high > 1.1e-6


def test_every_call_is_kept(clock):
    """In its session, in order."""
    raw = measure_latencies_of(processes(clock, *[1050] * 5)).raw
    assert [len(session) for session in raw["sessions_ns"]] == [400] * 5


def test_the_tails_are_parts(clock):
    """p99 of two thousand calls has its interval."""
    parts = measure_latencies_of(processes(clock, *[1050] * 5)).parts
    assert {name: part.value for name, part in parts.items()} == pytest.approx({"p90": 1e-6, "p99": 1e-6})


@pytest.mark.parametrize(("restless", "is_measured"), [(2, True), (3, False)])
def test_times_that_never_settle_are_no_latency(clock, restless, is_measured):
    """If most sessions end as they began: changing."""
    found = measure_latencies_of(processes(clock, *[1050] * 5, restless=restless))
    assert found.is_measured is is_measured
    assert is_measured or "no steady state" in found.reason


def test_this_process_alone_gives_no_interval(clock):
    """One session says nothing about another, and the estimate says that."""
    found = measure_latencies_of(Case(batch=lambda _: lambda: clock.pass_time(1000), clock=clock))
    assert (found.estimate.value, found.estimate.low, found.estimate.high) == (1e-6, None, None)
    assert "one session" in found.estimate.reason


def test_a_slow_model_is_called_less_often(clock):
    """Ten seconds a call, and four hundred of them, would be an hour a session."""
    left = [Process(10**10, restless=False, slow=10**10) for _ in range(5)]
    found = measure_latencies_of(Case(start=lambda: left.pop(0), clock=clock))
    assert [len(session) for session in found.raw["sessions_ns"]] == [10] * 5
    assert (found.estimate.value, found.parts["p99"].value) == (10.0, None)
