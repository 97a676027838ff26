"""Every rule of version 2 with a submission that breaks it, rejected by that rule and for the right reason."""

import copy
import math

import numpy as np
import pytest

from tinytorch.capstone import validation
from tinytorch.capstone.record import pack_integers, pack_labels
from tinytorch.capstone.rules import RULES, STAGES
from tinytorch.capstone.rules.samples import MOST_UNPACKED
from tinytorch.capstone.validation import problems

BASE, FAST = "$.baseline.", "$.optimized."
MANY = {"encoding": "bits+zlib+base64", "count": MOST_UNPACKED + 1, "data": "eJxjAAAAAQAB"}

# The rule, what is changed, to what, where the problem is said to be, and what is said there.
KNOWN_BAD = [
    ("check_packed", f"{BASE}samples.latency_nanoseconds.data", "!", f"{BASE}samples.latency_nanoseconds", "base64"),
    ("check_packed", f"{BASE}samples.latency_nanoseconds.data", "eJw=", f"{BASE}samples.latency_nanoseconds", "zlib"),
    ("check_packed", f"{BASE}samples.latency_nanoseconds.count", 399, f"{BASE}samples.latency_nanoseconds", "of 399"),
    ("check_packed", "$.dataset.labels", MANY, "$.dataset.labels.count", "at most 1,000,000"),
    (
        "check_packed",
        f"{BASE}samples.latency_nanoseconds",
        pack_integers([]),
        f"{BASE}samples.latency_nanoseconds",
        "at least one duration",
    ),
    (
        "check_packed",
        f"{FAST}samples.batch_nanoseconds",
        pack_integers([5, 0]),
        f"{FAST}samples.batch_nanoseconds",
        "above 0; got 0 ns",
    ),
    ("check_packed", "$.dataset.labels", pack_integers([-1] * 30), "$.dataset.labels", "at least 0; got -1"),
    ("check_timestamp", "$.timestamp", "2026-02-30T12:00:00Z", "$.timestamp", "the calendar"),
    ("check_git", "$.environment.git.is_dirty", False, "$.environment.git.dirty_sha256", "null, as is_dirty is false"),
    ("check_counts", f"{BASE}samples.correct_count", 31, f"{BASE}samples.correct_count", "at most test_count, 30"),
    ("check_counts", "$.dataset.sample_count", 31, f"{BASE}samples.test_count", "31, the sample_count"),
    ("check_predictions", "$.dataset.sample_count", 31, "$.dataset.labels.count", "31, the sample_count"),
    ("check_predictions", f"{BASE}samples.correct_count", 27, f"{BASE}samples.correct_count", "26, which follows"),
    (
        "check_predictions",
        f"{FAST}samples.predictions",
        pack_labels([0] * 29),
        f"{FAST}samples.predictions.count",
        "30, as many as there are labels",
    ),
    ("check_classes", "$.dataset.class_count", 2, "$.dataset.labels", "of classes below 2, the class_count"),
    ("check_classes", "$.dataset.class_count", 2, f"{FAST}samples.predictions", "got the class 2"),
    ("check_batches", "$.protocol.batch_size", ..., "$.protocol.batch_size", "as baseline.samples.batch_nanoseconds"),
    (
        "check_metrics",
        f"{BASE}metrics.latency_p99_seconds.value",
        1e-5,
        f"{BASE}metrics.latency_p99_seconds.value",
        "which follows from samples.latency_nanoseconds",
    ),
    (
        "check_metrics",
        f"{BASE}samples.latency_nanoseconds",
        pack_integers([20_000] * 5),
        f"{BASE}metrics.latency_p50_seconds.value",
        "null, which follows",
    ),
    (
        "check_metrics",
        f"{FAST}metrics.throughput_batch_samples_per_second",
        None,
        f"{FAST}metrics.throughput_batch_samples_per_second",
        "an estimate, which follows from samples.batch_nanoseconds and protocol.batch_size",
    ),
    (
        "check_metrics",
        f"{BASE}metrics.accuracy.high",
        0.97,
        f"{BASE}metrics.accuracy.high",
        "which follows from samples.correct_count and samples.test_count",
    ),
    (
        "check_origins",
        f"{BASE}metrics.accuracy.origin",
        "declared",
        f"{BASE}metrics.accuracy.origin",
        "derived, as samples.correct_count",
    ),
    (
        "check_origins",
        f"{BASE}metrics.latency_mean_seconds.origin",
        "measured",
        f"{BASE}metrics.latency_mean_seconds.origin",
        "derived, as samples.latency_nanoseconds",
    ),
    ("check_baseline", "$.baseline.techniques", [{"name": "x"}], "$.baseline.techniques", "must be empty"),
    ("check_improvements", "$.improvements.speedup", 2.1, "$.improvements.speedup", "latency_mean_seconds of both"),
    ("check_comparison", "$.comparison.outcome", "slower", "$.comparison.outcome", "'faster', which follows"),
    ("check_comparison", "$.comparison.speedup", 2.2, "$.comparison.speedup", "log_ratios, margin and certificate"),
    (
        "check_certificate",
        "$.comparison.certificate.ratio",
        1.1,
        "$.comparison.certificate.ratio",
        "which follows from its log_ratios",
    ),
    (
        "check_accuracy_comparison",
        "$.accuracy_comparison.mcnemar_p",
        0.01,
        "$.accuracy_comparison.mcnemar_p",
        "which follows from labels and predictions",
    ),
    ("check_attempts", "$.attempts.aborted", 5, "$.attempts.aborted", "at most preceding, 4"),
    ("check_attempts", "$.attempts.preceding", 9, "$.attempts.best_of_inflation", "which follows from preceding"),
    ("check_attempts", "$.attempts.best_of_inflation", None, "$.attempts.best_of_inflation", "got None"),
    ("check_attempts", "$.attempts.best_of_inflation", 1.0, "$.attempts.best_of_inflation", "log_ratios"),
    ("check_margin", "$.protocol.accuracy_margin", 0.02, "$.accuracy_comparison.margin", "0.02, the accuracy_margin"),
]
# The same for a submission that nothing shows.
KNOWN_BAD_DECLARED = [
    ("check_origins", f"{BASE}metrics.accuracy.origin", "derived", f"{BASE}metrics.accuracy.origin", "declared, as no"),
    (
        "check_origins",
        f"{BASE}metrics.latency_mean_seconds.origin",
        "measured",
        f"{BASE}metrics.latency_mean_seconds.origin",
        "declared, as no samples show it",
    ),
    (
        "check_throughput",
        f"{BASE}metrics.throughput_single_samples_per_second",
        260.0,
        f"{BASE}metrics.throughput_single_samples_per_second",
        "250.0, which is 1 / latency_mean_seconds",
    ),
    (
        "check_order",
        f"{BASE}metrics.latency_min_seconds",
        0.0045,
        f"{BASE}metrics.latency_mean_seconds.value",
        "at least latency_min_seconds, 0.0045",
    ),
    (
        "check_order",
        f"{BASE}metrics.latency_max_seconds",
        0.0035,
        f"{BASE}metrics.latency_max_seconds",
        "at least latency_mean_seconds, 0.004",
    ),
    ("check_intervals", f"{BASE}metrics.accuracy.low", 0.96, f"{BASE}metrics.accuracy.low", "at most 0.95"),
    ("check_intervals", f"{BASE}metrics.accuracy.high", 0.94, f"{BASE}metrics.accuracy.high", "at least 0.95"),
    (
        "check_intervals",
        f"{BASE}metrics.latency_mean_seconds.value",
        None,
        f"{BASE}metrics.latency_mean_seconds.reason",
        "there where the value is null; got nothing",
    ),
    ("check_improvements", "$.improvements.speedup", 2.04, "$.improvements.speedup", "2.0, which follows"),
    (
        "check_improvements",
        "$.improvements.compression_ratio",
        1.95,
        "$.improvements.compression_ratio",
        "stored_bytes",
    ),
    ("check_improvements", "$.improvements.accuracy_delta", -0.051, "$.improvements.accuracy_delta", "accuracy of"),
    (
        "check_accuracy_comparison",
        "$.accuracy_comparison.mcnemar_p",
        0.01,
        "$.accuracy_comparison.mcnemar_p",
        "which follows from its counts and margin",
    ),
    (
        "check_accuracy_counts",
        "$.accuracy_comparison.only_baseline",
        5,
        "$.accuracy_comparison.only_baseline",
        "such that both_right + only_baseline is 26, baseline.samples.correct_count",
    ),
]


