"""Metrics that ask fresh processes, with processes that know their answers."""

import itertools

import pytest

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.metrics.cold_start import measure_cold_start
from tinytorch.benchmarking.metrics.memory import measure_memory

MS = 1_000_000
STAGES = ("import_ns", "build_ns", "first_call_ns", "second_call_ns")


class Started:
    """Counts the processes that were started and ended, and answers by their number."""

    def __init__(self, answer):
        self.answer = answer
        self.started = []
        self.closed = []
        self.asked = []

    def __call__(self):
        number = len(self.started)
        self.started.append(number)
        return Process(self, number)


class Process:
    """One of them."""

    def __init__(self, owner, number):
        self.owner = owner
        self.number = number

    def ask(self, command, seconds, **_):
        assert seconds > 0
        self.owner.asked.append((self.number, command))
        return self.owner.answer(self.number, command)

    def close(self):
        self.owner.closed.append(self.number)


def loading(number, _do):
    """Take longer from process to process."""
    return dict(zip(STAGES, (100 * MS + number * MS, 20 * MS, 3 * MS, MS), strict=True))


def weights(number, command):
    """Weigh more from process to process."""
    peaks = [4096 * number, 4096 * number, 10**9]  # the median of the passes counts
    return {
        "load": {},
        "memory": {"passes": [{"peak_rss_delta": peak, "traced_peak": 100} for peak in peaks]},
        "weigh": {"stored_bytes": 8, "serialized_bytes": 96, "parameter_count": 2},
    }[command]


def test_cold_start_is_the_median_of_ten_fresh_processes():
    """From import to first answer; the sign test's interval at ten values is the second and the ninth."""
    started = Started(loading)
    found = measure_cold_start(Case(start=started))
    assert (len(started.started), started.closed) == (10, list(range(10)))
    assert found.estimate.value == pytest.approx(0.1275)
    assert (found.estimate.low, found.estimate.high) == pytest.approx((0.124, 0.131))


def test_every_stage_is_a_part_of_its_own():
    """Seconds; the second call beside the first."""
    parts = measure_cold_start(Case(start=Started(loading))).parts
    assert {name: part.value for name, part in parts.items()} == pytest.approx(
        {"import": 0.1045, "build": 0.02, "first_call": 0.003, "second_call": 0.001}
    )


def test_memory_is_the_median_of_five_processes():
    """Each weighed once; the interval is the smallest and the largest, at the confidence that five have."""
    started = Started(weights)
    found = measure_memory(Case(start=started))
    assert started.asked == list(itertools.product(range(5), ("load", "memory", "weigh")))
    estimate = found.estimate
    assert (estimate.value, estimate.low, estimate.high, estimate.confidence) == (8192, 0, 16384, 0.9)
    assert {name: part.value for name, part in found.parts.items()} == {
        "peak_allocated_bytes": 100,
        "stored_bytes": 8,
        "serialized_bytes": 96,
    }


def test_a_peak_that_the_system_hides_is_unavailable():
    """What Python allocates is another quantity, and does not take its place."""
    passes = {"passes": [{"peak_rss_delta": None, "traced_peak": 100}]}
    hiding = Started(lambda number, command: passes if command == "memory" else weights(number, command))
    found = measure_memory(Case(start=hiding))
    assert (found.is_measured, "set back the peak" in found.reason) == (False, True)


def test_a_process_is_ended_also_when_it_fails():
    """The failure is told as it came."""

    def fail(number, _do):
        if number == 2:
            raise RuntimeError("it died")
        return loading(number, _do)

    started = Started(fail)
    with pytest.raises(RuntimeError, match="it died"):
        measure_cold_start(Case(start=started))
    assert started.closed == [0, 1, 2]
