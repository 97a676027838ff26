"""Offline throughput, on a clock whose every answer is known."""

import json

import pytest

from tinytorch.benchmarking.scenarios import offline
from tinytorch.errors import RangeError

OVERHEAD, EACH = 100_000, 10_000  # a call costs 100 us and 10 us a sample


def affine(clock):
    """Make calls that cost something once, and something for each sample."""
    return lambda size: lambda: clock.pass_time(OVERHEAD + EACH * size)


def test_throughput_is_samples_over_the_time_they_took(clock):
    """Exactly, on an exact clock."""
    record = offline(affine(clock), sizes=(1, 10, 100), clock=clock)
    expected = [size * 1e9 / (OVERHEAD + EACH * size) for size in (1, 10, 100)]
    assert [sweep.samples_per_second.value for sweep in record.sweeps] == pytest.approx(expected, rel=1e-12)


def test_the_best_size_has_the_highest_throughput(clock):
    """Here the largest, since what a call costs once is shared by more."""
    assert offline(affine(clock), sizes=(1, 100, 10), clock=clock).best.size == 100


def test_it_is_not_the_reciprocal_of_a_latency(clock):
    """A call every seventh of which takes ten times as long is slower than its median says."""
    made = [0]

    def call():
        made[0] += 1
        clock.pass_time(1_000_000 if made[0] % 7 == 0 else 100_000)

    measured = offline(lambda _: call, sizes=(1,), clock=clock).best.samples_per_second.value
    assert measured == pytest.approx(7 / 1.6e-3, rel=0.1)  # 1 / median would be 10,000


def test_the_interval_tells_how_much_the_epochs_differ(clock):
    """None at all on a steady machine, some on another."""
    steady = offline(affine(clock), sizes=(1,), clock=clock).best.samples_per_second
    assert steady.low == pytest.approx(steady.high)
    made = [0]

    def wavering():
        made[0] += 1
        clock.pass_time(1_000_000 + 100_000 * (made[0] // 3 % 2))

    shaken = offline(lambda _: wavering, sizes=(1,), clock=clock).best.samples_per_second
    assert shaken.low < shaken.value < shaken.high


def test_an_epoch_lasts_at_least_a_millisecond(clock):
    """A thousandth of what a clock costs, whatever a call takes."""
    record = offline(affine(clock), sizes=(1, 10, 100), clock=clock)
    assert [sweep.calls for sweep in record.sweeps] == [16, 8, 1]  # of 110, 200 and 1,100 us
    assert min(min(sweep.epochs_ns) for sweep in record.sweeps) >= 1_000_000


def test_a_machine_that_slows_down_steadily_slows_all_sizes_alike(clock):
    """Sizes take turns, in alternating order."""
    made = [0]

    def call():
        made[0] += 1
        clock.pass_time(1_100_000 + 1000 * made[0])

    first, second = offline(lambda _: call, sizes=(1, 2), clock=clock).sweeps
    assert sum(first.epochs_ns) == sum(second.epochs_ns)


@pytest.mark.parametrize("sizes", [(), (0,), (1, 1), (1.5,), (True,), (-1,)])
def test_sizes_that_are_none_are_refused(clock, sizes):
    """Whole, positive, different."""
    with pytest.raises(RangeError, match="the batch sizes must be different whole numbers"):
        offline(affine(clock), sizes=sizes, clock=clock)


@pytest.mark.parametrize("epochs", [19, 0, 20.0])
def test_fewer_than_twenty_epochs_are_refused(clock, epochs):
    """An interval from fewer means is worth little."""
    with pytest.raises(RangeError, match="epochs must be a whole number of at least 20"):
        offline(affine(clock), sizes=(1,), epochs=epochs, clock=clock)


def test_a_record_is_json_and_keeps_every_epoch(clock):
    """It travels in files, raw."""
    record = offline(affine(clock), sizes=(1, 4), epochs=25, clock=clock).to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert [len(sweep["epochs_ns"]) for sweep in record["sweeps"]] == [25, 25]
