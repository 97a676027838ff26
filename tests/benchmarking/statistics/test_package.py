"""What holds of the statistics as a whole."""

import dataclasses
import inspect
import subprocess
import sys
from enum import StrEnum

import pytest

from tinytorch.benchmarking import statistics

RECORDS = [getattr(statistics, name) for name in statistics.__all__ if inspect.isclass(getattr(statistics, name))]
FORMULAS = [
    *("batch_means", "block_size", "clopper_pearson", "find_regimes", "holm", "judge", "littles_law_gap", "mcnemar"),
    *("paired_difference", "paired_ratio", "percentile", "percentile_of_sessions", "sequential_ratio", "sign_interval"),
    "speedup_change",
    *("steady_state", "t_interval", "wilson", "AnytimeSignTest"),
]


@pytest.mark.parametrize("record", [record for record in RECORDS if not issubclass(record, StrEnum)])
def test_a_record_is_frozen_and_has_slots(record):
    """A result is what it was."""
    assert dataclasses.is_dataclass(record)
    assert record.__dataclass_params__.frozen
    assert "__slots__" in vars(record)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_names_its_source(name):
    """Author, year, title."""
    assert "Source:" in inspect.getdoc(getattr(statistics, name))


def test_importing_loads_no_scipy():
    """It is loaded by the first number that needs it."""
    probe = "import sys, tinytorch.benchmarking.statistics; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert "scipy" not in done.stdout.split()
