"""`tinytorch pack` and `tinytorch verify`, from their arguments to their exit codes."""

import json

import pytest

from cli.test_commands import SUBMISSION
from tinytorch.benchmarking.statistics import paired_ratio
from tinytorch.capstone import bundle
from tinytorch.capstone.bundle import Answer, Checks, Finding, Verification
from tinytorch.capstone.bundle.agreement import agreement
from tinytorch.capstone.bundle.speed import Measured
from tinytorch.cli import app
from tinytorch.errors import SubmissionError

TWICE = paired_ratio([[0.69, 0.70, 0.68, 0.71]] * 4)
CODES = {Answer.REPRODUCED: 0, Answer.NOT_REPRODUCED: 1, Answer.CANNOT_TELL: 3}


def found(answer):
    """Give a verification with this answer."""
    beside = agreement(TWICE, TWICE, 0.25)
    measured = Measured(answer, "a reason", TWICE, TWICE, beside)
    findings = (
        Finding("baseline: model", Answer.REPRODUCED, "it is"),
        Finding("speed-up", answer, "a reason", ("more",)),
    )
    return Verification(findings, measured, ("abc123",), ("a note",), "f" * 64)


@pytest.fixture
def answering(monkeypatch):
    """Let the check end at once, with what is given; give what it was asked."""
    asked = []

    def answer(outcome):
        def verify(path, checks):
            asked.append((path, checks))
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(bundle, "verify", verify)
        return asked

    return answer


@pytest.mark.parametrize("answer", list(Answer))
def test_each_answer_has_its_exit_code(answering, answer, capsys):
    """And is the last word, with the reason and both intervals."""
    answering(found(answer))
    assert app.run(["verify", "b.zip"]) == CODES[answer]
    said = capsys.readouterr().out
    for words in ("a reason", "more", "a note", "abc123", "speed-up claimed: 2.00", "speed-up found here: 2.00"):
        assert words in said
    assert said.rstrip().endswith(f"The claim is {str(answer).upper()}.")


@pytest.mark.parametrize("answer", list(Answer))
def test_as_json_it_is_one_document(answering, answer, capsys):
    """With the same exit code."""
    answering(found(answer))
    assert app.run(["verify", "--json", "b.zip"]) == CODES[answer]
    document = json.loads(capsys.readouterr().out)
    assert document["answer"] == str(answer)
    assert document["speedup"]["claimed"]["value"] == pytest.approx(TWICE.value)
    assert document["speedup"]["change"]["low"] < 1 < document["speedup"]["change"]["high"]


def test_a_refused_bundle_lists_its_problems(answering, capsys):
    """In words and as JSON; nothing was measured then."""
    answering(SubmissionError("two problems", ["the first", "the second"]))
    assert app.run(["verify", "b.zip"]) == 1
    assert capsys.readouterr().out.splitlines() == ["REFUSED  b.zip", "  - the first", "  - the second"]
    assert app.run(["verify", "--json", "b.zip"]) == 1
    refused = json.loads(capsys.readouterr().out)
    assert refused == {"answer": "refused", "problems": ["the first", "the second"]}


def test_the_options_are_what_is_checked(answering, capsys):
    """Each of them."""
    asked = answering(found(Answer.REPRODUCED))
    options = ["--preset", "quick", "--no-speed", "--trust-code", "--margin", "10", "--data", "there", "b.zip"]
    app.run(["verify", *options])
    assert capsys.readouterr().err == ""
    path, checks = asked[0]
    expected = Checks("quick", False, True, (), 0.1, "there", checks.hooks)  # noqa: FBT003  in their order
    assert (path, checks) == ("b.zip", expected)
    app.run(["verify", "b.zip"])
    assert asked[1][1] == Checks(hooks=asked[1][1].hooks)


def test_a_file_that_is_no_bundle_is_refused(tmp_path, capsys):
    """By the command itself."""
    path = tmp_path / "b.zip"
    path.write_bytes(b"nothing of the kind")
    assert app.run(["verify", str(path)]) == 1
    assert "REFUSED" in capsys.readouterr().out
    assert app.run(["verify", str(tmp_path / "none.zip")]) == 1
    assert "the bundle must be readable" in capsys.readouterr().err


def test_packing_says_what_is_in_the_bundle(tmp_path, capsys):
    """Its files, its hash, and how to check it."""
    path = tmp_path / "s.json"
    path.write_text(json.dumps(SUBMISSION))
    assert app.run(["pack", str(path)]) == 0
    said = capsys.readouterr().out
    for words in ("submission.json", "README.md", f"Packed into {tmp_path / 's.zip'}.", "SHA-256 ", "tinytorch verify"):
        assert words in said
    assert app.run(["pack", "--json", str(path), "-o", str(tmp_path / "t.zip")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert f"SHA-256 {document['sha256']}" in said
    assert [one["name"] for one in document["files"]] == sorted(one["name"] for one in document["files"])
    assert (tmp_path / "s.zip").read_bytes() == (tmp_path / "t.zip").read_bytes()


def test_a_submission_that_is_none_is_not_packed(tmp_path, capsys):
    """With what is wrong with it."""
    path = tmp_path / "s.json"
    path.write_text("{}")
    assert app.run(["pack", str(path)]) == 1
    assert "the submission has 5 problems" in capsys.readouterr().err
