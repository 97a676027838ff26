"""Every number of a submission of version 2, changed by a hundred-thousandth: found, and the place is named."""

import copy
import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinytorch.capstone.record import pack_labels, unpack_labels
from tinytorch.capstone.validation import problems

MODEL = r"\$\.(baseline|optimized)"
# What was read or said once and stands nowhere else; the files of the models show the first two of them.
SHOWN_BY_NOTHING = [
    rf"{MODEL}\.metrics\.parameter_count",
    rf"{MODEL}\.metrics\.(peak_memory_bytes|first_call_seconds|clock_cost_seconds)",
    rf"{MODEL}\.artifact\.size_bytes",
    rf"{MODEL}\.architecture\..*",
    r"\$\.optimized\.techniques\[0\]\.options\.sparsity",
    r"\$\.environment\..*",
    r"\$\.dataset\.(split_seed|class_count)",
    r"\$\.protocol\.(seed|seeds\..*|blas_threads|warmup_count)",
    r"\$\.attempts\.aborted",
    r"\$\.comparison\.(seed|calls_per_epoch)",
]
# What others follow from: those are named.
SOURCES = {
    rf"{MODEL}\.metrics\.stored_bytes": r"\$\.improvements\.compression_ratio",
    rf"{MODEL}\.metrics\.(accuracy|latency_mean_seconds)\.value": rf"{MODEL}\.metrics\..*",
    rf"{MODEL}\.samples\.test_count": rf"{MODEL}\.samples\.test_count",
    r"\$\.dataset\.sample_count": rf"({MODEL}\.samples\.test_count|\$\.dataset\.labels\.count)",
    r"\$\.protocol\.batch_size": rf"{MODEL}\.metrics\.throughput_batch_samples_per_second\.value",
    r"\$\.protocol\.accuracy_margin": r"\$\.accuracy_comparison\.margin",
    r"\$\.attempts\.preceding": r"\$\.attempts\.best_of_inflation",
    r".*\.count": r".*nanoseconds|.*labels|.*predictions",
    r"\$\.comparison\.(certificate\.)?log_ratios.*": r"\$\.comparison\..*",
}
# A median does not move with one of many rounds; moved together, they are found (below).
ROUNDS = r"\$\.comparison\.(certificate\.)?log_ratios.*"
DECIDES_AT_ITS_EDGE = r"\$\.comparison\.margin"


