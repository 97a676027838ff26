"""`tinytorch compare` and `tinytorch doctor`, as a user calls them."""

import hashlib
import json
import re
import sys
from contextlib import contextmanager

import pytest

from tinytorch.benchmarking import PRESETS, Comparison, Design
from tinytorch.capstone.provenance import Ledger
from tinytorch.cli.app import run

SAME = "specimens:multiplies"
FAST, SLOW = "specimens:multiplies?side=8", "specimens:multiplies?side=96"


@pytest.fixture(autouse=True)
def short_runs(monkeypatch):
    """Measure little: what is said is under test, not how well."""
    monkeypatch.setitem(PRESETS, "quick", Design(sessions=3, rounds=8, epoch_ns=50_000))
    monkeypatch.setattr("tinytorch.benchmarking.null_run.NULL", Design(sessions=2, rounds=4, epoch_ns=50_000))


def compare(*arguments):
    """Run the command on the short preset."""
    return run(["compare", *arguments, "--preset", "quick", "--seed", "3"])


def test_a_clear_difference_is_said_in_a_sentence(capsys):
    """Beside the table, the interval and what it cost."""
    assert compare(SLOW, FAST, "--no-certificate") == 0
    out = capsys.readouterr().out
    assert "FASTER: The candidate is faster" in out
    assert "3 sessions of 8 rounds" in out


