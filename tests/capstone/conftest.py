"""Submissions to break, and models to measure."""

import copy

import numpy as np
import pytest

from benchmarking.virtual_workers import Cost, World
from tinytorch.benchmarking import compare
from tinytorch.capstone import BenchmarkReport, generate_submission
from tinytorch.capstone.report import benchmark_together
from tinytorch.capstone.side_by_side import section
from tinytorch.capstone.validation import problems
from tinytorch.core.layers import Linear, Sequential

METRICS = {
    "parameter_count": 9610,
    "model_size_mb": 2.0,
    "accuracy": 0.95,
    "latency_ms_mean": 4.0,
    "latency_ms_std": 0.25,
    "throughput_samples_per_sec": 250.0,
}
SMALLER = {
    "parameter_count": 4810,
    "model_size_mb": 1.0,
    "accuracy": 0.9,
    "latency_ms_mean": 2.0,
    "latency_ms_std": 0.125,
    "throughput_samples_per_sec": 500.0,
}


class Ticking:
    """A model that takes its time on a virtual clock: a little more at each call, and more for more samples."""

    def __init__(self, clock, inner, nanoseconds):
        self.clock = clock
        self.inner = inner
        self.nanoseconds = nanoseconds
        self.calls = 0

    def parameters(self):
        """List the inner model's parameters."""
        return self.inner.parameters()

    def forward(self, x):
        """Let time pass, then compute."""
        self.calls += 1
        self.clock.pass_time(self.nanoseconds * len(x) + self.calls % 17)
        return self.inner.forward(x)


@pytest.fixture
def by_hand():
    """Give a submission as a person may write it: six metrics and two keys of the system a model."""
    return {
        "tinytorch_version": "0.1.0",
        "submission_type": "capstone_benchmark",
        "timestamp": "2026-01-31T12:00:00+00:00",
        "system_info": {"platform": "a machine", "python_version": "3.11.0"},
        "baseline": {"model_name": "large", "metrics": dict(METRICS)},
        "optimized": {"model_name": "small", "metrics": dict(SMALLER), "techniques_applied": ["prune.units.v1"]},
        "improvements": {"speedup": 2.0, "compression_ratio": 2.0, "accuracy_delta": -0.05},
    }


@pytest.fixture(scope="session")
def measured_reports(make_clock):
    """Give the reports of two models, timed in turns on a virtual clock, with all percentiles known."""
    clock, rng = make_clock(), np.random.default_rng(0)
    models = [Ticking(clock, Sequential(Linear(8, n), Linear(n, 3)), 1000 * n + 7) for n in (20, 10)]
    made = [BenchmarkReport(name, clock=clock) for name in ("large", "small")]
    benchmark_together(made, models, rng.normal(size=(30, 8)), rng.integers(0, 3, 30), num_runs=400)
    return made


@pytest.fixture
def reports(measured_reports):
    """Give two reports that a test may change."""
    return copy.deepcopy(measured_reports)


@pytest.fixture
def generated(reports):
    """Give the submission that two reports make."""
    return generate_submission(*reports, "Ada", ["prune.units.v1"])


@pytest.fixture
def compared(generated, make_clock):
    """Give the same with the section that a comparison on paper adds: twice as fast, a little more in each session."""
    world = World(make_clock(), lambda now: 1 + now % 977 / 1e5)
    found = compare(Cost(20_000), Cost(10_000), hooks=world.hooks(), seed=7)
    return generated | {"comparison": section(found)}


@pytest.fixture
def changed():
    """Give a function that copies a submission with the value at a path replaced, or taken away if it is `...`."""

    def change(submission, path, value):
        made = copy.deepcopy(submission)
        *way, last = path.removeprefix("$.").split(".")
        owner = made
        for step in way:
            owner = owner[step]
        owner[last] = value
        if value is ...:
            del owner[last]
        return made

    return change


@pytest.fixture
def said_at():
    """Give a function that tells what the validator says about the value at a path."""

    def say(path, submission):
        return "; ".join(str(problem) for problem in problems(submission) if problem.path == path)

    return say
