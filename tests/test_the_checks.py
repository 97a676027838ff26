"""Each checker is given a deliberate fault; a check that cannot fail checks nothing."""

from dataclasses import replace

import numpy as np
import pytest

from contracts import checks
from contracts.samples import ROWS
from tinytorch.core.autograd import gradcheck
from tinytorch.core.ops import OPS
from tinytorch.core.ops.op import NODES, op
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError

ROW = next(row for row in ROWS if row.op == "exp")


@pytest.fixture
def faulty():
    """Make an op of a function on arrays, and take it off the list again."""
    listed, nodes = dict(OPS), dict(NODES)
    yield op("Faulty")
    for table, before in ((OPS, listed), (NODES, nodes)):
        table.clear()
        table.update(before)


def test_gradcheck_finds_2001_for_2000(faulty):
    """Half a thousandth is far more than a difference's own error."""
    wrong = faulty(lambda x: (x * 2, (lambda g: g * 2.001,)))
    with pytest.raises(RangeError, match=r"the gradient of input 0 must be .* \(numeric\)"):
        gradcheck(wrong, Tensor([1.0, 2.0], requires_grad=True, dtype="float64"))


def test_gradcheck_finds_nan(faulty):
    """NaN is near to nothing."""
    wrong = faulty(lambda x: (x * 2, (lambda g: g * np.nan,)))
    with pytest.raises(RangeError, match="nan"):
        gradcheck(wrong, Tensor([1.0], requires_grad=True, dtype="float64"))


def test_an_op_without_a_row_is_found():
    """And the file to add it to is named."""
    with pytest.raises(AssertionError, match=r"exp: add a row to tests/contracts/samples\.py"):
        checks.require_a_row_each(OPS, [row for row in ROWS if row.op != "exp"])


def test_an_op_that_changes_its_input_is_found(faulty):
    """In place is not on a copy."""
    with pytest.raises(AssertionError, match="leaves its inputs"):
        checks.require_inputs_untouched(replace(ROW, function=faulty(_in_place)))


def test_a_rule_that_hands_out_what_it_kept_is_found(faulty):
    """The leaf's gradient would be the op's own memory."""
    with pytest.raises(AssertionError, match=r"second walk|owns its gradient"):
        checks.require_own_gradients(replace(ROW, function=faulty(_kept_gradient)))


def test_an_op_that_widens_is_found(faulty):
    """float32 in, float64 out."""
    widened = faulty(lambda x: (x.astype(np.float64), (lambda g: g,)))
    with pytest.raises(AssertionError, match="float32 in, float64 out"):
        checks.require_dtype_kept(replace(ROW, function=widened), "float32")


def test_a_value_that_is_off_is_found():
    """By one part in a million."""
    _, out, grads = checks.gradients(ROW)
    with pytest.raises(AssertionError, match="the value"):
        checks.require_equal_results(ROW, "float64", out.data * (1 + 1e-6), grads)
    with pytest.raises(AssertionError, match="gradient 0"):
        checks.require_equal_results(ROW, "float64", out.data, [grads[0] * (1 + 1e-6)])


def _in_place(x):
    x += 1
    return x.copy(), (lambda g: g,)


def _kept_gradient(x):
    kept = np.ones_like(x)
    return x * 1, (lambda _: kept,)
