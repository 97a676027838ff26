"""Every adapter, by enumeration: each check runs on each row of `adapter_samples.py`."""

import numpy as np
import pytest

from contracts.adapter_samples import ROWS, SAMPLES, WEIGHT
from tinytorch.benchmarking.adapters import ADAPTERS, Adapter, adapter_for
from tinytorch.errors import DTypeError

by_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def test_every_adapter_has_a_row():
    """A new adapter is tested by the row that it must have."""
    missing = set(ADAPTERS) - {row.package for row in ROWS}
    assert not missing, f"{missing}: add a row to tests/contracts/adapter_samples.py"


@by_row
def test_the_adapter_is_that_of_the_models_framework(row):
    """Or the plain one."""
    found = type(adapter_for(row.make())).__module__
    assert found == ADAPTERS.get(row.package, Adapter.__module__)


@by_row
def test_arrays_go_in_and_come_out(row):
    """In inference mode, so that dropout drops nothing."""
    adapter = adapter_for(row.make())
    with adapter.inference():
        output = adapter.array(adapter.call(adapter.prepare(SAMPLES)))
    assert isinstance(output, np.ndarray)
    np.testing.assert_allclose(output, SAMPLES @ WEIGHT, rtol=1e-6)


@by_row
def test_inference_leaves_the_model_as_it_was(row):
    """Also when something raises inside."""
    model = row.make()
    before = row.modes(model)
    with pytest.raises(ZeroDivisionError), adapter_for(model).inference():
        _ = 1 / 0
    assert row.modes(model) == before


@by_row
def test_inference_records_no_graph(row):
    """Where the framework records one."""
    adapter = adapter_for(row.make())
    with adapter.inference():
        output = adapter.call(adapter.prepare(SAMPLES))
    assert not getattr(output, "requires_grad", False)


@pytest.mark.parametrize("model", [3, "model", None, object()])
def test_what_cannot_be_called_is_refused(model):
    """It lists the ways there are."""
    with pytest.raises(DTypeError, match="the model must be callable, or have a method forward or predict"):
        adapter_for(model)
