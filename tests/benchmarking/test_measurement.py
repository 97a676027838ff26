"""Measuring one subject, on a virtual clock: what comes out is known to the bit."""

import json
from dataclasses import replace

import pytest

from benchmarking.virtual_workers import Cost, World
from tinytorch.benchmarking import Measurement, Sampling, measure
from tinytorch.benchmarking.statistics import Shape
from tinytorch.errors import MeasurementError, RangeError

SECOND = 1_000_000_000


@pytest.fixture
def world(clock):
    """Give a machine on which nothing happens by chance."""
    return World(clock)


def measured(world, cost, sampling=None, **hooks):
    """Measure calls of this cost, in nanoseconds."""
    return measure(cost if isinstance(cost, Cost) else Cost(cost), sampling, seed=7, hooks=world.hooks(**hooks))


def test_a_constant_latency_is_found_to_the_bit(world):
    """The clock's own cost is taken off, and stays visible in the samples."""
    found = measured(world, 5000)
    assert (found.latency.value, found.latency.low, found.latency.high) == pytest.approx((5e-6,) * 3, rel=1e-12)
    assert {duration for session in found.sessions for duration in session.durations_ns} == {5060}


@pytest.mark.parametrize(("calls", "shares"), [(2000, [400] * 5), (2003, [401, 401, 401, 400, 400])])
def test_the_calls_are_shared_among_five_processes(world, calls, shares):
    """None is lost in the division."""
    found = measured(world, 5000, Sampling(calls=calls))
    assert [len(session.durations_ns) for session in found.sessions] == shares
    assert len(world.workers) == 5
    assert all(worker.closed for worker in world.workers)


def test_a_tail_has_its_interval_or_is_refused(world):
    """2,000 calls bound the 99th percentile, 300 do not, and no number takes its place."""
    assert measured(world, 5000).percentile(99).high is not None
    few = measured(world, 5000, Sampling(calls=300)).percentile(99)
    assert (few.value, few.reason) == (None, "p99 needs 368 values, there are 300")


def test_a_machine_that_never_settles_has_no_latency(clock):
    """`no steady state` is the answer, not a number."""
    found = measured(World(clock, lambda now: 1 + now / SECOND * 100), 100_000)
    assert (found.is_steady, found.latency.value) == (False, None)
    assert "no steady state" in found.latency.reason
    assert any("no steady state" in warning for warning in found.warnings())


