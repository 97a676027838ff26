"""A model against what was made of it, on a clock whose every answer is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from tinytorch.benchmarking.doors.techniques import compare_optimization_techniques

X, Y = np.eye(4, dtype=np.float32), np.array([0, 1, 2, 3])


def model(clock, name, duration, wrong=0.0):
    """Make a model of known speed, right in all cases or in none."""
    return SimpleNamespace(name=name, forward=lambda x: clock.pass_time(duration) or (x if not wrong else -x))


@pytest.fixture
def found(clock):
    """Compare a base model with one twice as fast and one that is wrong."""
    base, fast = model(clock, "base", 2_000_000), model(clock, "fast", 1_000_000)
    wrong = model(clock, "wrong", 2_000_000, wrong=1)
    shape = (1, 4)
    return compare_optimization_techniques(base, [fast, wrong], [(X, Y)], input_shape=shape, clock=clock, sleeper=clock)


def test_the_keys_are_those_of_the_contract(found):
    """All six, and four recommendations."""
    names = "base_model base_metrics optimized_results improvements efficiency_metrics recommendations"
    assert list(found) == names.split()
    needs = {"for_latency_critical", "for_memory_constrained", "for_accuracy_preservation", "for_balanced_deployment"}
    assert set(found["recommendations"]) == needs


def test_the_speed_up_is_paired_and_has_an_interval(found):
    """Exactly 2 on an exact clock."""
    fast = found["improvements"]["fast"]
    ends = [fast[f"latency_speedup{end}"] for end in ("", "_low", "_high")]
    assert ends == pytest.approx([2.0] * 3)


def test_accuracy_that_is_lost_shows(found):
    """The share of it that is kept."""
    assert found["improvements"]["fast"]["accuracy_retention"] == 1.0
    assert found["improvements"]["wrong"]["accuracy_retention"] < 1.0


def test_what_was_not_measured_has_no_ratio(found):
    """None with the reason, and not 1."""
    fast = found["improvements"]["fast"]
    if "energy" in fast["unmeasured"]:
        assert fast["energy_reduction"] is None
        assert fast["unmeasured"]["energy"]
    assert found["base_model"] == "base"


def test_without_data_accuracy_is_unmeasured_everywhere(clock):
    """And so is what would follow from it."""
    models = model(clock, "base", 10), [model(clock, "fast", 5)]
    found = compare_optimization_techniques(*models, [], input_shape=(1, 4), clock=clock, sleeper=clock)
    assert found["improvements"]["fast"]["accuracy_retention"] is None
    assert found["efficiency_metrics"]["fast"]["accuracy_per_ms"] is None
    assert found["base_metrics"]["accuracy"].metadata["measured"] is False
    assert "unknown" in found["recommendations"]["for_accuracy_preservation"]
