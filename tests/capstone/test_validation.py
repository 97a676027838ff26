"""What a submission must be: every rule with a submission that breaks it and no other."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from tinytorch.capstone import validate_submission_schema, validation
from tinytorch.capstone.rules import RULES
from tinytorch.capstone.structure import SCHEMA_FILES
from tinytorch.capstone.validation import problems
from tinytorch.errors import SubmissionError

SCHEMA = json.loads(SCHEMA_FILES[1].read_text())
METRICS = SCHEMA["$defs"]["metrics"]
BASE, FAST = "$.baseline.metrics.", "$.optimized.metrics."

# What is changed, to what, where the problem is said to be, and what is said there.
KNOWN_BAD = [
    ("$.tinytorch_version", ..., "$.tinytorch_version", "got nothing"),
    ("$.tinytorch_version", 0.1, "$.tinytorch_version", "a text"),
    ("$.submission_type", "homework", "$.submission_type", "'capstone_benchmark'"),
    ("$.schema_version", 2, "$.schema_version", "Upgrade tinytorch"),
    ("$.timestamp", ..., "$.timestamp", "got nothing"),
    ("$.timestamp", 1700000000, "$.timestamp", "an ISO 8601 date and time"),
    ("$.timestamp", "yesterday", "$.timestamp", "an ISO 8601 date and time"),
    ("$.timestamp", "2026-01-31", "$.timestamp", "an ISO 8601 date and time"),
    ("$.timestamp", "31.01.2026 12:00", "$.timestamp", "an ISO 8601 date and time"),
    ("$.timestamp", "2026-01-31T12:00:00 CET", "$.timestamp", "an ISO 8601 date and time"),
    ("$.timestamp", "2026-02-30T12:00:00+00:00", "$.timestamp", "the calendar"),
    ("$.timestamp", "2026-01-31T25:00:00+00:00", "$.timestamp", "the calendar"),
    ("$.student_name", "", "$.student_name", "not empty"),
    ("$.system_info", ..., "$.system_info", "got nothing"),
    ("$.system_info", "Linux", "$.system_info", "an object"),
    ("$.system_info.platform", ..., "$.system_info.platform", "got nothing"),
    ("$.system_info.python_version", 3.11, "$.system_info.python_version", "a text"),
    ("$.system_info.numpy_version", 2.0, "$.system_info.numpy_version", "a text"),
    ("$.dataset", "digits", "$.dataset", "an object"),
    ("$.notes", "one", "$.notes", "a list of texts"),
    ("$.baseline", ..., "$.baseline", "got nothing"),
    ("$.baseline", [], "$.baseline", "an object"),
    ("$.baseline.model_name", "", "$.baseline.model_name", "not empty"),
    ("$.baseline.metrics", ..., "$.baseline.metrics", "got nothing"),
    ("$.optimized.techniques_applied", ..., "$.optimized.techniques_applied", "a list of names"),
    ("$.optimized.techniques_applied", "pruning", "$.optimized.techniques_applied", "a list of names"),
    ("$.optimized.techniques_applied", [1], "$.optimized.techniques_applied[0]", "a text"),
    ("$.optimized", ..., "$.optimized", "got nothing"),
    ("$.improvements", ..., "$.improvements", "got nothing"),
    ("$.improvements.speedup", ..., "$.improvements.speedup", "got nothing"),
    ("$.improvements.speedup", 3.0, "$.improvements.speedup", "2.0, which follows"),
    ("$.improvements.speedup", "2x", "$.improvements.speedup", "without quotes or units"),
    ("$.improvements.speedup", 0, "$.improvements.speedup", "above 0"),
    ("$.improvements.compression_ratio", 4.0, "$.improvements.compression_ratio", "2.0, which follows"),
    ("$.improvements.accuracy_delta", 0.05, "$.improvements.accuracy_delta", "-0.0499"),
    ("$.improvements.accuracy_delta", -5, "$.improvements.accuracy_delta", "Divide percentages by 100."),
    (BASE + "accuracy", 92, BASE + "accuracy", "a ratio in [0, 1]; got 92"),
    (BASE + "accuracy", 92, BASE + "accuracy", "Divide percentages by 100."),
    (BASE + "accuracy", "92%", BASE + "accuracy", "Divide percentages by 100."),
    (BASE + "accuracy", True, BASE + "accuracy", "True and false are no numbers."),
    (BASE + "accuracy", math.nan, BASE + "accuracy", "a finite number; got nan"),
    (BASE + "accuracy", -0.1, BASE + "accuracy", "a ratio in [0, 1]"),
    (FAST + "model_size_mb", 0, FAST + "model_size_mb", "above 0"),
    (FAST + "model_size_mb", -1.0, FAST + "model_size_mb", "above 0"),
    (BASE + "parameter_count", 9610.5, BASE + "parameter_count", "a whole number"),
    (BASE + "parameter_count", 0, BASE + "parameter_count", "from 1"),
    (BASE + "latency_ms_mean", math.inf, BASE + "latency_ms_mean", "a finite number; got inf"),
    (BASE + "latency_ms_mean", 10**400, BASE + "latency_ms_mean", "a finite number; got an integer of 1329 bits"),
    (BASE + "latency_ms_std", -0.1, BASE + "latency_ms_std", "at least 0"),
    (BASE + "throughput_samples_per_sec", 260.0, BASE + "throughput_samples_per_sec", "250.0, which follows"),
    (BASE + "model_size_bytes", 1048576, BASE + "model_size_mb", "1.0, which follows"),
    (BASE + "latency_ms_min", 4.5, BASE + "latency_ms_mean", "at least latency_ms_min"),
    (BASE + "latency_ms_max", 3.5, BASE + "latency_ms_max", "at least latency_ms_mean"),
    ("$.system_info.load", [0.1, math.nan], "$.system_info.load[1]", "a finite number"),
    ("$.system_info.load", {1, 2}, "$.system_info.load", "a value that JSON can hold; got a set"),
    ("$.baseline.metrics.weights", np.zeros(3), "$.baseline.metrics.weights", "Use its tolist()."),
    ("$.student_name", "\ud800", "$.student_name", "valid Unicode"),
    ("$.system_info", {"platform": "x", "python_version": "3", 7: "seven"}, "$.system_info", "keys are text"),
]
# The same for submissions with raw samples.
KNOWN_BAD_MEASURED = [
    (BASE + "correct_count", 31, BASE + "correct_count", "at most test_count, 30"),
    (BASE + "test_count", ..., BASE + "test_count", "got nothing"),
    (BASE + "batch_size", ..., BASE + "batch_size", "got nothing"),
    (BASE + "latency_samples_ns", [], BASE + "latency_samples_ns", "at least one duration"),
    (BASE + "latency_samples_ns", [1, 0], BASE + "latency_samples_ns[1]", "from 1"),
    (BASE + "latency_samples_ns", [1, "2"], BASE + "latency_samples_ns[1]", "without quotes"),
    (BASE + "latency_samples_ns", [10**300], BASE + "latency_samples_ns[0]", "to 10^18"),
    (BASE + "latency_samples_ns", [5] * 400, BASE + "latency_ms_mean", "5e-06, which follows"),
    (BASE + "latency_samples_ns", [20000] * 5, BASE + "latency_ms_p50", "null, which follows"),
    (BASE + "latency_ms_p90", None, BASE + "latency_ms_p90", "which follows"),
    (BASE + "num_runs", 4000, BASE + "num_runs", "400, which follows"),
    (BASE + "blas_threads", 0, BASE + "blas_threads", "from 1 to 10^18, or null"),
]


def test_a_submission_written_by_hand_is_valid(by_hand):
    """Six metrics and the machine are enough."""
    assert validate_submission_schema(by_hand) is True


def test_a_generated_submission_is_valid(generated):
    """What the package writes, it accepts."""
    assert validate_submission_schema(generated) is True


def test_a_baseline_alone_is_valid(by_hand):
    """Optimizing is optional."""
    del by_hand["optimized"], by_hand["improvements"]
    assert validate_submission_schema(by_hand) is True


@pytest.mark.parametrize(("path", "value", "place", "words"), KNOWN_BAD)
def test_a_known_bad_submission_is_rejected_for_the_right_reason(by_hand, path, value, place, words, changed, said_at):
    """By its path, and with the rule or the remedy."""
    assert words in said_at(place, changed(by_hand, path, value))


@pytest.mark.parametrize(("path", "value", "place", "words"), KNOWN_BAD_MEASURED)
def test_a_known_bad_measurement_is_rejected_for_the_right_reason(
    generated, path, value, place, words, changed, said_at
):
    """The same where raw samples are there."""
    assert words in said_at(place, changed(generated, path, value))


@pytest.mark.parametrize("rule", RULES[1])
def test_without_any_one_rule_a_known_bad_submission_would_pass(monkeypatch, by_hand, compared, rule, changed):
    """Every rule is needed, and each has its deliberate fault."""
    monkeypatch.setitem(validation.STAGES, 1, (tuple(other for other in RULES[1] if other is not rule),))
    bad = [changed(by_hand, *row[:2]) for row in KNOWN_BAD] + [
        changed(compared, *row[:2]) for row in KNOWN_BAD_MEASURED
    ]
    bad.append(changed(compared, "$.comparison.outcome", "slower"))
    assert [] in [problems(submission) for submission in bad]


@pytest.mark.parametrize("value", ["fast", True, math.nan, math.inf, -math.inf, -1, {}, "1.5"])
@pytest.mark.parametrize("name", METRICS["properties"])
def test_every_metric_of_the_schema_refuses_what_is_no_measurement(generated, name, value, changed, said_at):
    """A new metric is held to this by standing in the schema."""
    if name == "timing_protocol" and isinstance(value, str):
        value = ""
    assert said_at(BASE + name, changed(generated, BASE + name, value)) != ""


@pytest.mark.parametrize("name", METRICS["required"])
@pytest.mark.parametrize("part", ["baseline", "optimized"])
def test_every_core_metric_is_required_of_both_models(by_hand, part, name, changed, said_at):
    """The optimized model is judged as the baseline is."""
    path = f"$.{part}.metrics.{name}"
    assert "got nothing" in said_at(path, changed(by_hand, path, ...))


def test_all_problems_are_listed_at_once(by_hand, changed):
    """Nobody has to run the check once for each mistake."""
    broken = changed(changed(by_hand, BASE + "accuracy", 92), BASE + "latency_ms_std", -1)
    broken = changed(changed(broken, FAST + "model_size_mb", -1), "$.timestamp", ...)
    found = [BASE + "accuracy", BASE + "latency_ms_std", FAST + "model_size_mb", "$.timestamp"]
    assert sorted(problem.path for problem in problems(broken)) == sorted(found)


def test_a_value_has_one_problem_at_most(by_hand, changed):
    """Zero is below two limits; it is said once."""
    found = problems(changed(by_hand, BASE + "parameter_count", math.nan))
    assert [problem.path for problem in found] == [BASE + "parameter_count"]


def test_a_problem_has_path_value_rule_and_remedy(by_hand, changed):
    """Programs can read it, and its text is one line in the house's form."""
    (problem,) = problems(changed(by_hand, BASE + "accuracy", 92) | {"improvements": by_hand["improvements"]})
    parts = (problem.path, problem.value, problem.rule, problem.remedy)
    assert parts == ("$.baseline.metrics.accuracy", 92, "a ratio in [0, 1]", "Divide percentages by 100.")
    expected = "accuracy must be a ratio in [0, 1]; got 92 — at $.baseline.metrics.accuracy. Divide percentages by 100."
    assert str(problem) == expected


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31mred", "x" * 10_000])
def test_a_problem_is_one_short_line_whatever_the_file_says(by_hand, text, changed):
    """A file cannot write into the terminal of whoever checks it."""
    broken = changed(changed(by_hand, "$.timestamp", text), "$.system_info", {text: math.nan})
    for problem in problems(broken):
        assert str(problem).isprintable()
    assert len(str(problems(broken)[-1])) < 400


