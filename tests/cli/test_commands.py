"""The command line, from its arguments to its exit code."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinytorch.benchmarking import PRESETS, Design
from tinytorch.capstone import workflow
from tinytorch.capstone.verdicts import derived_comparison
from tinytorch.capstone.workflow import Progress, WorkflowResult
from tinytorch.cli import app
from tinytorch.errors import TinyTorchError

METRICS = {
    "parameter_count": 9610,
    "model_size_mb": 0.036659,
    "accuracy": 0.975,
    "latency_ms_mean": 0.02,
    "latency_ms_std": 0.001,
    "throughput_samples_per_sec": 50000.0,
}
SUBMISSION = {
    "tinytorch_version": "0.1.0",
    "submission_type": "capstone_benchmark",
    "timestamp": "2026-01-01T00:00:00+00:00",
    "system_info": {"platform": "a machine", "python_version": "3.11.0", "numpy_version": "2.0.0"},
    "baseline": {"model_name": "large", "metrics": METRICS},
}
OPTIMIZED = {
    "optimized": {
        "model_name": "small",
        "metrics": METRICS
        | {"latency_ms_mean": 0.01, "model_size_mb": 0.0183295, "throughput_samples_per_sec": 100000.0},
        "techniques_applied": [],
    },
    "improvements": {"speedup": 2.0, "compression_ratio": 2.0, "accuracy_delta": 0.0},
}
LOG_RATIOS = {"faster": 0.5, "slower": -0.5, "equivalent": 0.0}


def comparison(outcome, certificate=None):
    """Give the section of a comparison with this outcome."""
    raw = {"margin": 0.02, "log_ratios": [[LOG_RATIOS[outcome]] * 10] * 4, "certificate": certificate}
    return {"comparison": raw | derived_comparison(raw)}


WORSE = {"improvements": {"speedup": 0.9, "compression_ratio": 0.5, "accuracy_delta": 0.0}}


@pytest.fixture
def submission_file(tmp_path):
    """Write a valid submission."""
    path = tmp_path / "submission.json"
    path.write_text(json.dumps(SUBMISSION))
    return path


@pytest.fixture
def finish_with(monkeypatch):
    """Let the workflow end at once, with the submission given, or with the error given."""

    def finish(outcome):
        def run_workflow(settings, on_progress=None):
            on_progress(Progress("training", 1, 1, "done"))
            if isinstance(outcome, BaseException):
                raise outcome
            return WorkflowResult(outcome, settings.filepath, ("a note",))

        monkeypatch.setattr(workflow, "run_workflow", run_workflow)

    return finish


def usage_error(arguments, capsys):
    """Run what must be refused as usage; give what it says."""
    with pytest.raises(SystemExit) as stopped:
        app.run(arguments)
    assert stopped.value.code == app.USAGE
    return capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["nope"], ["validate"], ["run", "--nope"], ["info", "extra"]])
def test_wrong_usage_exits_2_and_shows_how_to_call(arguments, capsys):
    """Exit code 2 is for commands that cannot be understood."""
    assert "usage: tinytorch" in usage_error(arguments, capsys)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", ""])
def test_a_number_out_of_range_is_wrong_usage(value, capsys):
    """The rule and the value are both named."""
    said = usage_error(["run", f"--runs={value}"], capsys)
    assert f"must be a whole number of at least 1; got {value!r}" in said


def test_a_folder_that_does_not_exist_is_found_before_the_work(tmp_path, capsys):
    """Nobody waits for a training run whose result cannot be written."""
    assert "must be in a folder that exists" in usage_error(
        ["run", "--output", str(tmp_path / "no" / "s.json")], capsys
    )


def test_a_folder_as_output_is_refused_before_the_work(tmp_path, capsys):
    """A folder cannot be written as a file."""
    assert "must be a file to write" in usage_error(["run", "--output", str(tmp_path)], capsys)


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_and_version_exit_0(arguments, capsys):
    """Asking is no error."""
    with pytest.raises(SystemExit) as stopped:
        app.run(arguments)
    assert (stopped.value.code, capsys.readouterr().err) == (0, "")


def test_a_valid_file_is_ok(submission_file, capsys):
    """Exit code 0 and one line."""
    assert app.run(["validate", str(submission_file)]) == app.OK
    assert capsys.readouterr().out == f"OK  {submission_file}\n"


def test_every_problem_of_an_invalid_file_is_listed(submission_file, capsys):
    """All problems at once, each with its path."""
    metrics = METRICS | {"accuracy": 92, "parameter_count": -1}
    broken = SUBMISSION | {"baseline": {"model_name": "large", "metrics": metrics}}
    submission_file.write_text(json.dumps(broken))
    assert app.run(["validate", str(submission_file)]) == app.INVALID
    said = capsys.readouterr().out
    assert [name in said for name in ("INVALID", "accuracy", "parameter_count")] == [True, True, True]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe{", b'{"a": NaN}', b"[" * 100_000])
def test_a_file_that_is_no_submission_is_invalid_without_a_traceback(submission_file, content, capsys):
    """Whatever bytes a file holds, the answer is a list of problems."""
    submission_file.write_bytes(content)
    assert app.run(["validate", str(submission_file)]) == app.INVALID
    assert "INVALID" in capsys.readouterr().out


def test_a_file_that_does_not_exist_is_invalid(tmp_path, capsys):
    """The file is named."""
    assert app.run(["validate", str(tmp_path / "none.json")]) == app.INVALID
    assert "none.json" in capsys.readouterr().out


def test_a_folder_is_no_submission(tmp_path, capsys):
    """A folder is answered as a file that cannot be read."""
    assert app.run(["validate", str(tmp_path)]) == app.INVALID
    assert "INVALID" in capsys.readouterr().out


def test_one_invalid_file_among_valid_ones_decides_the_exit_code(submission_file, tmp_path, capsys):
    """Every file gets its answer, and any problem gives exit code 1."""
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    assert app.run(["validate", "--json", str(broken), str(submission_file)]) == app.INVALID
    files = json.loads(capsys.readouterr().out)["files"]
    assert [file["valid"] for file in files] == [False, True]


def test_a_file_given_twice_is_checked_once(submission_file, capsys):
    """The second name is reported on stderr and left out."""
    assert app.run(["validate", "--json", str(submission_file), str(submission_file)]) == app.OK
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["files"]) == 1
    assert "is checked once" in captured.err


def test_info_as_json_is_one_document(capsys):
    """Programs can read the environment record."""
    assert app.run(["info", "--json"]) == app.OK
    assert isinstance(json.loads(capsys.readouterr().out), dict)


def test_info_prints_a_line_for_every_entry(capsys):
    """People can read it too."""
    assert app.run(["info"]) == app.OK
    assert "python" in capsys.readouterr().out


def test_run_prints_a_table_and_where_the_file_is(finish_with, tmp_path, capsys):
    """Baseline, optimized and change stand side by side; progress goes to stderr."""
    finish_with(SUBMISSION | OPTIMIZED)
    output = str(tmp_path / "s.json")
    assert app.run(["run", "--output", output]) == app.OK
    captured = capsys.readouterr()
    wanted = ("large", "small", "97.50 %", "20 µs", "2.00× faster", "a note", output)
    assert [text for text in wanted if text not in captured.out] == []
    assert captured.err == "training ...\n"


def test_run_prints_a_baseline_that_stands_alone(finish_with, capsys):
    """Without an optimized model there is no column for it."""
    finish_with(SUBMISSION)
    assert app.run(["run"]) == app.OK
    assert "change" not in capsys.readouterr().out


def test_run_as_json_is_one_document(finish_with, capsys):
    """The submission, the file and the notes, and nothing else on stdout."""
    finish_with(SUBMISSION)
    assert app.run(["run", "--json", "--output", "s.json"]) == app.OK
    expected = {"filepath": "s.json", "artifacts": [], "notes": ["a note"], "verdict": None, "submission": SUBMISSION}
    assert json.loads(capsys.readouterr().out) == expected


def test_an_optimized_model_that_is_slower_and_larger_exits_1(finish_with, capsys):
    """A regression is not a success."""
    finish_with(SUBMISSION | OPTIMIZED | WORSE)
    assert app.run(["run"]) == app.INVALID
    assert "slower than the baseline, and not smaller" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("outcome", "improvements", "code"),
    [
        ("faster", WORSE, app.OK),
        ("equivalent", WORSE, app.OK),
        ("slower", WORSE, app.INVALID),
        ("slower", OPTIMIZED, app.OK),
        ("slower", {"improvements": {"speedup": 2.0, "compression_ratio": 1.0, "accuracy_delta": 0.0}}, app.INVALID),
    ],
)
def test_the_paired_verdict_decides_the_exit_code(finish_with, capsys, outcome, improvements, code):
    """Not the ratio of two noisy means; and a slower model that is smaller can be a fair trade."""
    finish_with(SUBMISSION | OPTIMIZED | improvements | comparison(outcome))
    assert app.run(["run"]) == code


def test_run_says_the_verdict_in_one_sentence_and_its_price(finish_with, capsys):
    """With the interval, what it rests on, and what the instrument is worth."""
    finish_with(SUBMISSION | OPTIMIZED | comparison("faster", {"half_width": 0.0085}))
    assert app.run(["run"]) == app.OK
    said = " ".join(capsys.readouterr().out.split())
    assert "FASTER: The optimized model is faster: 1.649 times as fast, 95 % interval 1.649 to 1.649." in said
    assert "40 rounds in 4 pairs of fresh processes;" in said
    assert "two copies of the baseline came out within 0.85 % of each other." in said


def test_run_as_json_carries_the_verdict(finish_with, capsys):
    """In words beside the submission; its numbers are in it."""
    finish_with(SUBMISSION | OPTIMIZED | comparison("equivalent"))
    assert app.run(["run", "--json"]) == app.OK
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"].startswith("The two are equivalent within 2.0%")
    assert document["submission"]["comparison"]["outcome"] == "equivalent"


def test_an_expected_error_is_one_message_without_a_traceback(finish_with, capsys):
    """What the package explains is shown as it explains it."""
    finish_with(TinyTorchError("the data must be there; got nothing"))
    assert app.run(["run"]) == app.INVALID
    assert capsys.readouterr().err.endswith("tinytorch: error: the data must be there; got nothing\n")


def test_an_unexpected_error_keeps_its_traceback(finish_with):
    """A fault of ours is not dressed up as the user's."""
    finish_with(ZeroDivisionError("ours"))
    with pytest.raises(ZeroDivisionError, match="ours"):
        app.run(["run"])


