"""One submission in both forms and both versions, on the command line."""

import json
import shutil
from pathlib import Path

import pytest

from tinytorch.capstone import load_submission
from tinytorch.capstone.record import canonical_bytes, upgraded
from tinytorch.cli import app

pytest.importorskip("google.protobuf")

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "submissions"


@pytest.fixture
def files(tmp_path):
    """Give a folder with an old submission and its upgraded form."""
    for version in (1, 2):
        shutil.copy(GOLDEN / f"measured.v{version}.json", tmp_path / f"v{version}.json")
    return tmp_path


def test_there_and_back_nothing_changes(files, capsys):
    """JSON to Protocol Buffers to JSON."""
    assert app.run(["convert", str(files / "v2.json"), str(files / "s.pb")]) == app.OK
    assert app.run(["convert", str(files / "s.pb"), str(files / "again.json")]) == app.OK
    assert canonical_bytes(load_submission(files / "again.json")) == canonical_bytes(load_submission(files / "v2.json"))
    assert capsys.readouterr().out == f"Written to {files / 's.pb'}.\nWritten to {files / 'again.json'}.\n"


def test_the_form_is_told_by_the_content(files):
    """A message under any name is read as one, and validated."""
    app.run(["convert", str(files / "v2.json"), str(files / "s.pb")])
    (files / "s.pb").rename(files / "s.json")
    assert load_submission(files / "s.json") == load_submission(files / "v2.json")
    assert app.run(["validate", str(files / "s.json")]) == app.OK


def test_an_old_submission_is_upgraded_where_asked(files, capsys):
    """To JSON and to Protocol Buffers."""
    for output in ("new.json", "new.pb"):
        arguments = ["convert", str(files / "v1.json"), str(files / output), "--to-version", "2", "--json"]
        assert app.run(arguments) == app.OK
        told = json.loads(capsys.readouterr().out)
        assert told == {"input": str(files / "v1.json"), "output": str(files / output), "version": 2}
        assert load_submission(files / output) == upgraded(load_submission(files / "v1.json"))


def test_an_old_submission_stays_old_where_not_asked(files):
    """As JSON."""
    assert app.run(["convert", str(files / "v1.json"), str(files / "copy.json")]) == app.OK
    assert load_submission(files / "copy.json") == load_submission(files / "v1.json")


def test_an_old_submission_has_no_form_in_protocol_buffers(files, capsys):
    """The remedy names the option; nothing is written."""
    assert app.run(["convert", str(files / "v1.json"), str(files / "s.pb")]) == app.INVALID
    assert "--to-version 2" in capsys.readouterr().err
    assert not (files / "s.pb").exists()


def test_an_invalid_submission_is_not_converted(files, capsys):
    """What is wrong is listed, and an older file stays as it was."""
    document = json.loads((files / "v2.json").read_text())
    document["baseline"]["metrics"]["stored_bytes"] = -1
    (files / "bad.json").write_text(json.dumps(document))
    (files / "s.pb").write_bytes(b"before")
    assert app.run(["convert", str(files / "bad.json"), str(files / "s.pb")]) == app.INVALID
    assert "stored_bytes" in capsys.readouterr().err
    assert (files / "s.pb").read_bytes() == b"before"


def test_an_old_invalid_submission_is_refused_before_it_is_upgraded(files, capsys):
    """With what is wrong in its own version's words."""
    document = json.loads((files / "v1.json").read_text())
    del document["baseline"]["metrics"]["accuracy"]
    document["timestamp"] = "yesterday"
    (files / "bad.json").write_text(json.dumps(document))
    arguments = ["convert", str(files / "bad.json"), str(files / "s.json"), "--to-version", "2"]
    assert app.run(arguments) == app.INVALID
    said = capsys.readouterr().err
    assert "$.timestamp" in said
    assert "$.baseline.metrics.accuracy" in said


@pytest.mark.parametrize("content", [b"Z", b"b", b"Z\xff\xff", b"{", b""])
def test_what_is_no_submission_is_refused_in_words(files, content, capsys):
    """Of either form."""
    (files / "bad").write_bytes(content)
    assert app.run(["convert", str(files / "bad"), str(files / "s.json")]) == app.INVALID
    assert capsys.readouterr().err.startswith("tinytorch: error: ")
