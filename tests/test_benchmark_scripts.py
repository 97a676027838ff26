"""The scripts that measure speed: their arithmetic, and a short run of each."""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


def script(name):
    """Load a script as a module."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def run(name, *arguments):
    """Run a script as a user would."""
    command = [sys.executable, str(FOLDER / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_constant_ratio_has_an_interval_of_no_width():
    """Twice as fast in every round is twice as fast, exactly."""
    ratio = script("paired").summarize([[math.log(2)] * 10] * 3)
    assert (ratio.speedup, ratio.low, ratio.high) == pytest.approx((2.0, 2.0, 2.0))


def test_the_interval_covers_what_sessions_disagree_on():
    """Sessions at 1 and 4 times cannot be summed up as narrowly 2 times."""
    ratio = script("paired").summarize([[0.0] * 10, [math.log(4)] * 10])
    assert ratio.low < 1
    assert ratio.high > 4


def test_the_sign_test_ranks_are_the_exact_ones():
    """Of 20 values, the 6th and the 15th bound the median with 95 % confidence (tables of the sign test)."""
    values = [float(value) for value in range(1, 21)]
    middle, low, high = script("startup").interval(values)
    assert (middle, low, high) == (10.5, 6.0, 15.0)


def test_too_few_values_bound_nothing():
    """Five values cannot give a 95 % interval of the median."""
    assert script("startup").interval([1.0] * 5)[1:] == (-math.inf, math.inf)


def test_a_short_run_writes_what_it_measured(tmp_path):
    """The comparison with hand-written NumPy needs nothing beyond the dependencies."""
    output = tmp_path / "figures.json"
    line = run("foundation.py", "--only", "numpy-small", "--sessions", "2", "--rounds", "4", "--output", str(output))
    found = json.loads(output.read_text())["results"]["numpy-small"]
    assert "NumPy by hand" in line
    assert [len(rounds) for rounds in found["log_ratios"]] == [4, 4]
    assert found["low"] <= found["speedup"] <= found["high"]


@pytest.mark.parametrize("case", ["forward-small", "inference-digits", "train-digits"])
def test_what_is_compared_computes_the_same(case):
    """Each maker checks the values of both sides before anything is timed."""
    pytest.importorskip("torch")
    assert "target" in run("foundation.py", "--only", case, "--sessions", "2", "--rounds", "2")


def test_the_start_up_script_answers_for_each_case():
    """One line a case."""
    assert len(run("startup.py", "--pairs", "1").splitlines()) == 3
