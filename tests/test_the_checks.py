"""Each checker is fed a deliberate fault that it must catch: a check that cannot fail checks nothing."""

import dataclasses

import numpy as np
import pytest

from contracts import checks
from contracts.samples import ROWS, Row, real
from tinytorch.core.autograd import Function, gradcheck
from tinytorch.core.ops import OPS
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError


def op_like(value, rule):
    """Make an op of one input from a function on arrays and a rule of `(gradient, input)`."""

    class FaultyBackward(Function):
        def apply(self, grad_output):
            return (rule(grad_output, self.saved_tensors[0].data),)

    def call(x):
        result = value(x.data)
        out = Tensor(result, requires_grad=True, dtype=result.dtype)
        out._grad_fn = FaultyBackward(x)
        return out

    return call


def faulty(value=lambda x: x * 2, rule=lambda g, x: g * 2):
    """Give a row whose op doubles, or should; without arguments it is right."""
    return Row("mul", "by 2", (real(2, 3),), lambda torch, x: x * 2, function=op_like(value, rule))


def mutating(x):
    x += 1
    return (x - 1) * 2


def mutating_in_the_rule(g, x):
    x[0] = 0
    return g * 2


def recording_always(x):
    """An op that computes right and leaves its graph on, whatever the mode."""
    out = x * 2
    out.requires_grad = True
    return out


SOUND = [
    checks.require_numeric_gradient,
    checks.require_gradients_of_input_shape,
    checks.require_inputs_untouched,
    checks.require_own_gradients,
]


@pytest.mark.parametrize("check", SOUND, ids=lambda check: check.__name__)
def test_a_right_op_passes(check):
    """The faults below are found for what they are, not for how they are made."""
    check(faulty())


@pytest.mark.parametrize("factor", [2.001, 1.999, np.nan])
def test_gradcheck_finds_2001_for_2(factor):
    """A gradient of 2.001 for 2 is wrong."""
    row = faulty(rule=lambda g, x: g * factor)
    with pytest.raises(RangeError, match=r"numeric"):
        gradcheck(row, *row.tensors())
    with pytest.raises(RangeError, match=r"numeric"):
        checks.require_numeric_gradient(row)


def test_the_enumeration_finds_an_op_without_a_row():
    """The op is named, and the file where its row belongs."""
    rows = [row for row in ROWS if row.op != "gelu"]
    with pytest.raises(AssertionError, match=r"gelu: add a row to tests/contracts/samples\.py"):
        checks.require_a_row_each(checks.listed_ops(), rows)


def test_the_enumeration_finds_a_row_without_an_op():
    """A renamed op takes its rows along."""
    with pytest.raises(AssertionError, match="no_such_op"):
        checks.require_a_row_each(checks.listed_ops(), [*ROWS, dataclasses.replace(ROWS[0], op="no_such_op")])


def test_the_enumeration_finds_two_rows_of_one_name():
    """The second would hide the first in the golden file."""
    with pytest.raises(AssertionError, match="twice"):
        checks.require_unique_names([*ROWS, ROWS[0]])


@pytest.mark.parametrize(
    "row",
    [
        faulty(value=lambda x: x.astype(np.float64) * 2),
        faulty(rule=lambda g, x: g.astype(np.float64) * 2),
    ],
    ids=["value", "gradient"],
)
def test_the_dtype_check_finds_float64_from_float32(row):
    """A value or a gradient that grew is found."""
    checks.require_dtype_kept(row, "float64")
    with pytest.raises(AssertionError, match=r"float64 out|kind of float"):
        checks.require_dtype_kept(row, "float32")


@pytest.mark.parametrize("rule", [lambda g, x: g.sum(axis=0) * 2, lambda g, x: g[None] * 2], ids=["summed", "an axis"])
def test_the_shape_check_finds_a_gradient_of_another_shape(rule):
    """One that would broadcast is no gradient either."""
    with pytest.raises(AssertionError):
        checks.require_gradients_of_input_shape(faulty(rule=rule))