def test_two_speeds_are_told_as_two(clock):
    """A machine that switches every half second has no one latency."""
    world = World(clock, lambda now: 8.3 / 5.3 if now // (SECOND // 2) % 2 else 1.0)
    found = measured(world, 5_300_000, Sampling(calls=4000))
    regimes = found.regimes()
    assert regimes.shape is Shape.TWO
    assert [round(mode.location * 1e3, 1) for mode in regimes.modes] == [5.3, 8.3]
    assert any("two speeds" in warning for warning in found.warnings())


def test_a_latency_in_yardsticks_is_given_where_both_follow_the_machine(clock):
    """A slow drift moves both alike; without any, nothing shows that they belong together."""
    found = measured(World(clock, lambda now: 1 + now // (SECOND // 2) * 0.05), 1_000_000, Sampling(calls=4000))
    assert found.in_yardsticks().value == pytest.approx(1_000_000 / 2000, rel=0.05)
    still = measured(World(clock), 5000)
    assert (still.in_yardsticks().value, still.host().reason) == (None, "one of the two does not move")


def test_too_slow_for_the_budget_means_fewer_calls_and_says_so(world):
    """Six a session are the least; below that it is refused, with what it would take."""
    found = measured(world, SECOND // 10, Sampling(budget_seconds=10))
    assert (found.sampling.calls, found.notes) == (100, ("To keep to 10 s, 100 calls of 2000 were made.",))
    with pytest.raises(RangeError, match="the budget must be at least 30 s"):
        measured(world, SECOND, Sampling(budget_seconds=10))
    assert all(worker.closed for worker in world.workers)


def test_a_record_survives_json(world):
    """A file tells everything again, raw samples included."""
    found = measured(world, 5000)
    assert Measurement.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_session_that_dies_leaves_the_others(world):
    """And is told."""
    found = measured(world, Cost(5000, fails_at=2))
    assert (len(found.sessions), len(found.lost)) == (4, 1)
    assert "died in session 2" in found.warnings()[-1]


def test_a_subject_that_always_dies_is_an_error_that_tells_the_story(world):
    """There is nothing to report."""
    with pytest.raises(MeasurementError, match="ended by SIGKILL"):
        measured(world, Cost(5000, always_fails=True))


def test_no_yardstick_stands_between_calls(world):
    """It slows whoever comes next: it runs before the warm-up and after the last call, and five times each."""
    found = measured(world, 5_000_000, Sampling(calls=600))
    for worker in world.workers:
        order = [command for command in worker.asked if command in {"yardstick", "warm_up", "single"}]
        inner = order[5:-5]
        assert order[:5] == order[-5:] == ["yardstick"] * 5
        assert "yardstick" not in inner
        assert inner.index("single") == inner.count("warm_up")
    assert {(len(one.before_ns), len(one.after_ns)) for one in found.sessions} == {(5, 5)}


def test_a_slow_subject_has_a_latency_though_its_warm_up_is_short(world):
    """Fifty calls of warming up show nothing; with the timed ones they do, or nobody can tell."""
    assert measured(world, 5_000_000, Sampling(calls=600)).latency.value == pytest.approx(5e-3)
    assert measured(world, 50_000_000, Sampling(calls=30)).latency.value == pytest.approx(5e-2)


def test_times_that_go_on_changing_are_seen_where_the_warm_up_is_short(clock):
    """The timed calls tell what too few calls before them could not."""
    found = measured(World(clock, lambda now: 1 + now / SECOND), 5_000_000, Sampling(calls=1000))
    assert len(found.sessions[0].warmup_ns) < 125
    assert found.latency.value is None


@pytest.mark.parametrize(
    ("environment", "steal", "is_said"), [({"is_virtual": True}, 0.0, True), ({}, 0.5, True), ({}, 0.0, False)]
)
def test_what_a_latency_is_worth_is_said_where_the_machine_is_shared(world, environment, steal, is_said):
    """Where a hypervisor is, or was seen to take time."""
    found = measured(world, 5000)
    sessions = tuple(replace(session, counters={"steal_seconds": steal}) for session in found.sessions)
    found = replace(found, environment=environment, sessions=sessions)
    assert any("worth a quarter either way" in warning for warning in found.warnings()) is is_said


def test_an_interrupt_leaves_the_calls_that_were_timed(clock):
    """Ctrl-C among the calls of the third session: what each block gave before it counts."""
    world = World(clock)
    world.interrupts_at = ("single", 3, 2)
    found = measured(world, 5_000_000, Sampling(calls=600))
    assert (found.complete, [len(one.durations_ns) for one in found.sessions]) == (False, [120, 120, 10])
    assert "It was broken off after 2 of 5 sessions and 10 calls of the next." in found.warnings()
    assert Measurement.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert all(worker.closed for worker in world.workers)


@pytest.mark.parametrize(("command", "time", "sessions"), [("yardstick", 6, 1), ("status", 1, 1), ("warm_up", 1, 0)])
def test_an_interrupt_around_the_calls_keeps_them_if_they_were_made(clock, command, time, sessions):
    """After the last call the session counts; before the first there is nothing, and that is readable too."""
    world = World(clock)
    world.interrupts_at = (command, 1, time)
    found = measured(world, 5000)
    assert (found.complete, len(found.sessions), len(world.workers)) == (False, sessions, 1)
    assert (found.latency.value, found.regimes()) != (None, None) if sessions else found.latency.value is None
    assert any("broken off" in warning for warning in found.warnings())
    assert found.host().may_normalize is False


def test_an_interrupt_leaves_the_whole_sessions(world):
    """Ctrl-C before the fourth: three are there, and it says that it is a part."""

    def interrupt(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    found = measured(world, 5000, on_progress=interrupt)
    assert (found.complete, len(found.sessions)) == (False, 3)
    assert "It was broken off after 3 of 5 sessions." in found.warnings()


def test_attempts_are_told_from_start_to_end(world):
    """A ledger hears of every attempt."""
    heard = []
    measured(world, 5000, on_attempt=lambda event, record: heard.append((event, record["seed"])))
    assert heard == [("started", 7), ("finished", 7)]


@pytest.mark.parametrize("wrong", [{"sessions": 4}, {"calls": 29}, {"calls": True}, {"budget_seconds": 0}])
def test_a_sampling_that_says_too_little_is_refused(wrong):
    """The field is named."""
    with pytest.raises(RangeError, match=next(iter(wrong))):
        Sampling(**wrong)
