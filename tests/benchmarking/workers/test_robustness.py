"""Whole comparisons of subjects that misbehave: each is told, none hangs, and what the others gave survives."""

import os
import sys
from pathlib import Path

import pytest

from tinytorch.benchmarking import Design, compare, measure, subject_of
from tinytorch.benchmarking.workers import FailureKind
from tinytorch.errors import MeasurementError, RangeError

TINY = Design(sessions=2, rounds=4, epoch_ns=20_000, timeout_seconds=60.0)
GOOD = "specimens:adds"


def compared(*subjects, design=TINY):
    """Compare real workers, as quickly as can be."""
    return compare(*subjects, preset=design, seed=1, certified=False)


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ("specimens:dies", FailureKind.DIED),
        ("specimens:kills_itself", FailureKind.DIED),
        ("specimens:raises_in_call?number=1000", FailureKind.RAISED),
        ("specimens:nothing", FailureKind.REFUSED),
        ("specimens:fails_to_build", FailureKind.RAISED),
    ],
)
def test_what_fails_is_told_and_the_others_are_compared(bad, kind):
    """The second candidate has all its rounds."""
    found = compared(GOOD, bad, GOOD)
    assert {entry.failure.kind for entry in found.lost} == {kind}
    assert [len(session) for session in found.log_ratios(2)] == [4, 4]


def test_what_hangs_is_killed_and_the_others_are_compared():
    """After the outer timeout, and with where it stood."""
    found = compared(GOOD, "specimens:hangs", GOOD, design=Design(2, 4, epoch_ns=20_000, timeout_seconds=3.0))
    assert {entry.failure.kind for entry in found.lost} == {FailureKind.HUNG}
    assert "in call" in found.lost[0].failure.traceback
    assert [len(session) for session in found.log_ratios(2)] == [4, 4]


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ("specimens:prints", "printed"),
        ("specimens:leaks", "it leaks, or it caches"),
        ("specimens:differs", "different outputs for the same input"),
        ("specimens:gives_nan", "gives NaN"),
        ("specimens:leaves_children", "left processes of its own behind"),
        ("specimens:forks", "forks its process"),
    ],
)
def test_what_is_odd_is_measured_and_told(odd, words):
    """None of it stops a comparison."""
    found = compared(GOOD, odd)
    assert [len(session) for session in found.log_ratios()] == [4, 4]
    assert any(words in warning for warning in found.warnings())


def test_a_subject_too_slow_for_the_budget_is_refused():
    """With what it would take."""
    with pytest.raises(RangeError, match="the budget must be at least"):
        compared("specimens:sleeps", "specimens:sleeps", design=Design(3, 10, budget_seconds=0.1))


def test_a_subject_that_never_gives_a_sample_is_an_error_with_its_traceback():
    """Zero samples are no result."""
    with pytest.raises(MeasurementError, match="no weights") as caught:
        measure("specimens:fails_to_build")
    assert "Traceback" in str(caught.value)


def test_a_read_only_home_is_no_hindrance(monkeypatch):
    """Nothing is written there."""
    monkeypatch.setenv("HOME", "/nonexistent")
    assert len(compared(GOOD, GOOD).sessions) == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process to a core")
def test_one_core_is_enough():
    """Workers take turns; only one of them ever runs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert len(compared(GOOD, GOOD).sessions) == 2
    finally:
        os.sched_setaffinity(0, before)


def test_another_interpreter_can_be_the_baseline():
    """Two environments side by side."""
    tests = str(Path(__file__).parent.parent.parent)
    other = subject_of("bare_specimens:adds", python=sys.executable, paths=(tests,))
    found = compared(other, "bare_specimens:adds")
    assert [len(session) for session in found.log_ratios()] == [4, 4]
    assert found.subjects[0]["own_interpreter"]
