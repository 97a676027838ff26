"""Timing calls, on a clock whose every answer is known."""

import gc

import pytest
import threadpoolctl

from tinytorch.benchmarking.blas import pinned_blas
from tinytorch.benchmarking.timing import Plan, measure_latencies, measure_latency
from tinytorch.errors import RangeError


def taking(clock, durations):
    """Make a call that takes the next of `durations` each time, in nanoseconds."""
    left = iter(durations)
    return lambda: clock.pass_time(next(left))


def test_samples_are_the_durations_of_the_timed_calls(clock):
    """The first call and the warm-up are no samples."""
    call = taking(clock, [900, 50, 50, 10, 11, 12])
    assert measure_latency(call, Plan(runs=3, warmup=2), clock).samples.nanoseconds == (10, 11, 12)


def test_the_first_call_is_kept_apart(clock):
    """It pays for what later calls find ready."""
    assert measure_latency(taking(clock, [900, 10]), Plan(runs=1, warmup=0), clock).first_call_ns == 900


def test_the_warm_up_is_counted_with_the_first_call(clock):
    """Every call that is no sample is accounted for."""
    measured = measure_latency(taking(clock, [1] * 9), Plan(runs=4, warmup=4), clock)
    assert (measured.warmup_count, len(measured.samples.nanoseconds)) == (5, 4)


def test_the_clocks_own_cost_is_taken_off_and_recorded(clock):
    """Reading the clock is not part of the call."""
    clock.cost = 60
    measured = measure_latency(taking(clock, [500, 100, 200]), Plan(runs=2, warmup=0), clock)
    assert (measured.samples.nanoseconds, measured.first_call_ns, measured.clock_cost_ns) == ((100, 200), 500, 60)


def test_a_call_too_short_for_the_clock_takes_1_ns(clock):
    """No duration is zero or negative: rates divide by it."""
    assert measure_latency(lambda: None, Plan(runs=2), clock).samples.nanoseconds == (1, 1)


@pytest.mark.parametrize("runs", [1, 9, 10, 11, 25])
def test_every_variant_is_timed_as_often_as_asked(clock, runs):
    """A last round may be shorter; none is lost."""
    calls = [lambda: clock.pass_time(1)] * 3
    measured = measure_latencies(calls, Plan(runs=runs, per_round=10), clock)
    assert [len(latency.samples.nanoseconds) for latency in measured] == [runs] * 3


def test_variants_take_turns_in_alternating_order(clock):
    """One untimed call after each switch; the order is turned round every second round."""
    made = []
    calls = [lambda name=name: made.append(name) for name in "AB"]
    measure_latencies(calls, Plan(runs=4, warmup=0, per_round=2), clock)
    assert "".join(made) == "AB" + "AAABBB" + "BBBAAA"


def test_a_call_alone_has_nothing_to_switch_from(clock):
    """Then every call after the warm-up is a sample."""
    made = []
    measure_latency(lambda: made.append(1), Plan(runs=30, warmup=5), clock)
    assert len(made) == 1 + 5 + 30


def test_a_machine_that_slows_down_steadily_slows_both_variants_alike(clock):
    """Linear drift cancels exactly when the order alternates."""
    calls_made = [0]

    def call():
        calls_made[0] += 1
        clock.pass_time(1000 + calls_made[0])

    first, second = measure_latencies([call, call], Plan(runs=40, per_round=10), clock)
    assert sum(first.samples.nanoseconds) == sum(second.samples.nanoseconds)


def test_a_machine_of_two_speeds_is_the_same_for_both_variants(clock):
    """A change of speed between rounds moves both, where timing one after the other would invent a ratio of 1.6."""
    calls_made = [0]

    def call():
        calls_made[0] += 1
        clock.pass_time(1000 if calls_made[0] // 220 % 2 else 1600)

    first, second = measure_latencies([call, call], Plan(runs=1000, per_round=10), clock)
    assert sum(first.samples.nanoseconds) == pytest.approx(sum(second.samples.nanoseconds), rel=0.003)


def test_the_garbage_collector_is_off_while_timing_and_on_again_after(clock):
    """A collection in one sample is not the model's."""
    seen = []
    measure_latency(lambda: seen.append(gc.isenabled()), Plan(runs=3), clock)
    assert (set(seen), gc.isenabled()) == ({False}, True)


def test_a_collector_that_was_off_stays_off(clock):
    """The caller's choice is kept."""
    gc.disable()
    try:
        measure_latency(lambda: None, Plan(runs=1), clock)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_failing_call_leaves_the_collector_on(clock):
    """An error in the model does not change the process."""
    with pytest.raises(ZeroDivisionError):
        measure_latency(lambda: 1 / 0, Plan(runs=1), clock)
    assert gc.isenabled()


def blas_threads():
    """Ask each matrix library how many threads it has."""
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]


def test_the_matrix_library_has_one_thread_while_timing_and_the_old_number_after(clock):
    """The number is recorded as it was, not as it was asked for."""
    before, during = blas_threads(), []
    measured = measure_latency(lambda: during.extend(blas_threads()), Plan(runs=1, warmup=0), clock)
    assert set(during) <= {1}
    assert (measured.blas_threads, blas_threads()) == (max(during, default=None), before)


def test_the_matrix_library_can_be_left_alone(clock):
    """None leaves it as it is, and records that."""
    measured = measure_latency(lambda: None, Plan(runs=1, blas_threads=None), clock)
    assert measured.blas_threads == max(blas_threads(), default=None)


def test_without_a_matrix_library_to_ask_the_threads_are_unknown(monkeypatch):
    """Unknown is none, not one."""
    monkeypatch.setattr(threadpoolctl, "threadpool_info", list)
    with pinned_blas(1) as threads:
        assert threads is None


@pytest.mark.parametrize(
    "wrong", [{"runs": 0}, {"runs": 1.5}, {"runs": True}, {"warmup": -1}, {"per_round": 0}, {"runs": "3"}]
)
def test_a_plan_that_cannot_be_carried_out_is_refused(wrong):
    """The field is named."""
    with pytest.raises(RangeError, match=f"{next(iter(wrong))} must be a whole number"):
        Plan(**wrong)


def test_no_call_is_refused(clock):
    """There is nothing to time."""
    with pytest.raises(RangeError, match="at least one"):
        measure_latencies([], Plan(), clock)