def test_an_interruption_exits_130_with_a_word(finish_with, capsys):
    """Ctrl-C ends the command as shells expect."""
    finish_with(KeyboardInterrupt())
    assert app.run(["run"]) == app.INTERRUPTED
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_table_can_be_printed_in_any_encoding(finish_with, monkeypatch, encoding):
    """A terminal without µ and × gets plainer signs, not an exception."""
    finish_with(SUBMISSION | OPTIMIZED)
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert app.run(["run"]) == app.OK
    stream.flush()
    said = stream.buffer.getvalue().decode(encoding)
    assert ("20 us" in said) == (encoding == "ascii")


def test_python_m_tinytorch_is_the_same_command(submission_file):
    """Both doors lead to the same room, without colours in a pipe."""
    command = [sys.executable, "-m", "tinytorch", "validate", str(submission_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONUTF8": "1"})
    assert (done.returncode, done.stdout) == (0, f"OK  {submission_file}\n")


def test_a_real_run_writes_a_file_that_validates(tmp_path, capsys, monkeypatch):
    """The whole loop, shortened: train, optimize, measure, compare, write, check."""
    monkeypatch.setitem(PRESETS, "quick", Design(sessions=2, rounds=6, epoch_ns=50_000))
    monkeypatch.setattr("tinytorch.benchmarking.null_run.NULL", Design(sessions=2, rounds=4, epoch_ns=50_000))
    output = tmp_path / "submission.json"
    short = ["--epochs", "2", "--runs", "20", "--preset", "quick"]
    assert app.run(["run", *short, "--json", "--output", str(output)]) in {app.OK, app.INVALID}
    assert json.loads(capsys.readouterr().out)["submission"] == json.loads(Path(output).read_text())
    assert app.run(["validate", str(output)]) == app.OK