def numbers_of(value, path="$"):
    """List the paths of all numbers, with what each is."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        at = f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}"
        if type(item) in {int, float}:
            yield at, item
        yield from numbers_of(item, at)


def replaced(document, path, value):
    """Copy a document with another value at a path."""
    made = copy.deepcopy(document)
    *way, last = [int(index) if index else name for name, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", path[1:])]
    owner = made
    for step in way:
        owner = owner[step]
    owner[last] = value
    return made


def tampered(value):
    """Change a number as little as somebody might hope nobody notices."""
    if isinstance(value, int):
        return value + 1
    return value * (1 - 1e-5) if value else 1e-5


def is_any(path, patterns):
    """Say whether a path is described by one of the patterns."""
    return any(re.fullmatch(pattern, path) for pattern in patterns)


def test_every_number_is_found_when_tampered_with_and_its_place_is_named(whole):
    """In turn; only what was read or said once can be changed unseen."""
    unseen, elsewhere = [], []
    for path, value in numbers_of(whole):
        if is_any(path, [*SHOWN_BY_NOTHING, ROUNDS, DECIDES_AT_ITS_EDGE]):
            continue
        places = {problem.path for problem in problems(replaced(whole, path, tampered(value)))}
        named = [path, *(place for source, place in SOURCES.items() if re.fullmatch(source, path))]
        if not places:
            unseen.append(path)
        elif not any(is_any(place, [re.escape(named[0]), *named[1:]]) for place in places):
            elsewhere.append((path, places))
    assert (unseen, elsewhere) == ([], [])


def test_what_nothing_shows_is_listed_no_longer_than_it_is_true(whole):
    """A number that a rule has learned to check must leave the list."""
    for path, value in numbers_of(whole):
        if is_any(path, SHOWN_BY_NOTHING):
            assert problems(replaced(whole, path, tampered(value))) == [], path


@pytest.mark.parametrize("steps", [("comparison",), ("comparison", "certificate")])
def test_moved_log_ratios_are_found(whole, steps):
    """All a little, or fewer sessions, or fewer rounds."""
    owner = whole
    for step in steps:
        owner = owner[step]
    sessions = owner["log_ratios"]
    moved = [[value + 1e-4 for value in session] for session in sessions]
    for wrong in (moved, sessions[:-1], [session[:-1] for session in sessions]):
        owner["log_ratios"] = wrong
        assert any(problem.path.startswith("$.comparison.") for problem in problems(whole))


@pytest.mark.parametrize("part", ["baseline", "optimized"])
@pytest.mark.parametrize("name", ["latency_nanoseconds", "batch_nanoseconds"])
def test_a_changed_duration_is_found(whole, repacked, part, name):
    """Any one of them, by a fiftieth: the mean no longer follows."""
    samples = whole[part]["samples"]
    for index in (0, samples[name]["count"] // 2, samples[name]["count"] - 1):
        changed = copy.deepcopy(whole)
        changed[part]["samples"][name] = repacked(
            samples[name], lambda times, at=index: times + (np.arange(len(times)) == at) * (times[at] // 50)
        )
        assert any(problem.path.startswith(f"$.{part}.metrics.") for problem in problems(changed))


@pytest.mark.parametrize("part", ["dataset", "baseline", "optimized"])
def test_a_changed_answer_is_found(whole, part):
    """One label, or one prediction that becomes right or wrong: a count no longer follows."""
    labels = unpack_labels(whole["dataset"]["labels"])
    owner, name = (whole["dataset"], "labels") if part == "dataset" else (whole[part]["samples"], "predictions")
    answers = unpack_labels(owner[name])
    for index in range(len(answers)):
        other = answers.copy()
        other[index] = (labels[index] + 1) % 3 if answers[index] == labels[index] else labels[index]
        owner[name] = pack_labels(other)
        assert problems(whole) != [], index


TEXTS = ["schema_version", "timestamp", "submission_type"]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", ["3.0.0", "2.0", "", "2026-11-25 12:00:00", "now"])
def test_a_text_of_another_form_is_refused_where_it_stands(whole, name, value):
    """What must be one of few texts, or of one form."""
    assert f"$.{name}" in {problem.path for problem in problems(whole | {name: value})}


HASHES = [
    "$.dataset.sha256",
    "$.baseline.artifact.sha256",
    "$.optimized.parameter_sha256",
    "$.environment.git.commit",
    "$.environment.git.dirty_sha256",
]


@pytest.mark.parametrize("path", HASHES)
@pytest.mark.parametrize("change", [str.upper, lambda text: text[:-1], lambda text: f"{text}0", lambda _: "g" * 64])
def test_a_hash_of_another_form_is_refused_where_it_stands(whole, path, change):
    """Sixty-four digits in lower case, or those of a commit."""
    start = whole
    for step in path.split(".")[1:]:
        start = start[step]
    changed = replaced(whole, path, "AB" + change(start)[2:])
    assert path in {problem.path for problem in problems(changed)}


WEIRD = [None, [], {}, "", "x", -1, 0, 1e308, 5e-324, 10**308, 2**53, True, [[]], {"": 0}, Decimal(1), float("nan")]


def paths_of(value, path="$"):
    """List the paths of all members outside of the machine's record, and of the first element of each list."""
    inner = value.items() if isinstance(value, dict) else [(0, value[0])] if isinstance(value, list) and value else ()
    for name, item in inner:
        if name != "system_info":
            at = f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}"
            yield at
            yield from paths_of(item, at)


@pytest.mark.parametrize("weird", WEIRD, ids=repr)
def test_no_value_anywhere_makes_the_check_fail(whole, weird):
    """Whatever stands wherever, the answer is a list of problems, each a line."""
    whole["comparison"]["log_ratios"] = [session[:6] for session in whole["comparison"]["log_ratios"]]
    for path in paths_of(whole):
        if "resource." not in path and "architecture." not in path:
            for problem in problems(replaced(whole, path, weird)):
                assert problem.path.startswith("$")
                assert "\n" not in str(problem)


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_two_values_anywhere_make_the_check_fail(whole, data):
    """What is unsound in one place may leave another one half."""
    paths = [path for path in paths_of(whole) if "resource." not in path and "architecture." not in path]
    changed = whole
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths))
        try:
            changed = replaced(changed, path, data.draw(st.sampled_from(WEIRD)))
        except (KeyError, TypeError, IndexError):
            continue  # an earlier change took away what this path leads through
    assert all("\n" not in str(problem) for problem in problems(changed))
