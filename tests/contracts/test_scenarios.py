"""Every scenario, by enumeration: each check runs on each row of `scenario_samples.py`."""

import json

import pytest

from contracts.scenario_samples import ROWS
from tinytorch.benchmarking.scenarios import SCENARIOS

by_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def whole_numbers(value):
    """Count the numbers in a record, however deep."""
    if isinstance(value, dict):
        return sum(whole_numbers(item) for item in value.values())
    if isinstance(value, list):
        return sum(whole_numbers(item) for item in value)
    return int(isinstance(value, int) and not isinstance(value, bool))


def test_every_scenario_has_a_row():
    """A new scenario is tested by the row that it must have."""
    missing = sorted(set(SCENARIOS) - {row.name for row in ROWS})
    assert not missing, f"{', '.join(missing)}: add a row to tests/contracts/scenario_samples.py"


def test_every_scenario_is_listed_under_the_name_of_its_function():
    """One finds it by either."""
    assert {name: run.__name__ for name, run in SCENARIOS.items()} == {name: name for name in SCENARIOS}


@by_row
def test_a_record_names_its_scenario_is_json_and_keeps_the_raw_numbers(row, clock):
    """Statistics are derived, and can be again."""
    record = row.run(clock)
    written = record.to_dict()
    assert (record.scenario, written["scenario"]) == (row.name, row.name)
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert whole_numbers(written) >= row.raw


@by_row
def test_the_same_clock_gives_the_same_record(row, make_clock):
    """Whatever is drawn comes from a recorded seed."""
    assert row.run(make_clock()).to_dict() == row.run(make_clock()).to_dict()
