"""Two submissions beside each other: verdicts where there can be one, and the reason where there cannot."""

import json
from pathlib import Path

import numpy as np
import pytest

from capstone.reporting.settling import merged, settled
from tinytorch.capstone.record import pack_integers, pack_labels, unpack_labels
from tinytorch.capstone.reporting.contrast import contrast
from tinytorch.cli.app import run
from tinytorch.errors import SubmissionError

ALIKE = {
    "cpu_model": "a processor",
    "cpu_architecture": "x86_64",
    "cpu_affinity": [0, 1],
    "is_virtual": False,
    "hypervisor": None,
}
QUESTIONS = 400


@pytest.fixture
def first(whole):
    """Give a submission whose machine says what it is."""
    made = merged(whole, {"environment": {"system_info": ALIKE}})
    del made["environment"]["resource"]
    return made


@pytest.fixture
def second(first):
    """Give a later one on the same machine: its model takes half the time, and is wrong elsewhere."""
    rng = np.random.default_rng(11)
    times = rng.lognormal(np.log(1000), 0.05, 1200).astype(int)
    rounds = [[1.4 + place / 1e3 + step / 1e3 for step in range(4)] for place in range(6)]
    labels = unpack_labels(first["dataset"]["labels"])
    answers = labels.copy()
    answers[:4] = (answers[:4] + 1) % 10
    samples = {"latency_nanoseconds": pack_integers(times), "predictions": pack_labels(answers)}
    changes = {"comparison": {"log_ratios": rounds}, "optimized": {"model_name": "smaller", "samples": samples}}
    return settled(merged(first, changes | {"optimized": changes["optimized"] | {"metrics": {"stored_bytes": 100}}}))


def found_of(first, second):
    """Give the findings by the name of their metric."""
    return {one.metric: one for one in contrast(first, second).findings}


def test_a_submission_beside_itself_is_equal_wherever_that_can_be_said(first):
    """No verdict of better or worse."""
    found = found_of(first, first)
    assert {one.verdict for one in found.values()} <= {"equal", "undecided"}
    assert found["Size as stored"].verdict == "equal"
    assert found["Speed-up over its baseline"].ratio == 1


def test_speed_ups_are_compared_as_ratios_of_runs_made_apart(first, second):
    """With an interval, marked sequential; a larger one is better."""
    found = found_of(first, second)["Speed-up over its baseline"]
    assert (found.verdict, found.protocol) == ("better", "sequential")
    assert found.low < found.ratio < found.high
    assert found.ratio == pytest.approx(second["comparison"]["speedup"] / first["comparison"]["speedup"])
    assert found_of(second, first)["Speed-up over its baseline"].verdict == "worse"


def test_sizes_are_compared_exactly(first, second):
    """Every difference of counts is one."""
    found = found_of(first, second)["Size as stored"]
    ratio = first["optimized"]["metrics"]["stored_bytes"] / 100
    assert (found.verdict, found.protocol, found.ratio) == ("better", "exact", ratio)


def test_answers_to_the_same_questions_are_compared_one_by_one(first, second):
    """By exact McNemar, with Tango's interval of the difference."""
    found = found_of(first, second)["Accuracy"]
    assert (found.verdict, found.protocol) == ("better", "paired")
    assert found.said.startswith("+3.50 points, 95 % interval ")
    assert "a loss of more than 2 points is ruled out" in found.said


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dataset": {"labels": pack_labels([1] * QUESTIONS)}}, "different questions: the labels differ"),
        ({"dataset": {"version": "another"}}, "the data differ by version"),
        ({"optimized": {"samples": {"predictions": None}}}, "single answers were not kept by both"),
    ],
)
def test_answers_to_other_questions_are_not_compared(change, reason, first):
    """The reason names what differs."""
    other = merged(first, change)
    if other["optimized"]["samples"]["predictions"] is None:
        del other["optimized"]["samples"]["predictions"]
        del other["accuracy_comparison"]
    found = found_of(first, settled(other))["Accuracy"]
    assert found.verdict == "refused"
    assert reason in found.said