@pytest.mark.parametrize("kind", [AssertionError, ValueError, SubmissionError])
def test_the_exception_is_an_assertion_and_a_value_error(by_hand, kind, changed):
    """Code catches the one or the other."""
    with pytest.raises(kind, match="must be a ratio"):
        validate_submission_schema(changed(by_hand, BASE + "accuracy", 92))


def test_the_exception_carries_the_problems(by_hand, changed):
    """All of them, in the message and as objects."""
    broken = changed(changed(by_hand, BASE + "accuracy", 92), "$.timestamp", ...)
    with pytest.raises(SubmissionError, match="2 problems") as caught:
        validate_submission_schema(broken)
    assert [str(problem) in str(caught.value) for problem in caught.value.problems] == [True, True]


@pytest.mark.parametrize("value", [None, [], "x", 3, math.nan, {1, 2}])
def test_what_is_no_object_is_no_submission(value):
    """One problem, at the root."""
    assert problems(value)[0].path == "$"


def test_validation_does_not_rest_on_assert():
    """With `python -O` every check is still there."""
    code = """
from tinytorch.capstone import validate_submission_schema
try:
    validate_submission_schema({"baseline": {"metrics": {"accuracy": 92}}})
except ValueError as error:
    print("refused", "accuracy must be a ratio" in str(error), __debug__)
"""
    done = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused True False\n"


