"""`tinytorch export`, as a user calls it."""

import json

import onnx

from tinytorch.cli.app import run

SUBJECT = "benchmarks.profiled:mlp?batch=2"


def test_a_model_is_written_and_described(capsys, tmp_path):
    """The file is ONNX; the sentence names its shapes, with a free batch."""
    path = tmp_path / "model.onnx"
    assert run(["export", SUBJECT, str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Written: {path} (")
    assert said.endswith("takes x0 (batch, 784), gives t4 (batch, 10).\n")
    onnx.checker.check_model(onnx.load(path), full_check=True)


def test_the_batch_can_be_fixed(capsys, tmp_path):
    """As many samples as the subject's inputs have."""
    assert run(["export", SUBJECT, str(tmp_path / "model.onnx"), "--fixed-batch", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["inputs"] == {"x0": [2, 784]}


def test_what_cannot_be_imported_is_an_error(capsys, tmp_path):
    """Nothing is written."""
    assert run(["export", "nowhere:make", str(tmp_path / "model.onnx")]) == 1
    assert "a factory that can be imported" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
