"""Every metric, by enumeration: each check runs on each row of `metric_samples.py`."""

import json
import pkgutil
from importlib import import_module

import pytest

from contracts.metric_samples import ROWS
from tinytorch.benchmarking import metrics
from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.metrics import METRICS, Measured, Metric, Unavailable

SAMPLES = "tests/contracts/metric_samples.py"
UNITS = {"seconds", "bytes", "joules", "samples_per_second", "ratio", "count"}

by_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
by_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


def require_a_row_for_each_metric(listed, rows):
    """Name the metrics that have no row, and where it belongs."""
    missing = sorted(set(listed) - {row.name for row in rows})
    assert not missing, f"{', '.join(missing)}: add a row to {SAMPLES}"


def found_in_files():
    """Find the metric of every file of the folder that has one."""
    modules = [import_module(f"{metrics.__name__}.{entry.name}") for entry in pkgutil.iter_modules(metrics.__path__)]
    return {module.METRIC.name: module.METRIC for module in modules if hasattr(module, "METRIC")}


def test_every_metric_has_a_row():
    """A new metric is tested by the row that it must have."""
    require_a_row_for_each_metric(METRICS, ROWS)


def test_a_metric_without_a_row_is_found_and_the_file_named():
    """The enumeration itself would catch one that someone forgot."""
    with pytest.raises(AssertionError, match=f"energy: add a row to {SAMPLES}"):
        require_a_row_for_each_metric(METRICS, [row for row in ROWS if row.name != "energy"])


def test_every_file_with_a_metric_is_listed():
    """And under its own name."""
    assert found_in_files() == METRICS


@by_metric
def test_a_metric_says_what_it_is(metric):
    """A name that fits in JSON keys, a known unit, a direction, bounds in order."""
    assert isinstance(metric, Metric)
    assert metric.name.isidentifier()
    assert metric.unit in UNITS
    assert metric.better in {"less", "more"}
    assert metric.bounds[0] < metric.bounds[1]


@by_metric
def test_a_case_of_which_nothing_is_known_has_no_value(metric, tmp_path, clock):
    """Not 0: there is a reason in its place."""
    found = metric.measure(Case(root=tmp_path, clock=clock, sleeper=clock))
    assert isinstance(found, Unavailable)
    assert (found.metric, found.is_measured, found.to_dict()["value"]) == (metric.name, False, None)
    assert len(found.reason.split()) > 3
    assert json.dumps(found.to_dict(), allow_nan=False)


@by_row
def test_a_measured_value_is_in_its_bounds_and_its_interval(row, tmp_path, clock):
    """And it is what the row says."""
    metric = METRICS[row.name]
    found = metric.measure(row.case(clock, tmp_path))
    assert isinstance(found, Measured), getattr(found, "reason", "")
    low, value, high = found.estimate.low, found.estimate.value, found.estimate.high
    assert metric.bounds[0] <= low <= value <= high <= metric.bounds[1]
    assert row.expected is None or value == pytest.approx(row.expected)


@by_row
def test_a_finding_names_its_metric_and_its_unit(row, tmp_path, clock):
    """So that no number travels without them."""
    found = METRICS[row.name].measure(row.case(clock, tmp_path))
    assert (found.metric, found.unit) == (row.name, METRICS[row.name].unit)


@by_row
def test_a_finding_is_json(row, tmp_path, clock):
    """With the raw numbers it came from."""
    record = METRICS[row.name].measure(row.case(clock, tmp_path)).to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
