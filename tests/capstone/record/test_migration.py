"""Old documents become current ones, the same for every reader, and nothing they held is lost."""

import copy
import importlib.util
import json
from pathlib import Path

import pytest

from tinytorch.capstone.record import CURRENT, Record, unpack_integers, upgraded, version_of
from tinytorch.capstone.record.migration import MIGRATIONS
from tinytorch.capstone.structure import SCHEMA_FILES, structure_problems
from tinytorch.capstone.validation import problems
from tinytorch.errors import DataError

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
OLD = sorted((GOLDEN / "submissions").glob("*.v1.json"))


def read(path):
    """Read a golden file."""
    return json.loads(path.read_text(encoding="utf-8"))


def made_by():
    """Load the script that writes the golden files."""
    spec = importlib.util.spec_from_file_location("make_submissions", GOLDEN / "make_submissions.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_an_old_submission_is_valid_and_becomes_the_golden_one(path):
    """To the last digit, on every machine."""
    old = read(path)
    assert problems(old) == []
    expected = path.with_name(path.name.replace(".v1.", ".v2."))
    assert made_by().written(upgraded(old)) == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_what_it_becomes_is_a_record(path):
    """The schema has nothing against it, and the models neither."""
    made = upgraded(read(path))
    assert structure_problems(made) == []
    assert Record.model_validate(made).document() == made


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_migrating_leaves_the_old_document_alone(path):
    """It is a function of the document, and of nothing else."""
    old = read(path)
    before = copy.deepcopy(old)
    made = upgraded(old)
    made["notes"] = made["environment"]["system_info"]["platform"] = None
    assert old == before


def test_every_version_has_a_schema_and_every_old_one_a_step():
    """From each of them a chain leads to the current one."""
    current = int(CURRENT.partition(".")[0])
    assert set(SCHEMA_FILES) == {*MIGRATIONS, current} == set(range(1, current + 1))
    assert all(path.exists() for path in SCHEMA_FILES.values())


def test_a_current_document_comes_back_as_it_is():
    """A later minor version too: what it added is unknown here, and stays."""
    document = {"schema_version": "2.7.1", "new": True}
    assert upgraded(document) is document


@pytest.mark.parametrize("said", [0, 2, True, 1.5, "1", "1.0.0", "2", "2.0", "two.0.0", "٢.0.0", None, [], "2." * 40])
def test_a_version_that_nobody_published_is_refused(said):
    """The integer 1, or a semantic version from 2 on."""
    with pytest.raises(DataError, match="schema_version"):
        version_of({"schema_version": said})


def test_a_version_of_the_future_is_refused_with_a_remedy():
    """Its meaning is not known here."""
    with pytest.raises(DataError, match="Upgrade tinytorch"):
        upgraded({"schema_version": "3.0.0"})


def test_raw_samples_are_packed_and_all_that_follows_is_computed_again(generated):
    """In seconds, to all digits."""
    made = upgraded(generated)
    times = generated["baseline"]["metrics"]["latency_samples_ns"]
    samples, metrics = made["baseline"]["samples"], made["baseline"]["metrics"]
    assert unpack_integers(samples["latency_nanoseconds"]).tolist() == times
    mean = metrics["latency_mean_seconds"]
    assert mean["origin"] == "derived"
    assert mean["value"] == pytest.approx(sum(times) / len(times) / 1e9, rel=1e-12)
    assert structure_problems(made) == []


def test_a_comparison_travels_unchanged(compared):
    """Its rounds, its verdict and its certificate have the same names in both versions."""
    made = upgraded(compared)
    assert made["comparison"] == compared["comparison"]
    assert made["protocol"]["seed"] == compared["comparison"]["seed"]
    assert structure_problems(made) == []


def test_what_neither_version_knows_stays_where_it_was(by_hand):
    """At the top, in a model, among its metrics, in an improvement."""
    by_hand["mood"] = by_hand["baseline"]["mood"] = by_hand["baseline"]["metrics"]["mood"] = {"is": "glad"}
    by_hand["improvements"]["mood"] = [1]
    made = upgraded(by_hand)
    assert made["mood"] == made["baseline"]["mood"] == made["baseline"]["metrics"]["mood"] == {"is": "glad"}
    assert made["improvements"]["mood"] == [1]


@pytest.mark.parametrize("name", ["author", "environment", "protocol", "accuracy_comparison", "attempts", "extensions"])
def test_a_name_that_version_two_has_taken_moves_to_the_extensions(by_hand, name):
    """Old documents could say anything under it."""
    made = upgraded(by_hand | {name: 7})
    assert made["extensions"]["version_1"] == {name: 7}
    assert structure_problems(made) == []


@pytest.mark.parametrize("name", ["architecture", "samples", "techniques", "extensions"])
def test_such_a_name_in_a_model_moves_to_the_models_extensions(by_hand, name):
    """Likewise."""
    by_hand["optimized"][name] = 7
    by_hand["optimized"]["metrics"]["stored_bytes"] = "many"
    made = upgraded(by_hand)
    assert made["optimized"]["extensions"]["version_1"] == {name: 7, "stored_bytes": "many"}
    assert structure_problems(made) == []


@pytest.mark.parametrize(
    "dataset",
    [{"name": 3}, {"name": ""}, {"name": "x", "sha256": "abc"}, {"split_seed": 1}, {"name": "x", "labels": 0}],
)
def test_a_description_of_the_data_in_other_words_is_kept_whole(by_hand, dataset):
    """Version 1 took any object."""
    made = upgraded(by_hand | {"dataset": dataset})
    assert "dataset" not in made
    assert made["extensions"]["version_1"]["dataset"] == dataset


@pytest.mark.parametrize("git", [None, "main", {}, {"commit": "abc", "is_dirty": True}, {"commit": "a" * 40}])
def test_a_checkout_that_is_not_named_as_version_two_does_is_left_to_the_system_info(by_hand, git):
    """Nothing is made up."""
    by_hand["system_info"]["git"] = git
    made = upgraded(by_hand)
    assert "git" not in made["environment"]
    assert made["environment"]["system_info"]["git"] == git


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-01-31T12:00:00+00:00", "2026-01-31T12:00:00Z"),
        ("2026-01-31 12:00", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00.250-0130", "2026-01-31T13:30:00.250000Z"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
    ],
)
def test_times_are_written_in_utc(by_hand, said, meant):
    """One way to write a moment."""
    assert upgraded(by_hand | {"timestamp": said})["timestamp"] == meant


def test_what_the_models_did_not_share_stays_beside_the_second_ones_metrics(by_hand):
    """The protocol of version 2 is that of both."""
    by_hand["baseline"]["metrics"]["warmup_count"] = 10
    by_hand["optimized"]["metrics"]["warmup_count"] = 20
    made = upgraded(by_hand)
    assert made["protocol"] == {"warmup_count": 10}
    assert made["optimized"]["metrics"]["warmup_count"] == 20
