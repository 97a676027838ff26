"""Values and gradients of every row beside those PyTorch gave once; needs no PyTorch."""

import numpy as np
import pytest

from contracts import checks, references
from contracts.samples import ROWS

RESULTS = references.read(references.GOLDEN)
REMAKE = "run `python tests/golden/make_ops.py` where PyTorch is installed"


def test_every_row_has_a_golden_result():
    """A new row is compared with PyTorch before it lands, and no result outlives its row."""
    assert sorted(RESULTS) == sorted(row.name for row in ROWS), REMAKE


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_value_and_gradients_are_the_golden_ones(row):
    """What PyTorch computed in float64 is what TinyTorch computes, to 11 digits."""
    value, *grads = RESULTS[row.name]
    checks.require_equal_results(row, "float64", value, grads)


def test_the_file_keeps_what_it_is_given(tmp_path):
    """Shapes and numbers come back as they were, scalars and empty arrays too."""
    results = {"one": [np.array(1.5), np.zeros((0, 3))], "two": [np.arange(6.0).reshape(2, 3)]}
    references.write(tmp_path / "results.npz", results)
    found = references.read(tmp_path / "results.npz")
    assert {name: [array.tolist() for array in arrays] for name, arrays in found.items()} == {
        name: [array.tolist() for array in arrays] for name, arrays in results.items()
    }
    assert [array.shape for array in found["one"]] == [(), (0, 3)]
