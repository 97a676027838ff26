"""The values of one metric."""

import json
import math

import pytest

from tinytorch.benchmarking.doors.result import BenchmarkResult
from tinytorch.errors import DTypeError, RangeError, TinyTorchError

TEN = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]


def test_the_statistics_are_those_of_the_values():
    """The standard deviation has n-1 in its divisor."""
    result = BenchmarkResult("ms", [2.0, 4.0, 4.0, 6.0])
    assert (result.mean, result.median, result.min_val, result.max_val, result.count) == (4.0, 4.0, 2.0, 6.0, 4)
    assert result.std == pytest.approx(math.sqrt(8 / 3))


def test_the_interval_is_students_and_not_the_normal_one():
    """At ten values t is 2.262, where the normal distribution would say 1.96."""
    result = BenchmarkResult("ms", TEN)
    half = 2.2621571628540993 * result.std / math.sqrt(10)
    assert (result.ci_lower, result.ci_upper) == pytest.approx((5.5 - half, 5.5 + half))


def test_one_value_has_no_spread_and_its_interval_is_the_mean():
    """As the contract has it."""
    result = BenchmarkResult("ms", [3.0])
    assert (result.std, result.ci_lower, result.ci_upper) == (0.0, 3.0, 3.0)


def test_no_values_are_refused():
    """A `ValueError`, as callers expect, and one of ours."""
    with pytest.raises(ValueError, match="values must be at least one") as caught:
        BenchmarkResult("ms", [])
    assert isinstance(caught.value, TinyTorchError)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(wrong):
    """It would make every statistic worthless."""
    with pytest.raises(RangeError, match="a value must be finite"):
        BenchmarkResult("ms", [1.0, wrong])


def test_a_value_that_is_no_number_is_refused():
    """At once, not when it is averaged."""
    with pytest.raises(DTypeError, match="a value must be a number"):
        BenchmarkResult("ms", [1.0, "fast"])


def test_the_dictionary_has_the_keys_of_the_contract():
    """And is JSON."""
    record = BenchmarkResult("ms", TEN, {"note": "n"}).to_dict()
    names = "metric_name values mean std median min max count ci_lower ci_upper metadata"
    assert list(record) == names.split()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["min"], record["max"], record["metadata"]) == (1.0, 10.0, {"note": "n"})


def test_the_text_is_name_mean_spread_and_number():
    """`name: m ± s (n=k)`."""
    assert str(BenchmarkResult("latency_ms", [1.0, 2.0, 3.0])) == "latency_ms: 2.0000 ± 1.0000 (n=3)"


def test_two_results_do_not_share_their_notes():
    """The default is a dictionary of its own."""
    first, second = BenchmarkResult("a", [1.0]), BenchmarkResult("b", [1.0])
    first.metadata["x"] = 1
    assert second.metadata == {}


def test_a_value_that_stands_for_none_is_marked():
    """0.0 is then no measurement."""
    assert BenchmarkResult("a", [1.0]).is_measured
    assert not BenchmarkResult("a", [0.0], {"measured": False, "reason": "none"}).is_measured
