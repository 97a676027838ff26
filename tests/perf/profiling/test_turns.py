"""Turns under a clock that is passed in."""

import gc

import pytest

from tinytorch.errors import RangeError
from tinytorch.perf.profiling.turns import Rounds, take_turns


def test_each_has_its_turn_in_each_round_and_the_order_turns_around(clock):
    """Forwards, backwards, forwards; a drift meets all alike. The first time is for the caches."""
    calls = []
    turns = {name: lambda watch, name=name: [watch.time(lambda: calls.append(name))] for name in "abc"}
    take_turns(turns, Rounds(timed=3, warmup=0), clock)
    assert "".join(calls) == "aabbccccbbaaaabbcc"


def test_the_second_time_counts(clock):
    """What another left in the caches is nobody's time."""
    durations = iter([9, 5, 8, 5])
    turns = {"one": lambda watch: [watch.time(lambda: clock.pass_time(next(durations)))], "other": lambda watch: []}
    found = take_turns(turns, Rounds(timed=2, warmup=0), clock)["one"]
    assert [spans[0][1] for spans in found] == [5, 5]


def test_durations_are_what_the_clock_says(clock):
    """Two spans a turn, to the nanosecond, with the instants at which they began."""

    def turn(watch):
        return [watch.time(lambda ns=ns: clock.pass_time(ns)) for ns in (70, 500)]

    assert take_turns({"one": turn}, Rounds(timed=2, warmup=1), clock) == {
        "one": [[(570, 70), (640, 500)], [(1140, 70), (1210, 500)]]
    }


def test_the_cost_of_the_clock_is_taken_off(clock):
    """A clock that takes 60 ns to read adds nothing."""
    clock.cost = 60
    found = take_turns({"": lambda watch: [watch.time(lambda: clock.pass_time(1000))]}, Rounds(1, 0), clock)
    assert found[""][0][0][1] == 1000


def test_a_call_too_short_for_the_clock_takes_a_nanosecond(clock):
    """Rates stay finite."""
    assert take_turns({"": lambda watch: [watch.time(int)]}, Rounds(1, 0), clock)[""][0][0][1] == 1


def test_the_collector_is_off_meanwhile_and_on_again_after_an_error(clock):
    """It would collect in the middle of somebody's turn."""
    states = []

    def fails(watch):
        states.append(gc.isenabled())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        take_turns({"": fails}, Rounds(1, 0), clock)
    assert (states, gc.isenabled()) == ([False], True)


@pytest.mark.parametrize(("timed", "warmup"), [(0, 0), (1, -1), (1.5, 0), (True, 0), (1, False)])
def test_rounds_are_whole_numbers(timed, warmup):
    """At least one that counts."""
    with pytest.raises(RangeError, match="must be a whole number of at least"):
        Rounds(timed, warmup)