def test_the_shape_check_finds_a_missing_gradient():
    """None is no gradient of zeros."""
    with pytest.raises(AssertionError, match="a gradient is an array"):
        checks.require_gradients_of_input_shape(faulty(rule=lambda g, x: None))


@pytest.mark.parametrize(
    "row",
    [faulty(value=mutating), faulty(rule=mutating_in_the_rule)],
    ids=["the op", "its rule"],
)
def test_the_mutation_check_finds_a_changed_input(row):
    """An op in place is found, and so is a rule that writes to what it saved."""
    with pytest.raises(AssertionError, match="leaves its inputs as they are"):
        checks.require_inputs_untouched(row)


def test_the_ownership_check_finds_a_gradient_that_is_the_input():
    """A rule that hands out the input's own array is found when the gradient is overwritten."""
    row = faulty(value=lambda x: x * x / 2, rule=lambda g, x: x)
    with pytest.raises(AssertionError, match="a leaf owns its gradient"):
        checks.require_own_gradients(row)


def test_the_ownership_check_finds_a_rule_that_counts():
    """A second walk must find the same."""
    calls = []
    row = faulty(rule=lambda g, x: calls.append(1) or g * (1 + len(calls)))
    with pytest.raises(AssertionError, match="a second walk"):
        checks.require_own_gradients(row)


def test_the_no_grad_check_finds_a_graph():
    """An op that records under no_grad is found."""
    row = dataclasses.replace(faulty(), function=recording_always)
    with pytest.raises(AssertionError, match="no_grad leaves no graph"):
        checks.require_no_graph_under_no_grad(row)


def test_the_name_check_finds_a_node_of_another_name():
    """`FaultyBackward` is not the node of `mul`."""
    with pytest.raises(AssertionError):
        checks.require_named_node(faulty())


def test_the_check_by_hand_finds_another_gradient():
    """A walk that disagrees with the op's own node is found."""
    row = Row("neg", "wrong", (real(3),), lambda torch, x: -x, function=op_like(lambda x: -x, lambda g, x: -1.001 * g))
    with pytest.raises(AssertionError, match="a gradient by hand"):
        checks.require_same_by_hand(row)


def results(row):
    """Give what a reference would: the right value and gradients."""
    _, out, grads = checks.gradients(row)
    return out.data.copy(), [grad.copy() for grad in grads]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_comparison_passes_the_same_results(dtype):
    """The faults below are the only ones."""
    checks.require_equal_results(faulty(), dtype, *results(faulty()))


@pytest.mark.parametrize(("dtype", "error"), [("float64", 1e-9), ("float32", 1e-3)])
@pytest.mark.parametrize("where", ["the value", "gradient 0"])
def test_the_comparison_finds_one_wrong_number(dtype, error, where):
    """A tampered value or gradient is found at the precision of its kind."""
    value, grads = results(faulty())
    (value if where == "the value" else grads[0])[1, 2] += error
    with pytest.raises(AssertionError, match=where):
        checks.require_equal_results(faulty(), dtype, value, grads)


@pytest.mark.parametrize("tampered", [np.nan, np.inf])
def test_the_comparison_finds_what_is_no_number(tampered):
    """NaN equals no number."""
    value, grads = results(faulty())
    grads[0][0, 0] = tampered
    with pytest.raises(AssertionError, match="gradient 0"):
        checks.require_equal_results(faulty(), "float64", value, grads)


def test_the_comparison_finds_a_shape_that_would_broadcast():
    """(1, 2, 3) is not (2, 3), and one gradient too few is one too few."""
    value, grads = results(faulty())
    with pytest.raises(AssertionError, match="shape"):
        checks.require_equal_results(faulty(), "float64", value[None], grads)
    with pytest.raises(AssertionError, match="1 gradients, not 0"):
        checks.require_equal_results(faulty(), "float64", value, [])


def test_a_new_op_without_a_row_fails_the_enumeration(monkeypatch):
    """Listing an op is all it takes to need a row."""
    monkeypatch.setitem(OPS, "fresh", OPS["add"])
    with pytest.raises(AssertionError, match="fresh: add a row"):
        checks.require_a_row_each(checks.listed_ops(), ROWS)
