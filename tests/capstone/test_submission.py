"""Making, saving and loading submissions."""

import json
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import tinytorch.capstone
from tinytorch.capstone import (
    BenchmarkReport,
    generate_submission,
    load_submission,
    save_submission,
    validate_submission_schema,
)
from tinytorch.errors import DataError, RangeError, StateError, SubmissionError

SIX = {
    "parameter_count": 100,
    "model_size_mb": 0.5,
    "accuracy": 0.9,
    "latency_ms_mean": 2.0,
    "latency_ms_std": 0.1,
    "throughput_samples_per_sec": 500.0,
}


def filled(name="model", **metrics):
    """Fill a report by hand with the six core metrics and three keys of the system."""
    report = BenchmarkReport(name)
    report.system_info = {"platform": "a machine", "python_version": "3.11.0", "numpy_version": "2.0.0"}
    report.metrics = SIX | metrics
    return report


def test_a_baseline_alone_has_these_fields():
    """The contract's names, and no part that says nothing."""
    submission = generate_submission(filled("mine"))
    names = ["schema_version", "tinytorch_version", "submission_type", "timestamp", "system_info", "baseline"]
    assert list(submission) == names
    assert submission["baseline"] == {"model_name": "mine", "metrics": SIX}
    assert (submission["tinytorch_version"], submission["submission_type"]) == ("0.1.0", "capstone_benchmark")


def test_a_report_filled_by_hand_is_valid():
    """Six metrics and three keys are enough, for one model and for two."""
    assert validate_submission_schema(generate_submission(filled()))
    assert validate_submission_schema(generate_submission(filled(), filled("small", model_size_mb=0.25)))


def test_improvements_are_ratios_of_baseline_to_optimized():
    """Twice as fast, half the size, five points less accurate."""
    fast = filled("fast", latency_ms_mean=1.0, throughput_samples_per_sec=1000.0, model_size_mb=0.25, accuracy=0.85)
    improvements = generate_submission(filled(), fast)["improvements"]
    assert improvements == {"speedup": 2.0, "compression_ratio": 2.0, "accuracy_delta": pytest.approx(-0.05)}


def test_techniques_belong_to_the_optimized_model():
    """An empty list where none is named."""
    named = generate_submission(filled(), filled("o"), techniques_applied=["prune.units.v1"])
    assert named["optimized"]["techniques_applied"] == ["prune.units.v1"]
    assert generate_submission(filled(), filled("o"))["optimized"]["techniques_applied"] == []


@pytest.mark.parametrize(("given", "there"), [("Ada", True), (None, False), ("", False)])
def test_a_name_is_there_only_if_given(given, there):
    """Nobody has to sign."""
    assert ("student_name" in generate_submission(filled(), student_name=given)) == there


def test_a_submission_is_a_copy():
    """Changing the report later does not change what was submitted."""
    report = filled()
    submission = generate_submission(report)
    report.metrics["accuracy"] = 0.1
    report.system_info["platform"] = "another"
    assert (submission["baseline"]["metrics"]["accuracy"], submission["system_info"]["platform"]) == (0.9, "a machine")


def test_a_report_may_be_of_any_class():
    """Three attributes are all that is needed."""
    report = SimpleNamespace(model_name="m", metrics=dict(SIX), system_info=filled().system_info)
    assert validate_submission_schema(generate_submission(report))


def test_a_report_that_was_never_run_is_refused():
    """With the method to call."""
    with pytest.raises(StateError, match="Call benchmark_model first"):
        generate_submission(BenchmarkReport("idle"))