def test_unknown_fields_are_valid_everywhere(generated):
    """Tomorrow's optional fields do not break today's validator."""
    extra = {"energy_joules": 0.1, "tags": ["a", None, {"deep": True}]}
    for part in ("$", "$.system_info", "$.baseline", "$.baseline.metrics", "$.optimized", "$.improvements"):
        owner = generated
        for step in part.split(".")[1:]:
            owner = owner[step]
        owner |= extra
    assert problems(generated) == []


def test_numpy_numbers_are_numbers(by_hand, changed, said_at):
    """A dictionary made by hand may hold what NumPy returned."""
    by_hand["baseline"]["metrics"] |= {"accuracy": np.float64(0.95), "parameter_count": np.int64(9610)}
    by_hand["optimized"]["metrics"] |= {"accuracy": np.float32(0.9)}
    assert problems(by_hand) == []
    assert "no numbers" in said_at(BASE + "accuracy", changed(by_hand, BASE + "accuracy", np.True_))


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00+00:00",
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00.123456+02:00",
        "2026-01-31T12:00",
        "2026-01-31 12:00:00",
    ],
)
def test_a_timestamp_may_be_any_iso_8601_date_and_time(by_hand, text):
    """With or without an offset; a space may stand for the T, as RFC 3339 has it and older reports wrote it."""
    assert problems(by_hand | {"timestamp": text}) == []


