"""A record is made of reports, models and circumstances, and all of it is in place."""

import numpy as np
import pytest

from tinytorch.capstone.models import SimpleMLP
from tinytorch.capstone.record import (
    Circumstances,
    Measured,
    Record,
    data_of,
    parameter_sha256,
    record_of,
    unpack_labels,
)
from tinytorch.capstone.record.derived import derived
from tinytorch.capstone.structure import structure_problems
from tinytorch.errors import StateError

RNG = np.random.default_rng(0)
_ = RNG.normal(size=(30, 8))  # the samples that the reports are about
LABELS = RNG.integers(0, 3, 30)
TECHNIQUE = {"name": "prune.units.v1", "claim": "so many are left", "options": {"keep_ratio": 0.5}}
ARTIFACT = {"path": "small.safetensors", "media_type": "x", "size_bytes": 1, "sha256": "0" * 64}


@pytest.fixture
def circumstances():
    """Give everything that is known around."""
    return Circumstances(
        author="Ada",
        dataset=data_of("drawn", LABELS, version="1", class_count=3),
        protocol={"preset": "quick", "seed": 7, "accuracy_margin": 0.01},
        attempts={"campaign": "c", "ledger_head": "0" * 64, "preceding": 2, "aborted": 1},
        notes=("a note",),
    )


@pytest.fixture
def made(reports, circumstances):
    """Give a record of two measured models."""
    baseline = Measured(reports[0], SimpleMLP(), reports[0].predictions)
    optimized = Measured(reports[1], SimpleMLP(), reports[1].predictions, (TECHNIQUE,), ARTIFACT, "pkg.mod:make")
    return record_of(baseline, optimized, circumstances)


def test_it_is_valid_to_schema_and_models(made):
    """Both."""
    assert structure_problems(made) == []
    assert Record.model_validate(made).document() == made


def test_everything_that_follows_is_in_it(made):
    """Whatever can be derived from it is there, and the same."""

    def contradictions(follows, given, at="$"):
        for name, value in follows.items():
            if isinstance(value, dict):
                yield from contradictions(value, given.get(name, {}), f"{at}.{name}")
            elif given.get(name, ...) != value:
                yield f"{at}.{name}"

    assert list(contradictions(derived(made), made)) == []
    assert made["accuracy_comparison"]["margin"] == 0.01


def test_predictions_and_labels_are_those_of_the_measurement(made, reports):
    """Packed, in order, of both models."""
    assert unpack_labels(made["dataset"]["labels"]).tolist() == LABELS.tolist()
    for part, report in zip(("baseline", "optimized"), reports, strict=True):
        found = unpack_labels(made[part]["samples"]["predictions"])
        assert found.tolist() == report.predictions.tolist()
        assert (found == LABELS).sum() == made[part]["samples"]["correct_count"]


def test_models_are_identified(made):
    """Architecture, hash, file, factory, techniques with claims and options."""
    optimized = made["optimized"]
    assert optimized["architecture"]["layer"] == "SimpleMLP"
    assert optimized["techniques"] == [TECHNIQUE]
    assert (optimized["artifact"], optimized["factory"]) == (ARTIFACT, "pkg.mod:make")
    assert len(optimized["parameter_sha256"]) == 64
    assert made["baseline"]["techniques"] == []
    assert "factory" not in made["baseline"]


def test_the_circumstances_are_taken_over(made):
    """Beside what the measurement says of the protocol."""
    assert made["author"] == {"name": "Ada"}
    assert made["protocol"]["seed"] == 7
    assert made["protocol"]["timing_protocol"] == "interleaved"
    assert made["attempts"]["preceding"] == 2
    assert made["notes"] == ["a note"]


def test_the_machine_is_there_under_both_kinds_of_names(made, reports):
    """OpenTelemetry's and the classic ones."""
    environment = made["environment"]
    assert environment["system_info"]["platform"] == reports[0].system_info["platform"]
    assert environment["resource"]["os.description"] == reports[0].system_info["platform"]
    assert environment["resource"]["process.runtime.version"] == reports[0].system_info["python_version"]


def test_a_model_of_ones_own_layers_has_no_architecture(reports):
    """It is known by its hash, and by its factory where there is one."""

    class Own:
        def state_dict(self):
            """Give an array."""
            return {"w": np.ones(2)}

    made = record_of(Measured(reports[0], Own()))
    assert made["baseline"]["architecture"] is None
    assert made["baseline"]["parameter_sha256"] == parameter_sha256(Own())
    assert structure_problems(made) == []


def test_one_model_that_cannot_be_looked_into_is_a_record_too(reports):
    """Nothing is made up about it."""
    made = record_of(Measured(reports[0]))
    assert made["baseline"]["parameter_sha256"] is None
    assert structure_problems(made) == []
    assert "accuracy_comparison" not in made
    assert "improvements" not in made


def test_a_report_without_metrics_is_refused(reports):
    """As `generate_submission` does."""
    reports[0].metrics = {}
    with pytest.raises(StateError):
        record_of(Measured(reports[0]))
