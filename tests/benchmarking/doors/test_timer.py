"""The stopwatch, and what models compete in."""

import pytest

from tinytorch.benchmarking.doors.events import OlympicEvent
from tinytorch.benchmarking.doors.timer import precise_timer


def test_the_elapsed_time_is_in_seconds(clock):
    """Between the block's beginning and its end."""
    with precise_timer(clock) as timer:
        clock.pass_time(1_500_000_000)
    assert timer.elapsed == 1.5


def test_inside_the_block_nothing_has_elapsed(clock):
    """The time is known at the end."""
    with precise_timer(clock) as timer:
        clock.pass_time(10)
        assert timer.elapsed == 0.0


def test_a_block_that_raises_is_timed_too(clock):
    """How long it took to fail may be what one wants to know."""

    def fail():
        clock.pass_time(2_000_000_000)
        raise KeyError("late")

    with pytest.raises(KeyError), precise_timer(clock) as timer:
        fail()
    assert timer.elapsed == 2.0


def test_the_events_are_those_of_the_contract():
    """Lower-case values."""
    names = ["LATENCY_SPRINT", "MEMORY_CHALLENGE", "ACCURACY_CONTEST", "ALL_AROUND", "EXTREME_PUSH"]
    assert {event.name: event.value for event in OlympicEvent} == {name: name.lower() for name in names}