def test_a_submission_that_holds_itself_is_refused(by_hand, said_at):
    """And the check ends."""
    by_hand["self"] = by_hand
    assert said_at("$.self", by_hand).startswith("self must be nested at most")


def test_a_submission_nested_too_deep_is_refused(by_hand):
    """And the check does not run out of stack."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    found = problems(by_hand | {"deep": deep})
    assert [problem.rule for problem in found] == ["nested at most 64 deep, and not hold itself"]


ROUNDED_VALID = [
    ({"latency_ms_mean": 5.2, "throughput_samples_per_sec": 192.3}, {"speedup": 2.6}),
    ({"latency_ms_mean": 4.33, "throughput_samples_per_sec": 230.95}, {"speedup": 2.17}),
    ({"model_size_mb": 2.667}, {"compression_ratio": 2.67}),
    ({"accuracy": 0.9333}, {"accuracy_delta": -0.033}),
]


@pytest.mark.parametrize(("metrics", "claims"), ROUNDED_VALID)
def test_numbers_written_by_hand_may_be_rounded(by_hand, metrics, claims):
    """Three digits are what people write."""
    by_hand["baseline"]["metrics"] |= metrics
    by_hand["improvements"] |= claims
    assert problems(by_hand) == []


def test_the_slack_of_a_rounded_claim_is_a_share_of_it(by_hand, said_at):
    """20.0 may have been 20.05, a quarter of a per cent, and the latencies are exact: 20.15 is too far away."""
    by_hand["baseline"]["metrics"] |= {"latency_ms_mean": 20.15, "throughput_samples_per_sec": 1000 / 20.15}
    by_hand["optimized"]["metrics"] |= {"latency_ms_mean": 1.0000001, "throughput_samples_per_sec": 1000 / 1.0000001}
    by_hand["improvements"]["speedup"] = 20.0
    assert "20.14999" in said_at("$.improvements.speedup", by_hand)


@pytest.mark.parametrize(
    ("path", "value"), [("speedup", 2.04), ("compression_ratio", 1.95), ("accuracy_delta", -0.051)]
)
def test_rounding_does_not_excuse_a_hundredth_or_more(by_hand, path, value, changed, said_at):
    """One per cent, or a tenth of a point of accuracy, is no rounding."""
    place = f"$.improvements.{path}"
    assert "which follows" in said_at(place, changed(by_hand, place, value))


def test_every_property_of_the_schema_has_its_rule_in_words():
    """The messages quote it, and so may the documentation."""
    without = [name for name, part in leaves(SCHEMA) if "x-rule" not in part]
    assert without == []


def test_every_metric_of_a_generated_submission_is_described(generated):
    """What the package writes, the published schema explains."""
    undescribed = generated["baseline"]["metrics"].keys() - METRICS["properties"].keys()
    assert undescribed == set()
    assert [name for name, part in METRICS["properties"].items() if "description" not in part] == []


def leaves(part, name="$"):
    """List every part of the schema that says what type a value has."""
    if "type" in part or "const" in part:
        yield name, part
    for inner in ("properties", "$defs"):
        for key, child in part.get(inner, {}).items():
            yield from leaves(child, f"{name}.{key}")
    if "items" in part:
        yield from leaves(part["items"], f"{name}[]")
