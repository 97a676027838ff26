"""Submissions of version 2 to break: one with all that there can be, and one that nothing shows."""

import json

import numpy as np
import pytest

from benchmarking.virtual_workers import Cost, World
from tinytorch.benchmarking import compare
from tinytorch.benchmarking.adapters.architectures import described
from tinytorch.benchmarking.memory import count_elements, stored_bytes
from tinytorch.capstone import generate_submission, save_model
from tinytorch.capstone.record import pack_integers, pack_labels, parameter_sha256, unpack_integers, upgraded
from tinytorch.capstone.record.derived import (
    derived_accuracy_comparison,
    derived_attempts,
    derived_improvements,
    derived_metrics,
    derived_samples,
)
from tinytorch.capstone.record.identity import artifact_of
from tinytorch.capstone.side_by_side import section
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.perf import TECHNIQUES, prune

OPTIONS = {"sparsity": 0.75}
TECHNIQUE = "prune.magnitude.v1"


def computed_again(document):
    """Fill in all that follows from what is raw in a document."""
    labels = document["dataset"]["labels"]
    for part in ("baseline", "optimized"):
        model = document[part]
        model["samples"] |= derived_samples(model, labels)
        model["metrics"] |= derived_metrics(model, document)
    document["improvements"] = derived_improvements(document)
    document["accuracy_comparison"] = derived_accuracy_comparison(document)
    return document


@pytest.fixture(scope="session")
def pruned_models():
    """Give a small model, and one of it with three quarters of its weights at 0."""
    rng = np.random.default_rng(5)
    baseline = Sequential(Linear(8, 16), ReLU(), Linear(16, 3))
    for parameter in baseline.parameters():
        parameter.data[...] = rng.normal(size=parameter.data.shape)
    return baseline, prune(baseline, **OPTIONS)


@pytest.fixture(scope="session")
def shipped(pruned_models, tmp_path_factory):
    """Give a folder with both models' files."""
    folder = tmp_path_factory.mktemp("shipped")
    for name, model in zip(("baseline", "optimized"), pruned_models, strict=True):
        save_model(model, folder / f"{name}.safetensors")
    return folder


@pytest.fixture(scope="session")
def whole_text(measured_reports, make_clock, pruned_models, shipped):
    """Give the text of a submission with samples, predictions, labels, verdicts, artifacts and techniques."""
    world, rng = World(make_clock(), lambda now: 1 + now % 977 / 1e5), np.random.default_rng(3)
    made = upgraded(generate_submission(*measured_reports, "Ada", [TECHNIQUE]))
    made["comparison"] = section(compare(Cost(20_000), Cost(10_000), hooks=world.hooks(), seed=7))
    labels = rng.integers(0, 3, 30)
    made["dataset"] = {"name": "digits", "version": "1", "split": "test", "split_seed": 0, "sha256": "a" * 64}
    made["dataset"] |= {"sample_count": 30, "class_count": 3, "labels": pack_labels(labels)}
    made["protocol"] |= {"accuracy_margin": 0.01, "seeds": {"split": 3}, "command": ["tinytorch", "run"]}
    made["environment"]["git"] = {"commit": "0" * 40, "is_dirty": True, "dirty_sha256": "b" * 64}
    for part, model, wrong in zip(("baseline", "optimized"), pruned_models, (4, 6), strict=True):
        made[part] |= identity(part, model, shipped)
        made[part]["samples"]["predictions"] = pack_labels(answered(labels, wrong))
        made[part]["metrics"] |= {"parameter_count": count_elements(model), "stored_bytes": stored_bytes(model)}
    claim = TECHNIQUES[TECHNIQUE].claim
    made["optimized"]["techniques"] = [{"name": TECHNIQUE, "claim": claim, "options": dict(OPTIONS)}]
    made["attempts"] = {"campaign": "digits", "ledger_head": "c" * 64, "preceding": 4, "aborted": 1}
    made["attempts"] |= derived_attempts(made)
    return json.dumps(computed_again(made))


def answered(labels, wrong):
    """Give answers of which so many are wrong, from the one of that index on."""
    answers = labels.copy()
    answers[wrong : 2 * wrong] = (answers[wrong : 2 * wrong] + 1) % 3
    return answers


def identity(part, model, folder):
    """Say which model a part is about, and which file it is in."""
    artifact = artifact_of(folder / f"{part}.safetensors")
    return {"architecture": described(model), "parameter_sha256": parameter_sha256(model), "artifact": artifact}


@pytest.fixture
def whole(whole_text):
    """Give it, to be changed."""
    return json.loads(whole_text)


@pytest.fixture
def declared(by_hand):
    """Give a submission of version 2 without any samples, its numbers rounded by hand."""
    return upgraded(by_hand)


@pytest.fixture
def repacked():
    """Give a function that packs other integers in place of those that are there."""

    def repack(packed, change):
        return pack_integers(change(unpack_integers(packed)))

    return repack
