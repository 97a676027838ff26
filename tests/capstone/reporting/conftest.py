"""Submissions to report on: one with all that a record can hold, and what is left when parts of it are missing."""

import hashlib

import numpy as np
import pytest

from capstone.reporting.settling import merged, settled
from tinytorch.benchmarking.adapters.architectures import described
from tinytorch.capstone import save_model
from tinytorch.capstone.record import pack_integers, pack_labels, upgraded
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential

QUESTIONS = 400


def answers(labels, wrong):
    """Give the answers of a model that is wrong at some places."""
    given = labels.copy()
    given[wrong] = (given[wrong] + 1) % 10
    return given


def finalist(recipe, speed, smaller, gained):
    """Give a candidate as a search's findings hold it."""
    ends = {"speedup": speed, "low": 0.9 * speed, "high": 1.1 * speed}
    beside = {"difference": {"value": gained, "low": gained - 0.01, "high": gained + 0.01}}
    test = {"accuracy": {"value": 0.9 + gained}, "beside": beside}
    return {"recipe": recipe, "compression": smaller, "speed": {"to_eager": ends}, "test": test}


@pytest.fixture
def folder(tmp_path):
    """Give a folder with the files of two models."""
    for part, hidden in (("baseline", 32), ("optimized", 8)):
        save_model(Sequential(Linear(64, hidden), ReLU(), Linear(hidden, 10)), tmp_path / f"{part}.safetensors")
    return tmp_path


@pytest.fixture
def whole(compared, folder):
    """Give a submission with everything: raw samples with a tail, answers, files, a search, a profile, attempts."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 10, QUESTIONS)
    made = upgraded(compared)
    models = {"baseline": (32, 5000, range(14)), "optimized": (8, 2000, range(8, 26))}
    for part, (hidden, typical, wrong) in models.items():
        times = np.maximum(1, rng.lognormal(np.log(typical), 0.08, 1200)).astype(int)
        times[::300] *= 9  # a tail
        file = folder / f"{part}.safetensors"
        content = file.read_bytes()
        made[part]["samples"] |= {
            "predictions": pack_labels(answers(labels, list(wrong))),
            "latency_nanoseconds": pack_integers(times),
        }
        made[part]["architecture"] = described(Sequential(Linear(64, hidden), ReLU(), Linear(hidden, 10)))
        made[part]["artifact"] = {
            "path": file.name,
            "media_type": "application/vnd.safetensors",
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    made["dataset"] = {"name": "digits", "version": "of-a-test", "split": "test", "labels": pack_labels(labels)}
    made["protocol"] = made["protocol"] | {"accuracy_margin": 0.02, "command": ["tinytorch", "run", "--seed", "7"]}
    claimed = {"name": "prune.units.v1", "claim": "Hidden units are gone.", "options": {"amount": 0.75}}
    made["optimized"]["techniques"] = [claimed, {"name": "distil.v1"}, {"name": "compile.v1"}]
    counts = {"preceding": 3, "aborted": 1}
    made["attempts"] = {"campaign": "of a test", "ledger_head": "ab" * 32} | counts
    found = [finalist("units 25 %", 2.0, 4.0, -0.01), finalist("int8", 1.4, 3.6, 0.002)]
    search = {"finalists": found, "chosen": "units 25 %", "baseline": {"test": {"accuracy": {"value": 0.9}}}}
    ops = [{"layer": f"layers.{n}", "forward_ns": {"value": 1000.0 * (n + 1)}} for n in (0, 1, 2)]
    profile = {part: {"format": "tinytorch.profile.v1", "ops": ops} for part in models}
    made["extensions"] = {"search": search, "profile": profile}
    made["notes"] = ["Timed in turns."]
    return settled(made)


@pytest.fixture
def hostile(whole):
    """Give a valid submission every text of which would like to be markup, and is as long as it may be."""
    script = "</style></script></svg>--><script>window.pwned=1</script><img src=x onerror=window.pwned=1>"
    bad = f"{script}'\"`&{{}}$x^2$|[a](javascript:pwned=1)<!-- @someone https://evil.example/\u202e\u2028" + "w" * 400
    parts = {
        "author": {"name": bad},
        "baseline": {"model_name": f"base {bad}"},
        "optimized": {"model_name": bad, "techniques": [{"name": bad, "claim": bad, "options": {bad: bad}}]},
        "dataset": {"name": bad, "version": bad, "split": bad},
        "protocol": {"timing_protocol": bad, "preset": bad, "command": [bad, bad]},
        "environment": {
            "resource": {"host.cpu.model.name": bad, "host.arch": bad},
            "system_info": {
                "platform": bad,
                "python_version": bad,
                "cpu_model": bad,
                "hypervisor": bad,
                "blas": [{"version": bad}],
            },
        },
        "attempts": {"campaign": bad},
        "comparison": {"certificate": {"worker_kind": bad}},
        "notes": [bad, bad],
        "tinytorch_version": bad,
    }
    made = merged(whole, parts)
    made["extensions"]["search"] = {"finalists": [finalist(bad, 2.0, 4.0, -0.01)], "chosen": bad}
    made["extensions"]["profile"]["optimized"]["ops"] = [{"layer": bad, "forward_ns": {"value": 5.0}}]
    return made


@pytest.fixture
def alone(whole):
    """Give a submission of one model."""
    later = {"optimized", "improvements", "comparison", "accuracy_comparison", "extensions"}
    return settled({name: value for name, value in whole.items() if name not in later})


@pytest.fixture
def without_verdict(whole):
    """Give a submission of two models that nobody compared side by side."""
    return settled({name: value for name, value in whole.items() if name != "comparison"})
