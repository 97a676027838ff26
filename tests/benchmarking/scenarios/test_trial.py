"""One trial of an open loop, on a clock whose every answer is known."""

import json

import pytest

from tinytorch.benchmarking.scenarios import Trial, offer, single_stream, try_rate

MS = 1_000_000


def stalling(clock, service, stall, every):
    """Make a call that takes `service`, and every so many calls `stall` instead."""
    made = [0]

    def call():
        made[0] += 1
        clock.pass_time(stall if made[0] % every == 0 else service)

    return call


def test_latency_counts_from_when_a_query_was_due(clock):
    """Waiting for the one before is part of it."""
    started, ended = offer(lambda: clock.pass_time(30), [10, 20, 100], clock, clock)
    trial = Trial(1.0, 0, (10, 20, 100), started, ended)
    assert (started, ended) == ((10, 40, 100), (40, 70, 130))
    assert trial.latencies_ns == (30, 50, 30)


def test_waiting_for_the_query_before_is_not_the_senders_lateness(clock):
    """Only what lies between ready and begun is."""
    trial = Trial(1.0, 0, (10, 20, 100), (12, 45, 100), (40, 70, 130))
    assert trial.lateness_ns == (2, 5, 0)


def test_a_stall_is_not_omitted(clock):
    """One stall of 200 ms every 500 calls: the open loop's p99 is within 5 % of the analytic value.

    Of every 500 queries, those due during a stall of D and its aftermath wait: of one due at time u of it, D - u (1 - s
    lambda) is left, since the queue it has to wait for takes s for each that came before. So x is exceeded by
    lambda (D - x) / (1 - s lambda) of 500, which is 1 % at x = D - 5 (1 - s lambda) / lambda.
    """
    rate, service, stall = 200.0, MS, 200 * MS
    trial = try_rate(stalling(clock, service, stall, 500), rate, 100_000, seed=5, clock=clock, sleeper=clock)
    analytic = 200 - 5 * (1 - rate * 1e-3) / rate * 1e3  # 180 ms
    assert trial.percentile_ns(99).value / MS == pytest.approx(analytic, rel=0.05)


def test_a_closed_loop_would_omit_it(clock):
    """The same stub, one query after another: 499 of 500 are quick, and so is the p99."""
    record = single_stream(stalling(clock, MS, 200 * MS, 500), calls=10_000, clock=clock)
    assert record.percentile_ns(99).value == MS


def test_the_mean_wait_is_that_of_queueing_theory(clock):
    """Constant service of s at load r: the mean wait is r s / (2 (1 - r)), by Pollaczek and Khinchine."""
    trial = try_rate(lambda: clock.pass_time(MS), 500.0, 200_000, seed=2, clock=clock, sleeper=clock)
    waits = [latency - MS for latency in trial.latencies_ns]
    assert sum(waits) / len(waits) == pytest.approx(0.5 * MS / (2 * 0.5), rel=0.05)


def test_the_first_query_is_not_late(clock):
    """The schedule starts a little after the loop does."""
    clock.cost = 50
    trial = try_rate(lambda: clock.pass_time(10), 1e6, 5, seed=1, clock=clock, sleeper=clock)
    assert trial.started_ns[0] - trial.due_ns[0] <= 2 * clock.cost


def test_a_record_is_json_and_keeps_every_instant(clock):
    """It travels in files, raw."""
    record = try_rate(lambda: clock.pass_time(10), 100.0, 20, seed=1, clock=clock, sleeper=clock).to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert [len(record[name]) for name in ("due_ns", "started_ns", "ended_ns")] == [20] * 3
