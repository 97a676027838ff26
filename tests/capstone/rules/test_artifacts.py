"""What a submission says of the files beside it, and files that are not what is said."""

import json
import resource
import shutil
import struct

import numpy as np
import pytest

from tinytorch.benchmarking.adapters.architectures import described
from tinytorch.benchmarking.memory import count_elements, stored_bytes
from tinytorch.capstone import save_model, save_submission
from tinytorch.capstone.record import parameter_sha256
from tinytorch.capstone.record.identity import artifact_of
from tinytorch.capstone.rules.artifacts import ARTIFACT_RULES, artifact_problems
from tinytorch.cli import app
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.spatial import Conv2d, Flatten
from tinytorch.perf import TECHNIQUES, prune, quantize, remove_hidden_units

FAST = "$.optimized."


@pytest.fixture
def folder(shipped, tmp_path):
    """Give a copy of the folder with both models' files."""
    return shutil.copytree(shipped, tmp_path / "files")


def said(submission, folder, **options):
    """List the places and texts of what is wrong with the files."""
    found = {}
    for problem in artifact_problems(submission, folder, **options)[0]:
        found[problem.path] = f"{found.get(problem.path, '')} {problem}"
    return found


def shipping(whole, folder, model, techniques, shape=None):
    """Ship another optimized model, truthfully described but for its techniques."""
    save_model(model, folder / "optimized.safetensors", shape)
    part = whole["optimized"]
    part |= {"artifact": artifact_of(folder / "optimized.safetensors"), "parameter_sha256": parameter_sha256(model)}
    del part["architecture"]
    part["techniques"] = techniques
    part["metrics"] |= {"parameter_count": count_elements(model), "stored_bytes": stored_bytes(model)}
    return whole


def test_the_files_of_a_truthful_submission_are_what_it_says(whole, folder):
    """Both are named as checked."""
    assert artifact_problems(whole, folder) == ([], ["baseline.safetensors", "optimized.safetensors"])


def test_files_that_are_not_there_are_left_unchecked_unless_needed(whole, folder):
    """A submission is worth something alone; but who names a folder wants to know."""
    (folder / "optimized.safetensors").unlink()
    assert artifact_problems(whole, folder) == ([], ["baseline.safetensors"])
    assert "a file in the folder" in said(whole, folder, needed=True)[f"{FAST}artifact.path"]


def test_no_file_outside_of_the_folder_is_looked_at(whole, folder):
    """Neither by a path that leads up nor by a link."""
    (folder / "optimized.safetensors").rename(folder.parent / "optimized.safetensors")
    (folder / "optimized.safetensors").symlink_to(folder.parent / "optimized.safetensors")
    assert artifact_problems(whole, folder)[1] == ["baseline.safetensors"]
    whole["optimized"]["artifact"]["path"] = "../optimized.safetensors"
    assert artifact_problems(whole, folder)[1] == ["baseline.safetensors"]


def test_a_file_of_another_length_or_hash_is_found(whole, folder):
    """A byte more, or another one."""
    path = folder / "optimized.safetensors"
    content = bytearray(path.read_bytes())
    path.write_bytes(content + b"\0")
    assert f"{len(content) + 1}, the length of the file" in said(whole, folder)[f"{FAST}artifact.size_bytes"]
    content[-1] ^= 1
    path.write_bytes(content)
    assert "the hash of the file" in said(whole, folder)[f"{FAST}artifact.sha256"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("metrics.parameter_count", "195, as the file has it"),
        ("metrics.stored_bytes", "780, as the file has it"),
        ("parameter_sha256", "as the file has it"),
        ("architecture", "that of the model in the file"),
    ],
)
@pytest.mark.parametrize("part", ["baseline", "optimized"])
def test_what_is_said_of_a_model_is_what_the_file_has(whole, folder, changed, part, path, words):
    """Each number and hash that the file shows."""
    wrong = {"parameter_sha256": "0" * 64, "architecture": {"layer": "LeNet"}}.get(path, 7)
    assert words in said(changed(whole, f"$.{part}.{path}", wrong), folder)[f"$.{part}.{path}"]


