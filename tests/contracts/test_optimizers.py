"""Every optimizer over a hundred steps, against values PyTorch computed once and against PyTorch where it is."""

import numpy as np
import pytest

from contracts.optimizer_samples import ROWS, STEPS, golden, kinds, train, train_with_torch

by_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def test_every_optimizer_has_a_row():
    """A missing row is a missing test."""
    assert {row.kind for row in ROWS} == kinds(), "add a row to tests/contracts/optimizer_samples.py"


@by_row
def test_a_hundred_steps_end_where_the_golden_file_says(row):
    """Losses and parameters, to the last bits but a few."""
    losses, parameters = train(row)
    expected = golden()["rows"][row.name]
    np.testing.assert_allclose([losses[0], losses[9], losses[STEPS - 1]], expected["losses"], rtol=1e-9)
    for found, wanted in zip(parameters, expected["parameters"], strict=True):
        np.testing.assert_allclose(found.ravel(), wanted, rtol=1e-8, atol=1e-10)


@by_row
def test_a_hundred_steps_are_those_of_pytorch(row):
    """The loss before every step, and the parameters after the last."""
    torch = pytest.importorskip("torch")
    losses, parameters = train(row)
    their_losses, their_parameters = train_with_torch(torch, row)
    np.testing.assert_allclose(losses, their_losses, rtol=1e-9)
    for found, wanted in zip(parameters, their_parameters, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-10)
