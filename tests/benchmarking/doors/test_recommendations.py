"""Which model to take for what."""

import pytest

from tinytorch.benchmarking.doors.recommendations import balanced_scores, interval, recommendations, told_apart
from tinytorch.benchmarking.doors.result import BenchmarkResult


def results(**values):
    """Make results by model."""
    return {name: BenchmarkResult("m", given) for name, given in values.items()}


UNKNOWN = BenchmarkResult("m", [0.0], {"measured": False, "reason": "none"})


def test_every_need_has_a_sentence():
    """Even where nothing was measured."""
    found = recommendations({})
    needs = ["for_latency_critical", "for_memory_constrained", "for_accuracy_preservation", "for_balanced_deployment"]
    assert list(found) == needs
    assert all("unknown" in text for text in found.values())


def test_less_latency_and_memory_and_more_accuracy_are_better():
    """Each in its own direction."""
    found = recommendations(
        {
            "latency": results(a=[1.0, 1.1], b=[2.0, 2.1]),
            "memory": results(a=[5.0, 5.0], b=[3.0, 3.0]),
            "accuracy": results(a=[0.8, 0.8], b=[0.9, 0.9]),
        }
    )
    best = [found[f"for_{need}"].split(": ")[1][0] for need in ("latency_critical", "memory_constrained")]
    assert (best, found["for_accuracy_preservation"].split(": ")[1][0]) == (["a", "b"], "b")


def test_intervals_that_meet_are_not_told_apart():
    """Which is better may be chance."""
    text = recommendations({"latency": results(a=[1.0, 2.0], b=[1.1, 2.2])})["for_latency_critical"]
    assert text.endswith("a; not to be told from b.")


def test_rounds_in_turns_tell_apart_what_means_cannot():
    """One interrupted call widens the interval of a mean, and moves the median of ten ratios not at all."""
    quick, slow = [1.0] * 9 + [30.0], [2.0] * 9 + [60.0]
    apart = [BenchmarkResult("m", values) for values in (quick, slow)]
    turns = [BenchmarkResult("m", values, {"protocol": "interleaved"}) for values in (quick, slow)]
    assert (told_apart(*apart), told_apart(*turns)) == (False, True)


@pytest.mark.parametrize(("correct", "expected"), [((52, 50), False), ((90, 50), True)])
def test_shares_that_were_counted_have_wilsons_interval(correct, expected):
    """A share of a hundred samples is known to ten points, although it is one value."""
    shares = [BenchmarkResult("a", [k / 100], {"datasets": [{"correct": k, "total": 100}]}) for k in correct]
    assert told_apart(*shares) is expected


def test_a_value_without_an_interval_tells_nothing():
    """As from a model's own evaluate, on one data set."""
    assert interval(BenchmarkResult("a", [0.9])) is None
    assert not told_apart(BenchmarkResult("a", [0.9]), BenchmarkResult("a", [0.1]))


def test_what_was_not_measured_is_not_recommended():
    """Its 0.0 would win every contest of less."""
    found = {"latency": {"a": UNKNOWN, **results(b=[2.0])}}
    assert recommendations(found)["for_latency_critical"].endswith("b, the only one measured.")


def test_the_balance_is_the_product_of_ratios_to_the_best():
    """Twice the latency halves it, half the accuracy too."""
    found = {"latency": results(a=[1.0], b=[2.0]), "accuracy": results(a=[0.45], b=[0.9])}
    assert balanced_scores(found) == pytest.approx({"a": 0.5, "b": 0.5})


def test_a_metric_that_was_not_measured_of_all_does_not_count():
    """Otherwise the unmeasured would win."""
    found = {"latency": results(a=[1.0], b=[2.0]), "energy": {"a": UNKNOWN, **results(b=[1.0])}}
    assert balanced_scores(found) == {"a": 1.0, "b": 0.5}
