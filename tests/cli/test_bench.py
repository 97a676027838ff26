"""`tinytorch bench`, as a user calls it."""

import json
from contextlib import contextmanager

from tinytorch.benchmarking import Measurement
from tinytorch.cli.app import run

SUBJECT = "specimens:multiplies"


def bench(*arguments):
    """Measure little: what is said is under test, not how well."""
    return run(["bench", *arguments, "--calls", "60", "--seed", "3"])


def test_percentiles_that_calls_cannot_give_are_said_to_be_missing(capsys):
    """Sixty calls give a median; for a p99 they are too few, and the table says how few."""
    assert bench(SUBJECT, "--latency-only") == 0
    out = capsys.readouterr().out
    assert "latency, p50" in out
    assert "60 calls in 5 processes, seed 3." in out


def test_the_record_can_be_read_again(capsys, tmp_path):
    """Raw samples included."""
    path = tmp_path / "record.json"
    assert bench(SUBJECT, "--latency-only", "--json", "--output", str(path)) == 0
    printed, kept = json.loads(capsys.readouterr().out), json.loads(path.read_text())
    assert Measurement.from_dict(kept["measurement"]) == Measurement.from_dict(printed["measurement"])
    assert sum(len(session["durations_ns"]) for session in kept["measurement"]["sessions"]) == 60


def test_what_cannot_be_measured_has_its_reason(capsys):
    """No invented accuracy, no modelled joules."""
    assert bench(SUBJECT, "--json") == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    missing = [one for one in metrics.values() if not one["measured"]]
    assert (all(one["value"] is None and one["reason"] for one in missing), len(missing) > 0) == (True, True)
    assert (metrics["cold_start"]["measured"], metrics["cold_start"]["value"] > 0) == (True, True)


def test_a_subject_that_fails_is_an_error_that_tells_its_story(capsys):
    """The traceback is there."""
    assert bench("specimens:fails_to_build", "--latency-only") == 1
    assert "Traceback" in capsys.readouterr().err


def interrupted_at(monkeypatch, stage, step):
    """Let the user press Ctrl-C at a step of a stage."""

    @contextmanager
    def shown():
        def show(progress):
            if (progress.stage, progress.step) == (stage, step):
                raise KeyboardInterrupt

        yield show

    monkeypatch.setattr("tinytorch.cli.bench.shown", shown)


def test_an_interrupted_measurement_prints_its_part_and_exits_with_130(capsys, monkeypatch):
    """Two whole sessions have their median; the other metrics are not begun."""
    interrupted_at(monkeypatch, "measuring", 2)
    assert bench(SUBJECT) == 130
    out = capsys.readouterr().out
    assert "broken off after 2 of 5 sessions" in out
    assert "24 calls in 2 processes" in out
    assert "cold start" not in out


def test_an_interrupt_before_anything_was_measured_is_readable(capsys, monkeypatch):
    """Every line says that there is nothing."""
    interrupted_at(monkeypatch, "measuring", 0)
    assert bench(SUBJECT) == 130
    assert capsys.readouterr().out.count("nothing was measured") == 4


def test_an_interrupt_among_the_other_metrics_keeps_the_latency(capsys, monkeypatch):
    """What was measured is printed, and what was not is named."""
    monkeypatch.setattr("tinytorch.cli.bench._others", lambda: ["accuracy", "energy", "parameters"])
    interrupted_at(monkeypatch, "measuring the rest", 1)
    assert bench(SUBJECT) == 130
    out = capsys.readouterr().out
    assert "latency, p50" in out
    assert "broken off before energy, parameters." in out


def test_the_throughput_names_the_batch_that_suits_best(capsys, monkeypatch):
    """The best of a sweep means nothing without its size."""
    monkeypatch.setattr("tinytorch.cli.bench._others", lambda: ["throughput"])
    assert bench("contracts.process_samples:make_classifier") == 0
    assert "throughput, batch 256" in capsys.readouterr().out