@pytest.fixture
def bare(whole):
    """Give the whole submission with declared numbers in place of all samples but the counts."""
    made = copy.deepcopy(whole)
    del made["dataset"]["labels"]
    for part in ("baseline", "optimized"):
        del made[part]["samples"]["predictions"]
    return made


@pytest.fixture
def of(whole, declared, bare):
    """Give a function that finds the submission to break: one that has what the path leads to."""

    def find(path, rows):
        if rows is KNOWN_BAD:
            return whole
        return bare if path.startswith("$.accuracy_comparison") else declared

    return find


def said(submission, place):
    """Tell what the validator says about the value at a place."""
    return "; ".join(str(problem) for problem in problems(submission) if problem.path == place)


def rows_of(rows):
    """List the rows with the list they stand in."""
    return [pytest.param(row, rows, id=f"{row[0]}-{index}") for index, row in enumerate(rows)]


BOTH = [*rows_of(KNOWN_BAD), *rows_of(KNOWN_BAD_DECLARED)]


def test_the_submissions_to_break_are_valid(whole, declared, bare):
    """Otherwise nothing below would mean anything."""
    assert [[str(problem) for problem in problems(made)] for made in (whole, declared, bare)] == [[], [], []]


def test_every_rule_has_a_known_bad_submission():
    """A rule without one might as well say nothing."""
    assert {rule.__name__ for rule in RULES[2]} == {row[0] for row in (*KNOWN_BAD, *KNOWN_BAD_DECLARED)}


