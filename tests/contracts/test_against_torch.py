"""Values and gradients of every row beside PyTorch's. Without PyTorch, `test_golden.py` compares with what it gave."""

import pytest

from contracts import checks, references
from contracts.samples import ROWS

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_value_and_gradients_agree_with_torch(row, dtype):
    """To 11 digits in float64, and to what float32 can hold in float32."""
    value, grads = references.torch_results(torch, row, dtype)
    checks.require_equal_results(row, dtype, value, grads)
