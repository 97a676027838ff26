"""`tinytorch profile`, as a user calls it."""

import json
import sys

import pytest

from tinytorch.cli.app import run

SUBJECT = "benchmarks.profiled:mlp?batch=2"


def profile(*arguments):
    """Measure little: what is said is under test, not how well."""
    return run(["profile", SUBJECT, "--rounds", "6", *arguments])


def test_the_table_names_ops_and_roofs(capsys):
    """One row for each op; what the machine did at best."""
    assert profile() == 0
    out = capsys.readouterr().out
    assert out.startswith("Sequential on 2×784: 535,818 parameters, 2.04 MiB as stored\n")
    assert [out.count(f"layers.{number} ") for number in range(5)] == [1] * 5
    assert "stream of 192 KiB" in out


def test_rows_can_be_layers(capsys):
    """Their times are sums."""
    assert profile("--by", "layer") == 0
    assert "Linear" in capsys.readouterr().out


def test_files_are_written_and_named(capsys, tmp_path):
    """The record, the page, the picture and the trace."""
    names = {"--output": "p.json", "--html": "p.html", "--picture": "p.png", "--trace": "t.json"}
    paths = {option: tmp_path / name for option, name in names.items()}
    assert profile(*[text for option, path in paths.items() for text in (option, str(path))]) == 0
    out = capsys.readouterr().out
    assert all(f"Written: {path}" in out for path in paths.values())
    assert json.loads(paths["--output"].read_text())["format"] == "tinytorch.profile.v1"
    assert paths["--html"].read_text().startswith("<!doctype html>")
    assert paths["--picture"].read_bytes().startswith(b"\x89PNG")
    assert json.loads(paths["--trace"].read_text())["traceEvents"]


def test_json_is_the_record(capsys):
    """With the machine it was taken on, and the threads."""
    assert profile("--json", "--threads", "1") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["parameters"], document["rounds"], len(document["ops"])) == (535_818, 6, 5)
    assert document["conditions"]["blas_threads"] in {1, None}
    assert document["conditions"]["numpy_version"]


def test_a_picture_without_matplotlib_says_what_to_install(capsys, tmp_path, monkeypatch):
    """Nothing is written then."""
    monkeypatch.delitem(sys.modules, "tinytorch.perf.profiling.pictures", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert profile("--picture", str(tmp_path / "p.png")) == 1
    assert "Install tinytorch[plots]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("specimens:multiplies", "one that gives its model and its inputs"),
        ("specimens:missing", "got no 'missing' in it"),
        ("no_such_module:make", "ModuleNotFoundError"),
        ("no subject", "a factory such as package.module:make"),
    ],
)
def test_a_subject_without_a_model_is_refused(capsys, subject, message):
    """With what to do about it."""
    assert run(["profile", subject, "--rounds", "6"]) == 1
    assert message in capsys.readouterr().err


def test_fewer_rounds_than_an_interval_needs_are_wrong_usage(capsys):
    """Six at least."""
    with pytest.raises(SystemExit) as stopped:
        run(["profile", SUBJECT, "--rounds", "5"])
    assert stopped.value.code == 2
    assert "at least 6" in capsys.readouterr().err
