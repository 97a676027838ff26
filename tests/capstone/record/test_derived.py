"""What follows from raw numbers, against the version before and against counting by hand."""

import numpy as np
import pytest

from tinytorch.capstone.record import pack_integers, pack_labels, upgraded
from tinytorch.capstone.record.derived import (
    derived,
    derived_accuracy_comparison,
    derived_attempts,
    derived_metrics,
    derived_samples,
)

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 60)


def answered(share):
    """Give predictions that are right for so many."""
    wrong = np.arange(60) >= share * 60
    return np.where(wrong, (LABELS + 1) % 3, LABELS)


def document(margin=0.2):
    """Give what accuracy needs."""
    parts = {"baseline": answered(0.9), "optimized": answered(0.8)}
    made = {name: {"samples": {"predictions": pack_labels(given)}} for name, given in parts.items()}
    return made | {"dataset": {"labels": pack_labels(LABELS)}, "protocol": {"accuracy_margin": margin}}


def test_the_metrics_are_those_of_version_one_in_si_units(generated):
    """Two writers, one truth."""
    old, made = generated["baseline"]["metrics"], upgraded(generated)["baseline"]["metrics"]
    for percent in (50, 90, 99):
        expected = [old[f"latency_ms_p{percent}{end}"] / 1e3 for end in ("", "_low", "_high")]
        found = [made[f"latency_p{percent}_seconds"][end] for end in ("value", "low", "high")]
        assert found == pytest.approx(expected, rel=1e-12)
    throughput = made["throughput_batch_samples_per_second"]
    assert throughput["value"] == old["batch_throughput_samples_per_sec"]
    assert made["throughput_single_samples_per_second"] == pytest.approx(old["throughput_samples_per_sec"], rel=1e-12)
    assert made["accuracy"]["value"] == old["accuracy"]
    assert made["latency_std_seconds"] == pytest.approx(old["latency_ms_std"] / 1e3, rel=1e-9)


def test_everything_that_follows_is_found_again_in_an_upgraded_record(compared):
    """Same names, same places, same values: what judges a record walks over this."""

    def contradictions(follows, given, at="$"):
        for name, value in follows.items():
            if isinstance(value, dict):
                yield from contradictions(value, given[name], f"{at}.{name}")
            elif given[name] != value:
                yield f"{at}.{name}"

    made = upgraded(compared)
    assert list(contradictions(derived(made), made)) == []


def test_right_answers_are_counted():
    """Predictions against labels."""
    made = document()
    assert derived_samples(made["baseline"], made["dataset"]["labels"]) == {"correct_count": 54, "test_count": 60}


def test_two_models_answers_are_paired():
    """The four counts, and the tests of them."""
    found = derived_accuracy_comparison(document())
    counts = [found[name] for name in ("both_right", "only_baseline", "only_optimized", "both_wrong")]
    assert counts == [48, 6, 0, 6]
    assert found["mcnemar_p"] == 2 * 0.5**6
    assert found["difference"] == -0.1
    assert found["low"] < -0.1 < found["high"]
    assert found["is_non_inferior"] is (found["low"] > -0.2)


@pytest.mark.parametrize("missing", ["dataset", "protocol", "optimized"])
def test_without_labels_margin_or_a_second_model_nothing_is_compared(missing):
    """And nothing is made up."""
    made = document()
    del made[missing]
    assert derived_accuracy_comparison(made) == {}


def test_answers_to_other_questions_are_not_compared():
    """Fewer predictions than labels."""
    made = document()
    made["optimized"]["samples"]["predictions"] = pack_labels(LABELS[:-1])
    assert derived_accuracy_comparison(made) == {}


def test_too_few_samples_give_a_bound_and_the_reason():
    """As the statistics say it."""
    model = {"samples": {"latency_nanoseconds": pack_integers(range(1000, 1100))}}
    found = derived_metrics(model)["latency_p99_seconds"]
    assert found["value"] is None
    assert found["low"] == 1096e-9
    assert "needs 368" in found["reason"]


def test_batches_need_their_size():
    """Without it a throughput does not follow."""
    model = {"samples": {"batch_nanoseconds": pack_integers([1000] * 30)}}
    assert derived_metrics(model) == {}
    found = derived_metrics(model, {"protocol": {"batch_size": 8}})
    assert found["throughput_batch_samples_per_second"]["value"] == 8e6


def test_a_count_of_right_answers_above_the_count_of_all_gives_nothing():
    """A rule of the validator speaks about it."""
    assert derived_metrics({"samples": {"correct_count": 3, "test_count": 2}}) == {}


def test_the_inflation_of_the_best_of_several_attempts_follows_from_the_log_ratios():
    """Of the third: 1.5 / sqrt(pi) standard errors; the sessions' medians 0 and 0.2 have one of 0.1."""
    attempts = {"attempts": {"preceding": 2, "aborted": 0}}
    compared = attempts | {"comparison": {"log_ratios": [[0.0] * 3, [0.2] * 3]}}
    assert derived_attempts(compared) == {"best_of_inflation": pytest.approx(0.15 / np.sqrt(np.pi))}
    assert derived_attempts(attempts) == derived_attempts(attempts | {"comparison": {"log_ratios": [[0.1]]}}) == {}
