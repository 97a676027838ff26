"""The only reader of time."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import tinytorch
from tinytorch.clock import CLOCK, SLEEPER, read_cost_ns, utc_now

SOURCE = Path(tinytorch.__file__).parent


def time_modules_of(path):
    """Name the modules of time that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return names & {"time", "timeit"}


def test_no_other_module_reads_time():
    """Time is passed in, so that it can be replaced; one module alone may read it."""
    readers = [path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if time_modules_of(path)]
    assert readers == ["clock.py"]


def test_no_other_module_asks_for_the_date():
    """The same for the calendar."""
    asking = ("now(", "utcnow(", "today(")
    files = [path for path in SOURCE.rglob("*.py") if any(f"datetime.{word}" in path.read_text() for word in asking)]
    assert [path.name for path in files] == ["clock.py"]


def test_the_clock_never_runs_backwards():
    """Durations are differences of a monotonic clock."""
    moments = [CLOCK.now_ns() for _ in range(1000)]
    assert moments == sorted(moments)


def test_the_cost_of_a_read_is_what_adjacent_reads_differ_by(clock):
    """A clock that takes 60 ns to read adds 60 ns to whatever it times."""
    clock.cost = 60
    assert read_cost_ns(clock) == 60


def test_one_slow_read_does_not_change_the_cost(clock):
    """The median ignores an interruption."""
    moments = iter([*range(0, 500, 1), *range(10**6, 10**6 + 501, 1)])
    clock.now_ns = lambda: next(moments)
    assert read_cost_ns(clock) == 1


def test_now_is_iso_8601_in_utc():
    """Reports from two places can be put in order."""
    moment = datetime.fromisoformat(utc_now())
    assert moment.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - moment) < timedelta(days=1)


def test_a_sleeper_never_returns_early(monkeypatch):
    """It sleeps up to a millisecond before, and watches the clock from there."""
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)  # returns at once: the watching must make up for all of it
    instant = CLOCK.now_ns() + 2_000_000
    SLEEPER.sleep_until(instant)
    assert CLOCK.now_ns() >= instant
    assert all(0 < seconds <= 0.001 for seconds in slept)


def test_an_instant_that_is_past_is_not_waited_for(monkeypatch):
    """There is nothing left to sleep."""
    monkeypatch.setattr("time.sleep", None)
    SLEEPER.sleep_until(CLOCK.now_ns() - 1)
