"""The scripts that measure speed: their arithmetic, and a short run of each."""

import itertools
import json
import math
import random
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks import (
    acceleration,
    cold_compile,
    decoding,
    headline,
    inference,
    instrument,
    instrument_report,
    language,
    neighbour,
    rivals,
    sparse,
    validation,
    vision,
)
from benchmarks.footprint import rise
from benchmarks.neighbour import bursting
from benchmarks.paired import summarize
from benchmarks.startup import interval
from tinytorch.benchmarking import PRESETS, Design
from tinytorch.capstone.validation import problems
from tinytorch.core import ops
from tinytorch.perf.acceleration import accelerate

ROOT = Path(__file__).resolve().parent.parent


def run(name, *arguments):
    """Run a script as a user would."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_a_constant_ratio_has_an_interval_of_no_width():
    """Twice as fast in every round is twice as fast, exactly."""
    ratio = summarize([[math.log(2)] * 10] * 3)
    assert (ratio.speedup, ratio.low, ratio.high) == pytest.approx((2.0, 2.0, 2.0))


def test_the_interval_covers_what_sessions_disagree_on():
    """Sessions at 1 and 4 times cannot be summed up as narrowly 2 times."""
    ratio = summarize([[0.0] * 10, [math.log(4)] * 10])
    assert ratio.low < 1
    assert ratio.high > 4


def test_the_sign_test_ranks_are_the_exact_ones():
    """Of 20 values, the 6th and the 15th bound the median with 95 % confidence (tables of the sign test)."""
    values = [float(value) for value in range(1, 21)]
    middle, low, high = interval(values)
    assert (middle, low, high) == (10.5, 6.0, 15.0)


def test_too_few_values_bound_nothing():
    """Five values cannot give a 95 % interval of the median."""
    assert interval([1.0] * 5)[1:] == (-math.inf, math.inf)


def test_a_short_run_writes_what_it_measured(tmp_path):
    """The comparison with hand-written NumPy needs nothing beyond the dependencies."""
    output = tmp_path / "figures.json"
    line = run("foundation", "--only", "numpy-small", "--sessions", "2", "--rounds", "4", "--output", str(output))
    found = json.loads(output.read_text())["results"]["numpy-small"]
    assert "NumPy by hand" in line
    assert [len(rounds) for rounds in found["log_ratios"]] == [4, 4]
    assert found["low"] <= found["speedup"] <= found["high"]


@pytest.mark.parametrize("case", ["forward-small", "inference-digits", "train-digits"])
def test_what_is_compared_computes_the_same(case):
    """Each maker checks the values of both sides before anything is timed."""
    pytest.importorskip("torch")
    assert "target" in run("foundation", "--only", case, "--sessions", "2", "--rounds", "2")


@pytest.mark.parametrize("case", ["layer-norm", "gelu", "attention"])
def test_language_models_parts_compute_the_same(case):
    """The makers compare values and gradients of both sides; here nothing is timed."""
    pytest.importorskip("torch")
    theirs, ours = language.CASES[case].make()
    assert len(theirs()) == len(ours())


@pytest.mark.parametrize("case", ["layer-norm-fast", "gelu-fast", "attention-fast"])
def test_accelerated_parts_compute_the_same(case):
    """The makers compare once more with the twins in force; nothing stays switched on."""
    pytest.importorskip("torch")
    pytest.importorskip("numba")
    theirs, ours = language.CASES[case].make()
    assert len(theirs()) == len(ours())
    assert ops.OPS["gelu"].in_force is ops.OPS["gelu"].run


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is read from Linux")
def test_the_footprint_of_a_step_is_what_it_holds_at_once():
    """64 MiB that are touched and let go of, in each of three steps, are 64 MiB."""
    held = 64 * 1024**2
    assert held * 0.9 < rise(lambda: np.ones(held, dtype=np.uint8)) < held * 1.5


@pytest.mark.parametrize("case", ["conv-1-28-8", "conv-16-14-32", "max-pool", "batch-norm", "lenet"])
def test_images_go_through_both_sides_alike(case):
    """Each maker compares values, gradients and losses; both calls can be repeated."""
    pytest.importorskip("torch").set_num_threads(1)
    for call in vision.EAGER[case].make():
        call()


@pytest.mark.parametrize("case", ["conv-1-28-8", "conv-16-14-32", "max-pool", "batch-norm", "lenet"])
def test_images_go_through_both_sides_alike_with_compiled_twins(case):
    """The same makers, and the steps that compare NumPy with them."""
    pytest.importorskip("torch").set_num_threads(1)
    pytest.importorskip("numba")
    for wrap in (vision.gain, lambda make: make):
        with accelerate(threads=1):
            for call in wrap(vision.EAGER[case].make)():
                call()


def test_the_comparison_of_images_runs():
    """As a script, in processes of its own."""
    pytest.importorskip("torch")
    assert "target 0.67x" in run("vision", "--only", "conv-1-28-8", "--smoke")


def test_the_comparison_of_compiled_twins_runs():
    """As a script, which switches them on."""
    pytest.importorskip("torch")
    pytest.importorskip("numba")
    assert "both ways, compiled" in run("vision", "--only", "conv-1-28-8-fast", "--smoke")


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux sets the high-water mark back")
def test_a_convolution_grows_by_its_result_and_gradients_at_least():
    """In bytes: 32 channels of results, 16 of the images' gradient; and by no more than twice that."""
    least = 64 * 4 * 14 * 14 * (16 + 32)
    assert least <= int(run("footprint", "--only", "conv-16-14-32", "--side", "ours")) <= 2 * least + 2**21


