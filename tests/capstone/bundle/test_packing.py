"""What a bundle holds, and that its bytes follow from that alone."""

import json
import os
import shutil
import subprocess
import time

import pytest

from capstone.bundle.claims import changed
from tinytorch.benchmarking.adapters.tinytorch_files import save_model
from tinytorch.capstone.bundle import opened, pack
from tinytorch.capstone.bundle.layout import FIXED, SIGNATURE, read_manifest
from tinytorch.core.layers import Linear, Sequential
from tinytorch.errors import DataError, SubmissionError


@pytest.fixture
def bundle(claim):
    """Pack a claim."""
    return pack(claim)


def texts(path):
    """Give the texts of a bundle, by name."""
    with opened(path) as found:
        return {name: found.read(name).decode() for name in found.entries if name in FIXED}


def test_a_bundle_holds_all_that_a_check_needs(bundle, claim):
    """The submission as it was written, its models, the versions, the command, a letter, and what describes them."""
    names = {*FIXED} - {SIGNATURE} | {"baseline.safetensors", "optimized.safetensors"}
    assert {entry.name for entry in bundle.entries} == names
    assert bundle.path == str(claim.with_suffix(".zip"))
    assert texts(bundle.path)["submission.json"] == claim.read_text()


def test_the_same_submission_gives_the_same_bytes(bundle, claim, tmp_path, monkeypatch):
    """On another day, in another folder, with other rights and dates, from files in another order."""
    other = tmp_path / "other"
    other.mkdir()
    for path in sorted(claim.parent.glob("*.*"), reverse=True):
        if path.suffix != ".zip":
            shutil.copy(path, other / path.name)
            os.utime(other / path.name, (10**9, 10**9))
            (other / path.name).chmod(0o600)
    shutil.move(other / "optimized.safetensors", tmp_path / "renamed.bin")
    monkeypatch.setattr(time, "time", lambda: 2e9)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    again = pack(other / "submission.json", [tmp_path / "renamed.bin"], tmp_path / "out.zip")
    assert again.sha256 == bundle.sha256
    assert (tmp_path / "out.zip").read_bytes() == claim.with_suffix(".zip").read_bytes()


def test_the_manifest_is_one_that_sha256sum_reads(bundle, tmp_path):
    """Whoever has no TinyTorch can check that the files are whole."""
    listed, problems = read_manifest(texts(bundle.path)["manifest-sha256.txt"])
    assert not problems
    assert listed == {entry.name: entry.sha256 for entry in bundle.entries if entry.name != "manifest-sha256.txt"}
    if tool := shutil.which("sha256sum"):
        with opened(bundle.path) as found:
            found.extract(tmp_path / "out")
        subprocess.run([tool, "--check", "--quiet", "manifest-sha256.txt"], cwd=tmp_path / "out", check=True)


def test_the_versions_are_a_lock(bundle, claim):
    """Of every package that the record names."""
    lines = texts(bundle.path)["requirements.txt"].splitlines()
    system = json.loads(claim.read_text())["environment"]["system_info"]
    assert lines[0] == f"# Python: {system['python_version']}"
    assert {"tinytorch==0.1.0", f"numpy=={system['numpy_version']}"} <= set(lines)
    assert not [line for line in lines[1:] if "==" not in line or "None" in line]


def test_what_is_no_version_is_not_in_the_lock(claim):
    """An installer would read it as something else."""
    hostile = {"numpy": "1.0 --index-url http://x", "-r": "1.0", "scipy": "1.14.0", "torch": None}
    changed(claim, lambda document: document["environment"]["system_info"].update(versions=hostile))
    lines = texts(pack(claim).path)["requirements.txt"].splitlines()
    assert "scipy==1.14.0" in lines
    assert not [
        line for line in lines if "index" in line or "torch==" in line.replace("tinytorch==", "") or "-r" in line
    ]


def test_the_letter_says_what_is_claimed_and_how_to_check_it(bundle):
    """In words for somebody who knows nothing of it."""
    letter = texts(bundle.path)["README.md"]
    assert "It claims that optimized is 2.0" in letter
    assert "tinytorch verify BUNDLE.zip" in letter
    assert "The command was not recorded." in letter


def test_the_command_is_one_that_a_shell_takes(claim):
    """With its quotes."""
    protocol = {"command": ["tinytorch", "run", "--student-name", "A B"]}
    changed(claim, lambda document: document.setdefault("protocol", {}).update(protocol))
    found = texts(pack(claim).path)
    assert found["command.txt"] == "tinytorch run --student-name 'A B'\n"
    assert "tinytorch run --student-name 'A B'" in found["README.md"]