def test_what_is_not_said_is_not_contradicted(whole, folder, changed):
    """A hash of the parameters may be missing."""
    assert said(changed(whole, f"{FAST}parameter_sha256", None), folder) == {}


CLAIMS = {
    "prune.magnitude.v1": (lambda model: prune(model, sparsity=0.5), {"sparsity": 0.75}, "at least 0.75; got 0.5"),
    "prune.units.v1": (lambda model: prune(model, sparsity=0.5), {"keep_ratio": 0.5}, ""),
    "prune.blocks.v1": (lambda model: model, {}, "must be a GPT"),
    "quantize.int8.dynamic.v1": (lambda model: model, {}, "of bytes"),
    "quantize.int8.static.v1": (quantize, {}, "by calibration; got None"),
    "quantize.int8.aware.v1": (lambda model: model, {}, "of bytes"),
    "quantize.int4.v1": (quantize, {}, "must be uint8; got int8"),
    "factorize.low_rank.v1": (lambda model: model, {"rank_ratio": 0.5}, "pair of thin layers"),
    "store.sparse.v1": (lambda model: model, {}, "holds a SparseLinear"),
}
TRUE = {
    "prune.magnitude.v1": (lambda model: prune(model, sparsity=0.75), {"sparsity": 0.75}),
    "prune.units.v1": (lambda model: remove_hidden_units(model, keep_ratio=0.5), {"keep_ratio": 0.5}),
    "quantize.int8.dynamic.v1": (quantize, {}),
}


def test_every_technique_about_a_file_has_a_false_claim_here():
    """What the others claim is how a model runs."""
    assert TECHNIQUES.keys() - CLAIMS.keys() == {"compile.v1", "compile.decode.v1"}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_technique_that_was_not_applied_is_found(whole, folder, pruned_models, name):
    """Its claim does not hold of the model in the file."""
    make, options, words = CLAIMS[name]
    made = shipping(whole, folder, make(pruned_models[0]), [{"name": name, "options": options}])
    found = said(made, folder)
    assert list(found) == [f"{FAST}techniques[0].name"]
    assert name in found[f"{FAST}techniques[0].name"]
    assert words in found[f"{FAST}techniques[0].name"]


@pytest.mark.parametrize("name", TRUE)
def test_a_technique_that_was_applied_is_believed(whole, folder, pruned_models, name):
    """With the options as they were given."""
    make, options = TRUE[name]
    made = shipping(whole, folder, make(pruned_models[0]), [{"name": name, "options": options}])
    assert said(made, folder) == {}


def test_techniques_that_nobody_can_check_are_no_problem(whole, folder, pruned_models):
    """Names of one's own, and those about how a model runs."""
    techniques = [{"name": "mine.v1"}, {"name": "compile.v1"}]
    assert said(shipping(whole, folder, pruned_models[1], techniques), folder) == {}


@pytest.mark.parametrize("options", [{"sparsity": "much"}, {"sparsity": [1]}, {"size": 3}, {"original": 1}])
def test_options_that_no_technique_takes_are_a_problem_and_no_failure(whole, folder, options):
    """Whatever a file says they are."""
    whole["optimized"]["techniques"][0]["options"] = options
    assert "options that it has no use for" in said(whole, folder)[f"{FAST}techniques[0].name"]


def forged(folder, part, header, data=b""):
    """Write a file of this header in place of a model's, and describe it truthfully."""
    text = json.dumps(header).encode()
    path = folder / f"{part['artifact']['path']}"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    part["artifact"] = artifact_of(path)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS"), reason="the limit is of some systems only")
def test_a_forged_description_of_a_giant_takes_no_memory(whole, folder):
    """Two to the forty numbers are asked for by two hundred bytes; the limit is lifted again after that."""
    giant = {"layer": "Linear", "arguments": {"in_features": 2**20, "out_features": 2**20, "bias": True}}
    metadata = {"format": "tinytorch.model.v1", "architecture": json.dumps(giant), "input_shape": "[1, 4]"}
    forged(folder, whole["optimized"], {"__metadata__": metadata})
    before = resource.getrlimit(resource.RLIMIT_AS)
    assert "a saved model" in said(whole, folder)[f"{FAST}artifact.path"]
    assert resource.getrlimit(resource.RLIMIT_AS) == before


