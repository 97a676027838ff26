"""The trial of the statistics on draws whose truth is known: that it runs, and that it can fail."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import coverage, draws

ROOT = Path(__file__).resolve().parent.parent
DRAWS = 40
SHAPE = (300, 6, 60)


@pytest.fixture(scope="module")
def rows():
    return coverage.run(DRAWS)["rows"]


def test_every_promise_is_kept_on_a_few_draws(rows):
    """Within two standard errors, which two of a hundred figures may miss by chance; the draws stay the same."""
    assert len([row for row in rows if not row["met"]]) <= 2


def test_every_trial_gives_figures(rows):
    """None is skipped, and each counts what it says."""
    assert {row["rule"] for row in rows} >= {
        "paired ratio",
        "verdict",
        "sequential ratio",
        "percentile of sessions",
        "batch means",
        "anytime sign test",
        "warm-up",
        "regimes",
    }
    assert all(0 <= row["low"] <= row["value"] <= row["high"] <= 1 for row in rows)
    assert {row["draws"] for row in rows if row["figure"] != "decided as it said"} == {DRAWS}


def test_naive_ways_fail_where_ours_holds(rows):
    """The trial is hard enough to tell: a plain test looked at every round, and a plain t on a dependent series."""
    value = {(row["rule"], row["case"]): row["value"] for row in rows}
    assert value["sign test at 0.05", "independent rounds"] > 0.2
    assert value["t as if independent", "1,000 values, AR(1) 0.9"] < 0.6


def test_an_interval_half_as_wide_is_found_out(monkeypatch):
    """A deliberate fault in the rule: the trial misses more figures than chance would."""
    honest = coverage.paired_ratio

    def narrow(run):
        ratio = honest(run)
        return replace(ratio, low=(ratio.low * ratio.value) ** 0.5, high=(ratio.high * ratio.value) ** 0.5)

    monkeypatch.setattr(coverage, "paired_ratio", narrow)
    found = coverage.try_ratios(np.random.default_rng(1), 100)
    assert sum(not row.met for row in found if row.rule == "paired ratio") >= 5


@pytest.mark.parametrize("name", [*draws.INDEPENDENT, *draws.TIED, *draws.DEPENDENT])
def test_differences_have_a_median_of_0(name):
    """Otherwise coverage would be counted against a wrong truth: as many above as below, within four errors."""
    values = (draws.INDEPENDENT | draws.TIED | draws.DEPENDENT)[name](np.random.default_rng(2), SHAPE)
    assert values.shape == SHAPE
    medians = np.median(values, axis=(1, 2))
    assert abs(medians.mean()) <= 4 * medians.std() / np.sqrt(len(medians)) + 1e-12


@pytest.mark.parametrize("rho", [0.3, 0.6])
def test_dependence_is_as_large_as_it_says(rho):
    """Correlation of neighbours, in long sessions."""
    values = draws.first_order(rho)(np.random.default_rng(2), (1, 1, 20_000))[0, 0]
    assert np.corrcoef(values[:-1], values[1:])[0, 1] == pytest.approx(rho, abs=0.03)
    assert values.std() == pytest.approx(draws.SPREAD, rel=0.05)


def test_a_figure_is_missed_by_more_than_two_standard_errors():
    """0.80 of 100 may be 0.73 by chance, and not 0.71; at most 0.05 may be 0.09, and not 0.1."""
    shares = {count: coverage.counted("", "", "", [True] * count + [False] * (100 - count), 0.8) for count in (71, 73)}
    assert (shares[71].met, shares[73].met) == (False, True)
    most = {count: coverage.counted("", "", "", [True] * count + [False] * (100 - count), 0, 0.05) for count in (9, 10)}
    assert (most[9].met, most[10].met) == (True, False)


def test_the_script_writes_what_it_found(tmp_path):
    """A line a figure, and JSON."""
    output = tmp_path / "coverage.json"
    command = [sys.executable, "-m", "benchmarks.coverage", "--draws", "5", "--output", str(output)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines()
    found = json.loads(output.read_text())
    assert found["draws"] == 5
    assert len(lines) == len(found["rows"])