@pytest.mark.parametrize(("row", "rows"), BOTH)
def test_a_known_bad_submission_is_rejected_for_the_right_reason(of, changed, row, rows):
    """By its path, and with the rule or the remedy."""
    _, path, value, place, words = row
    assert words in said(changed(of(path, rows), path, value), place)


# without it the next rules could not unpack anything
REMOVABLE = [param for param in BOTH if param.values[0][0] != "check_packed"]


@pytest.mark.parametrize(("row", "rows"), REMOVABLE)
def test_it_is_that_rule_which_rejects_it(of, changed, monkeypatch, row, rows):
    """Without the rule, nothing says so."""
    name, path, value, place, words = row
    less = tuple(tuple(rule for rule in stage if rule.__name__ != name) for stage in STAGES[2])
    monkeypatch.setitem(validation.STAGES, 2, less)
    assert words not in said(changed(of(path, rows), path, value), place)


def test_every_rule_says_in_one_sentence_what_must_hold():
    """The documentation lists these."""
    for rule in (*RULES[1], *RULES[2]):
        assert rule.__doc__.strip().endswith("."), rule.__name__


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.improvements.speedup", 2.17),
        ("$.improvements.compression_ratio", 2.67),
        ("$.improvements.accuracy_delta", -0.033),
    ],
)
def test_declared_numbers_may_be_rounded(declared, changed, path, value):
    """Three digits are what people write; with samples there is no need to."""
    for part, mean, size in (("baseline", 0.00433, 2_796_202), ("optimized", 0.002, 1_048_576)):
        metrics = declared[part]["metrics"]
        metrics["latency_mean_seconds"]["value"] = mean
        metrics["throughput_single_samples_per_second"] = float(f"{1 / mean:.4g}")
        metrics["stored_bytes"] = size
    declared["baseline"]["metrics"]["accuracy"]["value"] = 0.9333
    declared["improvements"] |= {"speedup": 2.165, "compression_ratio": 2.6667, "accuracy_delta": -0.0333}
    assert problems(changed(declared, path, value)) == []


def test_of_two_readings_of_all_samples_the_second_is_not_kept_in_mind(whole, repacked):
    """One nanosecond more in one of 400 calls moves the mean, and the mean is named."""
    samples = whole["baseline"]["samples"]
    samples["latency_nanoseconds"] = repacked(samples["latency_nanoseconds"], lambda times: times + (times == times[0]))
    assert "$.baseline.metrics.latency_mean_seconds.value" in {problem.path for problem in problems(whole)}


@pytest.mark.parametrize("name", ["samples", "predictions", "labels"])
def test_what_is_left_out_leaves_nothing_to_contradict(whole, name):
    """Samples may be missing; then counts stand for predictions, and declared numbers for durations."""
    for part in ("baseline", "optimized"):
        if name == "predictions":
            del whole[part]["samples"]["predictions"]
        if name == "samples":
            del whole[part]["samples"]
            for metric in whole[part]["metrics"].values():
                if isinstance(metric, dict):
                    metric["origin"] = "declared"
    if name == "labels":
        del whole["dataset"]["labels"]
    assert [str(problem) for problem in problems(whole)] == []


@pytest.mark.parametrize("count", [-1, math.nan, "30", None])
def test_packed_samples_without_a_sound_count_are_not_unpacked(whole, changed, count):
    """The rules that need them pass them over."""
    (problem,) = problems(changed(whole, "$.baseline.samples.latency_nanoseconds.count", count))
    assert problem.path == "$.baseline.samples.latency_nanoseconds.count"


def test_many_labels_of_few_bits_are_judged(whole):
    """A hundred thousand of them take a moment."""
    labels = np.arange(100_000) % 3
    whole["dataset"] |= {"labels": pack_labels(labels), "sample_count": 100_000}
    for part in ("baseline", "optimized"):
        whole[part]["samples"] |= {"predictions": pack_labels(labels), "correct_count": 100_000, "test_count": 100_000}
    places = {problem.path for problem in problems(whole)}
    assert "$.baseline.metrics.accuracy.value" in places
    assert not any(place.startswith("$.baseline.samples") for place in places)
