"""The gate of `tinytorch compare`, on comparisons that are made on paper."""

from dataclasses import replace

import pytest

from benchmarking.virtual_workers import Cost, World
from tinytorch.benchmarking import Design, compare
from tinytorch.cli.gating import gated
from tinytorch.errors import MeasurementError

PLAN = Design(sessions=6, rounds=10, epoch_ns=50_000)


@pytest.fixture
def measure(make_clock):
    """Give a function that compares costs, in nanoseconds, with a baseline of 20,000."""

    def measured(*costs):
        hooks = World(make_clock()).hooks()
        return compare(Cost(20_000), *map(Cost, costs), preset=PLAN, seed=1, certified=False, hooks=hooks)

    return measured


def passages(found):
    """Say what each gate says, by number."""
    return {number: str(gate.passage) for number, gate in found.gates.items()}


def lost_in(found, number):
    """Give a comparison of which nothing is known of one candidate."""
    empty = type(found.sessions[0].turns[number])()
    sessions = [
        replace(session, turns=tuple(empty if n == number else turns for n, turns in enumerate(session.turns)))
        for session in found.sessions
    ]
    return replace(found, sessions=tuple(sessions))


def test_what_passes_is_not_measured_again(measure):
    """A second run costs as much as the first."""

    def never():
        raise AssertionError

    found = gated(measure(20_000, 10_000), 0.05, never)
    assert (passages(found), found.is_passed, found.notes) == ({1: "pass", 2: "pass"}, True, ())


def test_a_confirmed_slow_down_fails(measure):
    """The others pass."""
    found = gated(measure(30_000, 20_000), 0.05, lambda: measure(30_000, 20_000))
    assert (passages(found), found.is_passed) == ({1: "fail", 2: "pass"}, False)
    assert [said.partition(": ")[2].partition(":")[0] for said, _ in found.sentences(["b", "c", "d"])] == [
        "fails", "passes",
    ]  # fmt: skip
    assert [(entry["index"], entry["name"]) for entry in found.to_list(["b", "c", "c"])] == [(1, "c"), (2, "c")]


def test_a_slow_down_that_is_not_seen_again_passes(measure):
    """A machine has bad moments."""
    assert passages(gated(measure(30_000), 0.05, lambda: measure(20_000))) == {1: "pass"}


def test_a_candidate_that_is_lost_in_the_repetition_is_reported_not_raised(measure):
    """It does not pass; the other one is judged all the same."""
    found = gated(measure(30_000, 30_000), 0.05, lambda: lost_in(measure(30_000, 30_000), 1))
    assert (passages(found), found.is_passed) == ({1: "unknown", 2: "fail"}, False)
    assert "the repetition that would confirm or clear it measured too little" in found.sentences("abc")[0][0]


def test_a_repetition_that_fails_altogether_is_told(measure):
    """With the failure's first line."""

    def fail():
        raise MeasurementError("a comparison must be of variants that run; got c died.\ntraceback")

    found = gated(measure(30_000), 0.05, fail)
    assert passages(found) == {1: "unknown"}
    assert found.notes == ("In the repetition: a comparison must be of variants that run; got c died.",)


def test_an_interrupted_repetition_is_told(measure):
    """It is no whole one."""
    found = gated(measure(30_000), 0.05, lambda: replace(measure(30_000), complete=False))
    assert found.complete is False