def test_the_start_up_script_answers_for_each_case():
    """One line a case."""
    assert len(run("startup", "--pairs", "1").splitlines()) == 3


@pytest.mark.parametrize(
    "case", ["softmax", "cross-entropy-small", "layer-norm", "adamw-small", "library", "tiled", "fused"]
)
def test_what_is_accelerated_computes_the_same(case):
    """Each maker compares both sides; both calls can be repeated."""
    pytest.importorskip("numba")
    for call in acceleration.CASES[case].make():
        call()


def sides(name):
    """Set up a case of compiled inference, which compares the values of both sides, and run each once more."""
    for side in inference.CASES[name].make():
        side()


@pytest.mark.parametrize(
    "case",
    ["numpy-10-20-3-1", "eager-64-128-10-64", "int8-float32-256x784-16", "int8-eager-lenet-1", "int4-int8-1024x1024-1"],
)
def test_compiled_inference_computes_what_it_is_compared_with(case):
    """Cases that need no other framework."""
    sides(case)


@pytest.mark.parametrize("case", ["torch-10-20-3-1", "int8-torch-256x784-1"])
def test_compiled_inference_computes_what_pytorch_does(case):
    """Float and bytes."""
    pytest.importorskip("torch")
    sides(case)


@pytest.mark.parametrize("case", ["onnxruntime-64-128-10-1", "int8-onnxruntime-256x784-1", "int8-onnxruntime-lenet-1"])
def test_compiled_inference_computes_what_onnx_runtime_does(case):
    """Float and bytes."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    sides(case)


@pytest.mark.parametrize("case", ["float32-1-0.9", "int8-64-0.95"])
def test_sparse_layers_compute_what_dense_ones_do(case):
    """The maker compares them; here nothing is timed."""
    for call in sparse.CASES[case].make():
        call()


@pytest.mark.parametrize("case", ["write-4x128-1", "read-4x128-8"])
def test_text_is_written_as_pytorch_writes_it(case):
    """The makers compare the logits after all steps, and after the prompt."""
    pytest.importorskip("torch").set_num_threads(1)
    for side in decoding.CASES[case].make():
        side()


def test_the_comparison_of_writing_runs():
    """As a script, in processes of its own."""
    pytest.importorskip("torch")
    assert "target 1.00x" in run("decoding", "--only", "write-4x128-1", "--smoke")


def test_the_cost_of_compiling_is_told_for_both_states_of_the_cache(monkeypatch, capsys, tmp_path):
    """One line a case and state, from pairs of processes that share a cache."""
    seen = []

    def once(_, environment):
        seen.append(environment["NUMBA_CACHE_DIR"])
        return float(len(seen))

    monkeypatch.setattr(cold_compile, "once", once)
    assert cold_compile.main(["--pairs", "2", "--output", str(tmp_path / "cold.json")]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "float32, empty cache: 2.000 s [-inf, inf]",
        "float32, full cache: 3.000 s [-inf, inf]",
    ]
    assert [a == b for a, b in zip(seen[::2], seen[1::2], strict=True)] == [True] * 8
    assert len(set(seen)) == 8
    assert json.loads((tmp_path / "cold.json").read_text())["seconds"]["int8, full cache"] == [6.0, 8.0]


def test_a_trial_of_the_instrument_knows_the_truth(monkeypatch):
    """Twice the work is slower, and the page sums it up."""
    monkeypatch.setitem(PRESETS, "quick", Design(sessions=2, rounds=6, epoch_ns=50_000))
    section = instrument.Section("benchmarks.known:calls?count={}", ((2, 8),), 1, "quick")
    trial = instrument.run_trial("known work", section, (2, 8), seed=1)
    (row,) = instrument_report.rows_of([asdict(trial)])
    assert (trial.truth, trial.outcome, row["detected"].value, row["false"].value) == (0.25, "slower", 1.0, 0.0)


def test_every_rival_answers_on_a_clear_case():
    """Each tool sees that four times the work takes longer."""
    first, second = "benchmarks.known:calls?count=5", "benchmarks.known:calls?count=20"
    for tool in ("founding", "rank test"):
        assert rivals.TOOLS[tool](first, second, 0).outcome == "slower"


def test_a_neighbour_bursts_only_while_the_block_runs():
    """It is a process, and is gone afterwards."""
    with bursting("other core"):
        pass
    assert neighbour.burst("same core", 0.0, random.Random(0)) == 0  # noqa: S311  no secrets


def test_the_headline_searches_and_says_which_goals_are_reached(tmp_path):
    """As a script; one model of those there are, on little data. What is there already is not measured again."""
    path, page = tmp_path / "headline.json", tmp_path / "headline.md"
    asked = ("headline", "--only", "digits", "--smoke", "--cache", str(tmp_path), "--output", str(path), "--resume")
    told = run(*asked)
    record = json.loads(path.read_text())
    model = record["models"]["digits"]
    assert "reached: " in told
    assert (record["smoke"], model["search"]["task"]) == (True, "digits")
    assert {"samples 1", "samples 64"} <= set(model) or model["search"]["chosen"] is None
    del record["models"]["digits"]["samples 64"]
    path.write_text(json.dumps(record))
    run(*asked)
    again = json.loads(path.read_text())["models"]["digits"]
    assert (again["search"], again["samples 1"]) == (model["search"], model["samples 1"])
    assert again["samples 64"]["to_eager"]["speedup"] > 0
    run("headline_page", str(path), str(page))
    assert "| digits, MLP 64-128-10 | samples 64 |" in page.read_text()


def test_training_for_the_headline_ends_in_time_and_says_that_something_is_left(tmp_path):
    """Then it is called again, and goes on."""
    asked = ("--train-only", "--only", "digits", "--smoke", "--cache", str(tmp_path))
    assert headline.main([*asked, "--seconds", "0"]) == headline.LEFT
    assert headline.main(list(asked)) == 0


def test_validation_is_timed_from_bytes_and_from_documents(tmp_path):
    """Every submission is valid, or nothing is timed."""
    output = tmp_path / "figures.json"
    assert "on one core" in run("validation", "--smoke", "--output", str(output))
    found = json.loads(output.read_text())
    assert (found["count"], found["from_bytes_seconds"] > found["judging_seconds"] > 0) == (300, True)


def test_the_submissions_that_are_timed_have_numbers_of_their_own():
    """And no raw samples; one with a number changed is refused."""
    first, second = (json.loads(text) for text in itertools.islice(validation.texts(), 2))
    assert first["improvements"] != second["improvements"]
    assert "latency_nanoseconds" not in json.dumps(first)
    assert problems(first) == []
    assert [problem.path for problem in problems(first | {"improvements": second["improvements"]})] != []
