"""The four tasks for small devices."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tinytorch.benchmarking.doors.tinyml import TASKS, TinyMLPerf
from tinytorch.errors import ShapeError

NAME = "anomaly_detection"
KEYS = [
    "benchmark_name",
    "model_name",
    "accuracy",
    "mean_latency_ms",
    "std_latency_ms",
    "p50_latency_ms",
    "p90_latency_ms",
    "p99_latency_ms",
    "max_latency_ms",
    "throughput_fps",
    "target_accuracy",
    "target_latency_ms",
    "accuracy_met",
    "latency_met",
    "compliant",
    "num_runs",
    "random_seed",
]


def model(clock, duration=1_000_000, name="m", output=None):
    """Make a model of known speed."""
    return SimpleNamespace(name=name, forward=lambda x: clock.pass_time(duration) or (x if output is None else output))


def run(clock, subject, **options):
    """Run it on one task."""
    return TinyMLPerf(clock=clock).run_standard_benchmark(subject, NAME, **{"num_runs": 50} | options)


def test_the_tasks_are_those_of_the_contract():
    """Shapes and targets."""
    found = {
        name: (entry["input_shape"], entry["target_accuracy"], entry["max_latency_ms"])
        for name, entry in TinyMLPerf().benchmarks.items()
    }
    assert found == {
        "keyword_spotting": ((1, 16000), 0.90, 100),
        "visual_wake_words": ((1, 96, 96, 3), 0.80, 200),
        "anomaly_detection": ((1, 640), 0.85, 50),
        "image_classification": ((1, 32, 32, 3), 0.75, 150),
    }


def test_the_result_has_the_keys_of_the_contract(clock):
    """And is JSON."""
    result = run(clock, model(clock))
    assert set(KEYS) <= set(result)
    assert json.dumps(result, allow_nan=False)


def test_random_inputs_say_nothing_about_accuracy(clock):
    """Nothing is invented, and nothing complies."""
    result = run(clock, model(clock))
    assert (result["accuracy"], result["accuracy_measured"], result["measured"]) == (0.0, False, False)
    assert (result["accuracy_met"], result["compliant"], result["inputs"]) == (False, False, "random")
    assert "random" in result["reason"]


@pytest.mark.parametrize("name", ["efficient_accurate_model", "m", ""])
def test_the_name_of_a_model_means_nothing(clock, name):
    """Not even if it praises itself."""
    result, plain = run(clock, model(clock, name=name)), run(clock, model(clock))
    same = set(KEYS) - {"model_name"}
    assert {key: result[key] for key in same} == {key: plain[key] for key in same}


def test_accuracy_is_counted_on_samples_with_labels(clock):
    """Nine of ten here; the target is 0.85."""
    samples, labels = np.eye(10, dtype=np.float32), np.array([*range(9), 0])
    result = run(clock, model(clock), inputs=samples, labels=labels)
    assert (result["accuracy"], result["accuracy_measured"], result["inputs"]) == (0.9, True, "given")
    assert (result["accuracy_met"], result["latency_met"], result["compliant"]) == (True, True, True)
    assert result["accuracy_low"] < 0.9 < result["accuracy_high"]


def test_a_model_that_is_too_slow_does_not_comply(clock):
    """However accurate."""
    samples, labels = np.eye(10, dtype=np.float32), np.arange(10)
    result = run(clock, model(clock, duration=51_000_000), inputs=samples, labels=labels)
    assert (result["accuracy_met"], result["latency_met"], result["compliant"]) == (True, False, False)


def test_the_latency_is_in_milliseconds(clock):
    """Of the timed calls."""
    result = run(clock, model(clock, duration=2_500_000))
    assert (result["mean_latency_ms"], result["std_latency_ms"], result["max_latency_ms"]) == (2.5, 0.0, 2.5)
    assert (result["p50_latency_ms"], result["p90_latency_ms"], result["num_runs"]) == (2.5, 2.5, 50)


def test_a_percentile_that_the_runs_are_too_few_for_is_none(clock):
    """p99 needs 368; the bound that there is stands beside it."""
    result = run(clock, model(clock, duration=2_500_000))
    assert (result["p99_latency_ms"], result["p99_latency_ms_at_least"]) == (None, 2.5)
    assert run(clock, model(clock, duration=2_500_000), num_runs=368)["p99_latency_ms"] == 2.5


def test_the_throughput_is_measured_and_no_reciprocal(clock):
    """Every fourth call is slow, and slows the stream; the median call is not."""
    made = [0]

    def forward(x):
        made[0] += 1
        clock.pass_time(5_000_000 if made[0] % 4 == 0 else 1_000_000)
        return x

    result = run(clock, SimpleNamespace(forward=forward))
    assert result["throughput_fps"] == pytest.approx(500, rel=0.15)
    assert result["p50_latency_ms"] == 1.0


def test_the_inputs_come_from_the_recorded_seed(clock):
    """The same seed, the same inputs; the global random state is left alone."""
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002  the global state is the point
    seen = {}

    def watching(seed):
        return lambda x: seen.setdefault(seed, set()).add(x.tobytes()) or clock.pass_time(1_000_000) or x

    for seed in (1, 1, 2):
        subject = SimpleNamespace(forward=watching(seed))
        TinyMLPerf(seed, clock=clock).run_standard_benchmark(subject, NAME, num_runs=1)
    assert (len(seen[1]), len(seen[1] | seen[2])) == (1, 2)
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_an_unknown_task_is_refused(clock):
    """A `ValueError`, which lists what there is."""
    with pytest.raises(ValueError, match="keyword_spotting"):
        TinyMLPerf(clock=clock).run_standard_benchmark(model(clock), "chess")


@pytest.mark.parametrize("way", ["forward", "predict", "call"])
def test_a_model_is_called_in_the_way_it_has(clock, way):
    """By forward, by predict, or itself."""

    def call(x):
        clock.pass_time(1_000_000)
        return x

    subject = call if way == "call" else SimpleNamespace(**{way: call})
    assert run(clock, subject)["mean_latency_ms"] == 1.0


def test_labels_of_other_samples_are_refused(clock):
    """And labels of none."""
    for options in ({"labels": [0]}, {"inputs": np.eye(3), "labels": [0, 1]}):
        with pytest.raises(ShapeError, match="labels must be of shape"):
            run(clock, model(clock), **options)


def test_what_a_model_raises_is_raised(clock):
    """No random output takes its place."""
    with pytest.raises(ZeroDivisionError):
        run(clock, SimpleNamespace(forward=lambda _: 1 / 0))


def test_all_tasks_are_run_and_one_that_fails_is_reported_as_that(clock):
    """A model is seldom made for all four shapes."""

    def forward(x):
        if x.shape[-1] != 640:
            raise ValueError("not my shape")
        clock.pass_time(1_000_000)
        return x

    results = TinyMLPerf(clock=clock).run_all_benchmarks(SimpleNamespace(forward=forward))
    assert list(results) == list(TASKS)
    assert "error" not in results[NAME]
    assert results["keyword_spotting"]["error"] == "ValueError: not my shape"
    assert results["keyword_spotting"]["compliant"] is False


def test_the_report_is_json_and_a_summary_beside_it(clock, tmp_path):
    """The text is the summary."""
    tiny = TinyMLPerf(clock=clock)
    results = {NAME: run(clock, model(clock)), "other": {"error": "E", "reason": "E", "compliant": False}}
    text = tiny.generate_compliance_report(results, tmp_path / "r.json")
    assert (tmp_path / "r_summary.md").read_text() == text
    record = json.loads((tmp_path / "r.json").read_text())
    assert (record["compliant"], record["results"][NAME]["mean_latency_ms"]) == (False, 1.0)
    assert "not measured" in text
    assert "0 of 2 tasks" in text


def test_complying_with_all_is_said(clock, tmp_path):
    """Only where all was measured."""
    result = run(clock, model(clock), inputs=np.eye(10, dtype=np.float32), labels=np.arange(10))
    text = TinyMLPerf(clock=clock).generate_compliance_report({NAME: result}, tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["compliant"] is True
    assert "100.0%" in text


def test_nothing_run_complies_with_nothing(tmp_path):
    """All of none would be true."""
    TinyMLPerf().generate_compliance_report({}, tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["compliant"] is False