@pytest.mark.parametrize("value", [0, 0.0, "2", None, True, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["latency_ms_mean", "model_size_mb"])
def test_improvements_need_numbers_to_divide_by(name, value):
    """The path of the metric is named."""
    with pytest.raises(RangeError, match=rf"\$\.optimized\.metrics\.{name}"):
        generate_submission(filled(), filled("o", **{name: value}))


def test_save_returns_the_path_and_load_reads_what_was_saved(tmp_path, generated):
    """JSON round trips, to the last digit."""
    path = str(tmp_path / "submission.json")
    assert save_submission(generated, path) == path
    assert load_submission(path) == generated


def test_save_writes_to_submission_json_unless_told_otherwise(tmp_path, monkeypatch, generated):
    """The contract's default."""
    monkeypatch.chdir(tmp_path)
    assert save_submission(generated) == "submission.json"
    assert (tmp_path / "submission.json").exists()


def test_a_thousand_samples_stand_on_one_line(tmp_path, generated):
    """A person can read the file."""
    generated["notes"] = ["[\n1,\n2]"]
    lines = (tmp_path / save_submission(generated, tmp_path / "s.json")).read_text().splitlines()
    assert len(lines) < 250
    assert load_submission(tmp_path / "s.json")["notes"] == ["[\n1,\n2]"]


def test_an_invalid_submission_is_not_saved(tmp_path):
    """A file that was there stays as it was."""
    path = tmp_path / "s.json"
    path.write_text("before")
    with pytest.raises(SubmissionError):
        save_submission(generate_submission(filled(accuracy=92)), path)
    assert (path.read_text(), [file.name for file in tmp_path.iterdir()]) == ("before", ["s.json"])


def test_numpy_numbers_are_saved_as_numbers(tmp_path):
    """Without them `json` would refuse the dictionary."""
    report = filled(accuracy=np.float64(0.9), parameter_count=np.int64(100))
    path = save_submission(generate_submission(report), tmp_path / "s.json")
    assert load_submission(path)["baseline"]["metrics"] == SIX


def test_a_name_in_any_script_is_readable_in_the_file(tmp_path):
    """UTF-8, whatever the system's own encoding is."""
    save_submission(generate_submission(filled(), student_name="Łukasz 李"), tmp_path / "s.json")
    assert "Łukasz 李".encode() in (tmp_path / "s.json").read_bytes()


BAD_FILES = {
    "nothing": (b"", "JSON"),
    "half a file": (b'{"baseline": {', "JSON"),
    "a list": (b"[]", "one JSON object; got a list"),
    "null": (b"null", "one JSON object"),
    "not UTF-8": (b"\xff\xfe{", "UTF-8"),
    "NaN": (b'{"a": [NaN]}', "NaN is no number"),
    "infinity": (b'{"a": -Infinity}', "-Infinity is no number"),
    "a key twice": (b'{"a": {"x": 1, "y": 2, "x": 3}}', "'x' stands twice"),
    "too deep": (b"[" * 200_000, "nested less deep"),
    "too many digits": (b'{"a": ' + b"9" * 5000 + b"}", "JSON"),
}


@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_that_is_no_submission_is_refused_with_its_name(tmp_path, content, words):
    """Never another error than ours, whatever the bytes."""
    path = tmp_path / "odd.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_submission(path)
    assert [words in str(caught.value), "odd.json" in str(caught.value)] == [True, True]


@pytest.mark.parametrize("name", ["absent.json", "."])
def test_a_file_that_cannot_be_read_is_refused_with_its_name(tmp_path, name):
    """A folder is no file either."""
    with pytest.raises(DataError, match="must be readable"):
        load_submission(tmp_path / name)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    """Some editors write one."""
    (tmp_path / "s.json").write_bytes(b"\xef\xbb\xbf{}")
    assert load_submission(tmp_path / "s.json") == {}


def test_a_number_too_large_for_a_float_is_found_by_the_validator(tmp_path, by_hand):
    """`1e999` is read as infinity, which no metric is."""
    text = json.dumps(by_hand).replace('"latency_ms_mean": 4.0', '"latency_ms_mean": 1e999')
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(SubmissionError, match="a finite number; got inf"):
        validate_submission_schema(load_submission(tmp_path / "s.json"))


def test_the_error_can_cross_processes(by_hand):
    """Test runners send exceptions from one process to another."""
    with pytest.raises(SubmissionError) as caught:
        validate_submission_schema(by_hand | {"timestamp": 3})
    copied = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  our own bytes
    assert (str(copied), copied.problems) == (str(caught.value), caught.value.problems)


def test_the_floor_shows_these_names():
    """Users import them from here."""
    wanted = {"BenchmarkReport", "SimpleMLP", "generate_submission", "save_submission", "validate_submission_schema"}
    assert set(tinytorch.capstone.__all__) == wanted | {"load_submission", "load_model", "save_model"}
    assert all(hasattr(tinytorch.capstone, name) for name in tinytorch.capstone.__all__)