def test_the_record_is_kept_and_can_be_read_again(capsys, tmp_path):
    """With the seed, the raw samples and the certificate."""
    path = tmp_path / "record.json"
    assert compare(SAME, SAME, "--output", str(path), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    kept = Comparison.from_dict(json.loads(path.read_text()))
    assert (kept.seed, Comparison.from_dict(document["comparison"])) == (3, kept)
    assert kept.certificate.worker_kind == "process"


def test_a_slow_down_beyond_what_is_allowed_fails_and_is_measured_twice(capsys):
    """A gate exits with 1; it has confirmed the slow-down in new sessions."""
    assert compare(FAST, SLOW, "--no-certificate", "--max-slowdown", "50") == 1
    assert "fails: it is slower by at least" in capsys.readouterr().out
    assert compare(SLOW, FAST, "--no-certificate", "--max-slowdown", "50") == 0


def test_several_candidates_have_a_row_each(capsys):
    """Each is compared with the baseline."""
    assert compare(SLOW, FAST, SLOW, "--no-certificate", "--json") == 0
    verdicts = json.loads(capsys.readouterr().out)["verdicts"]
    assert [(verdict["index"], verdict["name"]) for verdict in verdicts] == [(1, FAST), (2, SLOW)]


def test_candidates_of_the_same_name_do_not_hide_each_other(capsys):
    """The same subject twice has two verdicts, and two gates."""
    assert compare(SLOW, FAST, FAST, "--no-certificate", "--json", "--max-slowdown", "50") == 0
    document = json.loads(capsys.readouterr().out)
    for part in ("verdicts", "gates"):
        assert [(entry["index"], entry["name"]) for entry in document[part]] == [(1, FAST), (2, FAST)]


def test_a_candidate_that_fails_is_told_and_exits_with_1(capsys):
    """With what happened to it; the other one's verdict stands."""
    assert compare(SLOW, FAST, "specimens:raises_in_call?number=9", "--no-certificate") == 1
    out = capsys.readouterr().out
    assert "raised an error in session 1" in out
    assert "FASTER" in out


def test_a_subject_that_is_none_is_an_error(capsys):
    """The remedy is named."""
    assert compare("nothing at all", FAST, "--no-certificate") == 1
    assert "Give package.module:make" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--margin", "many"], ["--preset", "long"], ["--max-slowdown", "-1"]])
def test_wrong_usage_exits_with_2(wrong):
    """Before anything is measured."""
    with pytest.raises(SystemExit) as exit_:
        run(["compare", SAME, SAME, *wrong])
    assert exit_.value.code == 2


def test_another_interpreter_can_run_the_candidate(capsys):
    """It must be able to import the subject: it gets none of this one's search path."""
    where = ["--candidate-python", sys.executable, "--candidate-path", "tests"]
    assert compare("bare_specimens:adds", "bare_specimens:adds", *where, "--no-certificate", "--json") == 0
    subjects = json.loads(capsys.readouterr().out)["comparison"]["subjects"]
    assert [subject["own_interpreter"] for subject in subjects] == [False, True]


def test_the_doctor_says_what_cannot_be_told_apart(capsys):
    """In plain words."""
    assert run(["doctor", "--seed", "1", "--seconds", "1"]) in {0, 1}
    assert "told from nothing here" in capsys.readouterr().out


def test_the_doctor_speaks_json(capsys):
    """For a log of many machines."""
    run(["doctor", SAME, "--json", "--seconds", "1"])
    assert json.loads(capsys.readouterr().out)["half_width"] >= 0


def test_attempts_of_a_campaign_are_counted(capsys, tmp_path):
    """The second says that it is one, and what choosing would add; the ledger has the hash of its record."""
    ledger, record = tmp_path / "attempts.jsonl", tmp_path / "record.json"
    where = ["--no-certificate", "--campaign", "products", "--ledger", str(ledger)]
    assert compare(SLOW, FAST, *where) == 0
    assert "Try 1 of the campaign products: nothing was there to choose from." in capsys.readouterr().out
    assert compare(SLOW, FAST, *where, "--output", str(record), "--json") == 0
    (section,) = json.loads(capsys.readouterr().out)["attempts"]
    assert (section["candidate"], section["preceding"], section["aborted"]) == (FAST, 1, 0)
    assert section["best_of_inflation"] > 0
    end = Ledger(ledger).entries()[-1].content
    assert (end["event"], "is faster" in end["headline"]) == ("finished", True)
    assert end["submission_sha256"] == hashlib.sha256(record.read_bytes()).hexdigest()


def test_an_interrupted_comparison_is_an_aborted_attempt(capsys, monkeypatch, tmp_path):
    """It may have been broken off for what it showed."""
    interrupted_at(monkeypatch, "comparing", 11)
    ledger = Ledger(tmp_path / "attempts.jsonl")
    assert compare(SLOW, FAST, "--no-certificate", "--campaign", "c", "--ledger", str(ledger.path)) == 130
    assert [entry.event for entry in ledger.entries()] == ["started", "aborted"]
    assert "Try 1 of the campaign c" in capsys.readouterr().out


def test_a_comparison_that_fails_is_an_aborted_attempt(tmp_path):
    """With the reason."""
    ledger = Ledger(tmp_path / "attempts.jsonl")
    assert compare("nothing at all", FAST, "--campaign", "c", "--ledger", str(ledger.path)) == 1
    assert ledger.entries()[-1].content["reason"].startswith("RangeError: a subject must be")


def test_a_ledger_that_cannot_be_written_is_found_before_the_work(capsys, tmp_path):
    """With the remedy; nothing is measured."""
    (tmp_path / "file").write_text("")
    where = str(tmp_path / "file" / "attempts.jsonl")
    assert compare(SLOW, FAST, "--campaign", "c", "--ledger", where) == 1
    captured = capsys.readouterr()
    assert ("--ledger FILE" in captured.err, captured.out) == (True, "")


def interrupted_at(monkeypatch, stage, step):
    """Let the user press Ctrl-C at a step of a stage."""

    @contextmanager
    def shown():
        def show(progress):
            if (progress.stage, progress.step) == (stage, step):
                raise KeyboardInterrupt

        yield show

    for command in ("compare", "doctor", "bench"):
        monkeypatch.setattr(f"tinytorch.cli.{command}.shown", shown)


def test_an_interrupted_comparison_prints_its_part_and_exits_with_130(capsys, monkeypatch):
    """Its verdict rests on what there is, and it says that it is a part; nothing is measured again for a gate."""
    interrupted_at(monkeypatch, "comparing", 11)
    assert compare(SLOW, FAST, "--no-certificate", "--max-slowdown", "50") == 130
    out = capsys.readouterr().out
    assert re.search("FASTER|UNDECIDED", out)  # of so few rounds on a busy machine, either
    assert "broken off after 1 of 3 sessions and 2 of 8 rounds of the next" in out
    assert "2 sessions with 10 rounds in all" in out


def test_an_interrupted_null_run_prints_what_it_is_worth_and_no_verdict(capsys, monkeypatch):
    """The certificate is of its rounds, and nothing was compared."""
    interrupted_at(monkeypatch, "certifying", 6)
    assert compare(SLOW, FAST) == 130
    out = capsys.readouterr().out
    assert "nothing can be said of the variants" in out
    assert "cannot be told from nothing here" in out or "nothing bounds it" in out
    assert "speed-up" not in out


def test_an_interrupted_doctor_prints_its_part(capsys, monkeypatch):
    """And exits with 130 whatever it found."""
    interrupted_at(monkeypatch, "certifying", 6)
    assert run(["doctor", SAME, "--seconds", "1"]) == 130
    assert "It was broken off" in capsys.readouterr().out