def test_times_are_compared_on_machines_alike_and_only_beyond_what_runs_differ_by(first, second):
    """Half the time is a difference; a tenth is none on a virtual machine, where a run may come out a quarter apart."""
    found = found_of(first, second)["Latency, median"]
    assert (found.verdict, found.protocol) == ("better", "sequential")
    times = pack_integers(np.random.default_rng(3).lognormal(np.log(1800), 0.02, 1200).astype(int))
    tenth = settled(merged(first, {"optimized": {"samples": {"latency_nanoseconds": times}}}))
    assert found_of(first, tenth)["Latency, median"].verdict == "better"
    virtual = [merged(one, {"environment": {"system_info": {"is_virtual": True}}}) for one in (first, tenth)]
    found = found_of(*virtual)["Latency, median"]
    assert found.verdict == "undecided"
    assert "two runs of one model may differ by 25 %" in found.said


@pytest.mark.parametrize(
    ("system", "named"),
    [
        ({"cpu_model": "another"}, "processor: a processor and another"),
        ({"cpu_affinity": [0]}, "cores: 2 and 1"),
        ({"hypervisor": "KVM"}, "hypervisor: not recorded and KVM"),
        ({"cpu_model": None}, "the processor is not recorded"),
    ],
)
def test_times_of_unlike_machines_are_refused_and_the_rest_is_not(system, named, first, second):
    """What differs is named; speed-ups, sizes and answers are compared all the same."""
    other = merged(second, {"environment": {"system_info": system}})
    found = found_of(first, other)
    refused = {name for name, one in found.items() if one.verdict == "refused"}
    assert refused == {"Latency, median", "Throughput, in batches"}
    assert all(named in found[name].said for name in refused)
    assert found["Speed-up over its baseline"].verdict == "better"


def test_other_software_and_another_baseline_are_told(first, second):
    """A note, no refusal: the reader decides."""
    changes = {
        "environment": {"system_info": {"numpy_version": "9.9"}},
        "baseline": {"artifact": {"sha256": "cd" * 32}},
    }
    notes = " ".join(contrast(first, merged(second, changes)).notes)
    assert "NumPy" in notes
    assert "The baselines are not known to be one model" in notes
    assert contrast(first, second).notes == ()


def test_submissions_without_a_comparison_have_no_speed_ups_to_compare(first, without_verdict, alone):
    """The reason says which lacks it."""
    for other in (without_verdict, alone):
        found = found_of(first, other)["Speed-up over its baseline"]
        assert found.verdict == "refused"
        assert "the second had no comparison" in found.said


def test_old_submissions_are_compared_as_far_as_they_go(compared):
    """Version 1 keeps no answers."""
    found = found_of(compared, compared)
    assert found["Accuracy"].verdict == "refused"
    assert found["Parameters"].verdict == "equal"


def test_an_invalid_submission_is_refused(first):
    """Before anything is compared."""
    with pytest.raises(SubmissionError):
        contrast(first, first | {"timestamp": "yesterday"})


@pytest.fixture
def files(first, second, tmp_path):
    """Give the paths of both."""
    paths = [tmp_path / name for name in ("first.json", "second.json")]
    for path, document in zip(paths, (first, second), strict=True):
        path.write_text(json.dumps(document), encoding="utf-8")
    return [str(path) for path in paths]


def test_the_command_compares_files_without_measuring(files, capsys):
    """Where both are files of records."""
    assert run(["compare", *files]) == 0
    out = capsys.readouterr().out
    assert "BETTER: " in out
    assert "sequential" in out


def test_the_command_names_what_it_does_not_compare(files, capsys, second):
    """With the reason."""
    other = merged(second, {"environment": {"system_info": {"cpu_model": "another"}}})
    Path(files[1]).write_text(json.dumps(other), encoding="utf-8")
    assert run(["compare", *files]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "NOT COMPARED: Latency, median: the machines are not alike (processor: a processor and another)" in out


def test_the_command_speaks_json(files, capsys):
    """All findings, with what differs between the machines."""
    assert run(["compare", *files, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["machines_are_alike"] is True
    assert {one["verdict"] for one in document["findings"]} >= {"better"}