@pytest.mark.parametrize("header", [{}, [], {"w": {"dtype": "F32", "shape": [2**60], "data_offsets": [0, 4]}}])
def test_a_file_that_is_no_model_is_a_problem_and_no_failure(whole, folder, header):
    """Though its hash is right."""
    forged(folder, whole["optimized"], header, b"\0" * 4)
    assert "a saved model" in said(whole, folder)[f"{FAST}artifact.path"]


def test_another_kind_of_file_is_held_to_its_hash_alone(whole, folder):
    """An ONNX model, say."""
    (folder / "model.onnx").write_bytes(b"graph")
    whole["optimized"]["artifact"] = artifact_of(folder / "model.onnx", "application/onnx")
    assert said(whole, folder) == {}
    (folder / "model.onnx").write_bytes(b"graff")
    assert list(said(whole, folder)) == [f"{FAST}artifact.sha256"]


def test_every_rule_about_files_says_in_one_sentence_what_must_hold():
    """The documentation lists these."""
    assert all(rule.__doc__.strip().endswith(".") for rule in ARTIFACT_RULES)


def test_a_model_of_other_numbers_is_another_model(whole, folder):
    """A file of the same layers with one weight more or less."""
    other = Sequential(Linear(8, 16), ReLU(), Linear(16, 3))
    other[0].weight.data[...] = np.float32(1)
    save_model(other, folder / "optimized.safetensors")
    whole["optimized"]["artifact"] = artifact_of(folder / "optimized.safetensors")
    assert f"{FAST}parameter_sha256" in said(whole, folder)


def test_version_one_names_no_files(by_hand, folder):
    """What stands there under the same name is somebody's own."""
    by_hand["baseline"]["artifact"] = {"path": 3}
    assert artifact_problems(by_hand, folder, needed=True) == ([], [])


def run(capsys, *arguments):
    """Run a command as a user would, and read what it prints."""
    code = app.run(["validate", *map(str, arguments)])
    return code, capsys.readouterr().out


@pytest.mark.parametrize("options", [[], ["--artifacts", "files"]])
def test_the_command_checks_the_files_beside_a_submission(whole, folder, capsys, monkeypatch, options):
    """By default those that are there; in a folder that is named, all of them."""
    monkeypatch.chdir(folder.parent)
    save_submission(whole, "files/submission.json")
    code, printed = run(capsys, "files/submission.json", *options)
    assert (code, "checked beside it: baseline.safetensors, optimized.safetensors" in printed) == (0, True)
    (folder / "optimized.safetensors").unlink()
    code, printed = run(capsys, "files/submission.json", *options)
    assert (code, "a file in the folder" in printed) == (len(options) // 2, bool(options))


def test_the_command_finds_a_file_that_was_changed(whole, folder, capsys):
    """And says so as it says of a number."""
    save_submission(whole, folder / "submission.json")
    with (folder / "baseline.safetensors").open("ab") as file:
        file.write(b"0")
    code, printed = run(capsys, folder / "submission.json")
    assert (code, "size_bytes must be" in printed) == (1, True)


def test_the_command_marks_what_is_only_declared(declared, tmp_path, capsys):
    """It is valid, and shown by nothing."""
    save_submission(declared, tmp_path / "submission.json")
    code, printed = run(capsys, tmp_path / "submission.json")
    assert (code, "shown by nothing in it: $.baseline.metrics.accuracy" in printed) == (0, True)
    code, printed = run(capsys, "--json", tmp_path / "submission.json")
    (outcome,) = json.loads(printed)["files"]
    assert (outcome["artifacts"], len(outcome["declared"])) == ([], 4)


def test_an_architecture_that_went_through_json_is_still_the_same(whole, folder):
    """A kernel's two sides are a tuple here and a list there."""
    model = Sequential(Conv2d(1, 2, (3, 2)), Flatten(), Linear(40, 3))
    made = shipping(whole, folder, model, [], (1, 1, 6, 6))
    made["optimized"]["architecture"] = json.loads(json.dumps(described(model)))
    assert said(made, folder) == {}
