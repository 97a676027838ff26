"""`tinytorch optimize`, as a user calls it."""

import json

import pytest

from tinytorch.benchmarking import PRESETS, Design
from tinytorch.capstone import load_model
from tinytorch.cli.app import run


@pytest.fixture(autouse=True)
def short_runs(monkeypatch, tmp_path):
    """Measure little: what is said is under test, not how well."""
    tiny = Design(sessions=2, rounds=4, epoch_ns=50_000)
    monkeypatch.setitem(PRESETS, "quick", tiny)
    monkeypatch.setattr("tinytorch.benchmarking.null_run.NULL", tiny)
    monkeypatch.setattr("tinytorch.capstone.search.speeds.SCREENING", tiny)
    monkeypatch.chdir(tmp_path)


def optimize(*arguments):
    """Run the command on little data; half of the accuracy may be lost, so that something is chosen."""
    return run(["optimize", *arguments, "--smoke", "--preset", "quick", "--max-accuracy-drop", "0.5"])


def test_a_real_search_keeps_its_files_and_says_what_it_chose(capsys, tmp_path):
    """In real processes; the chosen file is a model again, and the record has the raw comparison."""
    assert optimize("digits", "--finalists", "1") == 0
    out = capsys.readouterr().out
    assert "CHOSEN: " in out
    assert "times smaller" in out
    folder = tmp_path / "optimized-digits"
    record = json.loads((folder / "search.json").read_text())
    assert record["comparison"]["sessions"]
    assert load_model(folder / "chosen.safetensors").state_dict()
    assert {path.name for path in folder.glob("candidate-*")} == {record["finalists"][0]["file"]}
    pytest.importorskip("matplotlib")
    assert (folder / "pareto.png").read_bytes().startswith(b"\x89PNG")


def test_an_unknown_model_is_an_error(capsys):
    """The known ones are named."""
    assert optimize("alexnet") == 1
    assert "one of digits, mlp-mnist, lenet, gpt" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--goal", "beauty"], ["--max-accuracy-drop", "2"], ["--budget", "0"]])
def test_wrong_usage_exits_with_2(wrong):
    """Before anything is done."""
    with pytest.raises(SystemExit) as exit_:
        run(["optimize", "digits", *wrong])
    assert exit_.value.code == 2