def test_a_name_in_the_letter_is_only_text(claim):
    """Not a link, a picture or a heading."""
    changed(
        claim, lambda document: document["baseline"].update(model_name="![x](http://e.example/a.png)\n# Reproduced")
    )
    letter = texts(pack(claim).path)["README.md"]
    assert "http://" not in letter
    assert "\n# Reproduced" not in letter


def test_the_crate_describes_every_file(bundle):
    """With its size, kind and hash; the root, its parts, people, licence and software are linked and are there."""
    graph = json.loads(texts(bundle.path)["ro-crate-metadata.json"])["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    assert len(entities) == len(graph)
    assert entities["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    assert entities["ro-crate-metadata.json"]["conformsTo"]["@id"].startswith("https://w3id.org/ro/crate/1.")
    described = {"manifest-sha256.txt", "ro-crate-metadata.json"}
    for entry in bundle.entries:
        if entry.name not in described:
            there = entities[entry.name]
            assert (there["contentSize"], there["sha256"]) == (str(entry.size), entry.sha256)
            assert there["encodingFormat"]
    root = entities["./"]
    assert {part["@id"] for part in root["hasPart"]} == {entry.name for entry in bundle.entries} - described
    assert root.keys() >= {"name", "description", "datePublished", "license", "author"}
    linked = [value["@id"] for entity in graph for value in _links(entity) if not value["@id"].startswith("https:")]
    assert set(linked) <= set(entities)
    assert entities["#author"]["name"] == "Ada"
    assert entities["#numpy"]["softwareVersion"]


def _links(value):
    if isinstance(value, dict):
        return [value] if set(value) == {"@id"} else [link for item in value.values() for link in _links(item)]
    return [link for item in value for link in _links(item)] if isinstance(value, list) else []


def test_a_licence_is_stated_where_there_is_one(claim):
    """And where there is none, that there is none."""
    url = "https://spdx.org/licenses/CC-BY-4.0"
    stated = {entity["@id"]: entity for entity in json.loads(_crate(pack(claim, licence=url)))["@graph"]}
    assert stated["./"]["license"] == {"@id": url}
    assert stated[url]["@type"] == "CreativeWork"
    silent = {entity["@id"]: entity for entity in json.loads(_crate(pack(claim)))["@graph"]}
    assert silent[silent["./"]["license"]["@id"]]["name"] == "No licence was stated"


def _crate(packed):
    return texts(packed.path)["ro-crate-metadata.json"]


def test_a_submission_of_the_first_version_can_be_packed(tmp_path, generated):
    """It has no models' files, and nothing to measure again."""
    path = tmp_path / "old.json"
    path.write_text(json.dumps(generated))
    assert not [entry for entry in pack(path).entries if entry.name.endswith(".safetensors")]


def test_an_invalid_submission_is_not_packed(claim):
    """With what is wrong with it."""
    changed(claim, lambda document: document["baseline"].pop("metrics"))
    with pytest.raises(SubmissionError, match="metrics"):
        pack(claim)
    assert not claim.with_suffix(".zip").exists()


def test_a_model_that_is_missing_or_another_one_is_refused(claim):
    """Both at once, and what to do."""
    (claim.parent / "baseline.safetensors").unlink()
    save_model(Sequential(Linear(2, 2)), claim.parent / "optimized.safetensors")
    with pytest.raises(SubmissionError) as caught:
        pack(claim)
    told = "\n".join(caught.value.problems)
    assert "at $.baseline.artifact.path. Name the file with --artifact." in told
    assert "It was changed since: run it again." in told


def test_a_file_that_belongs_to_no_model_is_refused(claim, tmp_path):
    """It would only look as if it had been measured."""
    save_model(Sequential(Linear(2, 2)), tmp_path / "other.safetensors")
    with pytest.raises(SubmissionError, match="that of a model of the submission"):
        pack(claim, [tmp_path / "other.safetensors"])
    with pytest.raises(DataError, match="readable"):
        pack(claim, [tmp_path / "none.safetensors"])


@pytest.mark.parametrize("name", ["a model.safetensors", "README.md", "model.pkl"])
def test_a_model_has_a_name_that_is_safe_anywhere(claim, name):
    """And is none of the texts."""
    shutil.copy(claim.parent / "baseline.safetensors", claim.parent / name)
    changed(claim, lambda document: document["baseline"]["artifact"].update(path=name))
    with pytest.raises(SubmissionError, match=r"at \$\.baseline\.artifact\.path"):
        pack(claim)
