"""Counters of what disturbs a measurement."""

import gc
import sys

import pytest

from tinytorch.benchmarking.environment import machine_counters

STAT = "cpu  1 2 3 4 5 6 7 {} 0 0\n"
THROTTLED = "nr_periods 9\nnr_throttled {}\nthrottled_usec {}\n"


def lay_out(root, steal, throttled, microseconds):
    """Write what a system counts."""
    files = {
        "proc/stat": STAT.format(steal),
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/cpu.stat": THROTTLED.format(throttled, microseconds),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return machine_counters(root)


def test_the_difference_is_what_happened_meanwhile(tmp_path, monkeypatch):
    """Steal and throttling, each in seconds."""
    monkeypatch.setattr("os.sysconf", lambda _: 100)
    before, after = lay_out(tmp_path, 100, 1, 10**6), lay_out(tmp_path, 150, 4, 10**6 + 250_000)
    counted = after.since(before)
    assert (counted.steal_seconds, counted.throttled_periods, counted.throttled_seconds) == (0.5, 3, 0.25)


def test_collections_are_counted():
    """One asked for is one more."""
    before = machine_counters()
    gc.collect()
    assert machine_counters().since(before).collections == 1


def test_a_counter_that_is_not_kept_is_none(tmp_path):
    """Also as a difference: nobody counted, so nothing is known."""
    found = machine_counters(tmp_path)
    for counters in (found, found.since(found)):
        kept = (counters.steal_seconds, counters.throttled_periods, counters.throttled_seconds)
        assert kept == (None, None, None)


def test_a_system_that_keeps_no_account_of_processes_has_none(monkeypatch):
    """As on Windows."""
    monkeypatch.setitem(sys.modules, "resource", None)
    counters = machine_counters()
    assert (counters.involuntary_switches, counters.cpu_seconds) == (None, None)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no such account")
def test_work_takes_time_of_the_processor():
    """The account is this process's own."""
    before = machine_counters()
    while machine_counters().since(before).cpu_seconds == 0:
        sum(range(10_000))
    assert machine_counters().since(before).cpu_seconds > 0


def test_the_load_is_a_level_and_no_difference(monkeypatch):
    """Two levels do not subtract."""
    monkeypatch.setattr("os.getloadavg", lambda: (1.5, 1.0, 0.5), raising=False)
    counters = machine_counters()
    assert counters.since(counters).load == 1.5


def test_the_record_has_every_counter_by_name():
    """As it travels in files."""
    counters = machine_counters()
    assert set(counters.as_dict()) == set(type(counters).__slots__)
