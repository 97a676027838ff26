"""A small claim to pack and check: two models of digits, measured on paper, written with all that a check needs."""

from __future__ import annotations

import json

import numpy as np

from benchmarking.virtual_workers import Cost, World
from capstone.conftest import Ticking
from tinytorch.benchmarking import Design, compare
from tinytorch.benchmarking.adapters.architectures import described
from tinytorch.benchmarking.adapters.tinytorch_files import save_model
from tinytorch.capstone import BenchmarkReport, generate_submission
from tinytorch.capstone.bundle.archive import entry_of
from tinytorch.capstone.digits_classifier import digits_classifier
from tinytorch.capstone.record import pack_labels, parameter_sha256, upgraded
from tinytorch.capstone.report import benchmark_together
from tinytorch.capstone.side_by_side import section
from tinytorch.core.autograd import no_grad
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.datasets import load_digits
from tinytorch.perf import TECHNIQUES, compile

PLAN = Design(sessions=4, rounds=12)
PARTS = ("baseline", "optimized")
PRUNE = "prune.units.v1"


class Paper(World):
    """A machine on paper: a call takes 20,000 ns of the baseline, and so many of the optimized model."""

    def __init__(self, clock, optimized=10_000, speed=lambda now: 1 + now % 977 / 1e5):
        super().__init__(clock, speed)
        self.optimized = optimized
        self.subjects = []

    def launch(self, subject, conditions):
        """Start a worker on paper, for a model whose file has to be there."""
        worker = super().launch(subject, conditions)
        self.subjects.append(subject)
        worker.cost = Cost(self.optimized if "optimized" in subject.arguments["path"] else 20_000)
        return worker


def trained(hidden):
    """Give a classifier of digits that is right more often than not, without the time that training takes.

    Its hidden units are random features; the last layer is solved for.
    """
    manual_seed(0)
    model, data = digits_classifier(hidden), load_digits(seed=0)
    features = np.maximum(data.train_images @ model[0].weight.data + model[0].bias.data, 0)
    targets = np.eye(10, dtype=np.float32)[data.train_labels]
    model[-1].weight.data[...] = np.linalg.lstsq(features, targets, rcond=None)[0]
    return model.eval()


def write_claim(folder, clock):
    """Write a submission of version 2 and its models; give the path of the submission."""
    baseline = trained(32)
    models = {"baseline": baseline, "optimized": TECHNIQUES[PRUNE](baseline, keep_ratio=0.5)}
    for part, model in models.items():
        save_model(model, folder / f"{part}.safetensors", (1, 64))
    world = Paper(clock)
    found = compare(
        Cost(20_000), Cost(10_000), preset=PLAN, hooks=world.hooks(launch=super(Paper, world).launch), seed=7
    )
    document = upgraded(_first_version(models, clock) | {"comparison": section(found)})
    document = document | {"dataset": _dataset(), "tinytorch_version": "0.1.0"}
    for part, model in models.items():
        samples = document[part]["samples"]
        document[part] |= _identity(folder, part, model)
        document[part]["samples"] = samples | document[part]["samples"]
    path = folder / "submission.json"
    path.write_text(json.dumps(document, indent=1))
    return path


def changed(path, change):
    """Change a submission's document in its file, by what changes it in place."""
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document, indent=1))


def _first_version(models, clock):
    data, reports = load_digits(seed=0), [BenchmarkReport(part, clock=clock) for part in PARTS]
    ticking = [Ticking(clock, model, 1000 * (3 - n)) for n, model in enumerate(models.values(), start=1)]
    benchmark_together(reports, ticking, data.test_images, data.test_labels, num_runs=40)
    return generate_submission(*reports, "Ada", [PRUNE, "compile.v1"])


def _dataset():
    data = load_digits(seed=0)
    count = {"sample_count": len(data.test_labels), "class_count": 10, "labels": pack_labels(data.test_labels)}
    return {"name": data.name, "version": data.version, "sha256": data.sha256, "split": "test", "split_seed": 0} | count


def _identity(folder, part, model):
    entry, images = entry_of(part, folder / f"{part}.safetensors"), load_digits(seed=0).test_images
    running = model if part == "baseline" else compile(model, Tensor(images[:1]))
    with no_grad():
        classes = running.forward(Tensor(images)).data.argmax(axis=1)
    labels = load_digits(seed=0).test_labels
    applied = [{"name": PRUNE, "options": {"keep_ratio": 0.5}}, {"name": "compile.v1"}]
    kind = "application/vnd.safetensors"
    return {
        "architecture": described(model),
        "parameter_sha256": parameter_sha256(model),
        "artifact": {
            "path": f"{part}.safetensors",
            "media_type": kind,
            "size_bytes": entry.size,
            "sha256": entry.sha256,
        },
        "techniques": applied if part == "optimized" else [],
        "samples": {
            "correct_count": int((classes == labels).sum()),
            "test_count": len(labels),
            "predictions": pack_labels(classes),
        },
    }
