"""SingleStream and MultiStream, on a clock whose every answer is known."""

import json

import pytest

from tinytorch.benchmarking.scenarios import multi_stream, single_stream
from tinytorch.errors import RangeError


def test_a_single_stream_keeps_the_duration_of_every_query(clock):
    """The raw samples are the record; the first call and the warm-up are none of them."""
    durations = iter([900, 50, *range(100, 140)])
    record = single_stream(lambda: clock.pass_time(next(durations)), calls=40, warmup=1, clock=clock)
    assert record.to_dict()["latency_samples_ns"] == list(range(100, 140))
    assert (record.scenario, record.samples_per_query, record.percentile_ns(90).value) == ("single_stream", 1, 135)


def test_a_percentile_that_the_queries_are_too_few_for_is_unknown(clock):
    """p99 needs 368; its bound is given instead."""
    record = single_stream(lambda: clock.pass_time(7), calls=367, clock=clock)
    assert (record.percentile_ns(99).value, record.percentile_ns(99).low) == (None, 7)


def test_a_multi_stream_query_holds_all_its_samples(clock):
    """Its latency is that of the whole query."""
    record = multi_stream(lambda size: lambda: clock.pass_time(10 * size), samples=8, calls=6, clock=clock)
    assert record.latency.samples.nanoseconds == (80,) * 6
    assert (record.scenario, record.samples_per_query) == ("multi_stream", 8)


@pytest.mark.parametrize("samples", [0, -1, 2.0, True])
def test_a_query_without_samples_is_refused(clock, samples):
    """At least one."""
    with pytest.raises(RangeError, match="samples must be a whole number"):
        multi_stream(lambda _: lambda: None, samples=samples, clock=clock)


def test_a_record_is_json(clock):
    """It travels in files."""
    record = single_stream(lambda: clock.pass_time(7), calls=3, clock=clock).to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
