"""Every op, by enumeration: each check runs on each row of `samples.py`."""

import numpy as np
import pytest

from contracts import checks
from contracts.samples import ROWS
from tinytorch.core import autograd, ops
from tinytorch.core.ops import NODES, OPS
from tinytorch.core.tensor import Tensor

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
every_smooth_row = pytest.mark.parametrize("row", [row for row in ROWS if row.smooth], ids=lambda row: row.name)


def test_every_op_has_a_row():
    """A new op is tested by the row that it must have."""
    checks.require_a_row_each(checks.listed_ops(), ROWS)


def test_every_op_has_a_row_that_is_smooth():
    """No op escapes the numeric check of its gradient."""
    checks.require_a_row_each(checks.listed_ops(), [row for row in ROWS if row.smooth])


def test_no_two_rows_share_a_name():
    """The golden file finds a row by its name."""
    checks.require_unique_names(ROWS)


def test_every_op_is_public():
    """`ops.__all__` lists each op under its name."""
    listed = checks.listed_ops()
    assert {name: getattr(ops, name) for name in listed} == {name: entry.call for name, entry in listed.items()}
    assert set(listed) - set(ops.__all__) == set()


def test_every_op_has_a_node_class_of_its_own():
    """As many classes as ops, each documented by its op."""
    assert set(NODES.values()) == {entry.node for entry in OPS.values()}
    assert [entry.node.__doc__ for entry in OPS.values()] == [entry.run.__doc__ for entry in OPS.values()]


@every_smooth_row
def test_the_gradient_agrees_with_differences(row):
    """In float64, every input's gradient is the derivative."""
    checks.require_numeric_gradient(row)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_row
def test_the_kind_of_float_is_kept(row, dtype):
    """float32 in gives float32 out and float32 gradients, float64 likewise."""
    checks.require_dtype_kept(row, dtype)


@every_row
def test_a_gradient_has_the_shape_of_its_input(row):
    """Broadcast axes are summed again."""
    checks.require_gradients_of_input_shape(row)


@every_row
def test_the_inputs_are_not_mutated(row):
    """Neither the op nor its rules write to what they are given."""
    checks.require_inputs_untouched(row)


@every_row
def test_a_leaf_owns_its_gradient(row):
    """Clipping in place changes one gradient and nothing else."""
    checks.require_own_gradients(row)


@every_row
def test_no_grad_leaves_no_graph(row):
    """Inference keeps nothing alive, and computes the same."""
    checks.require_no_graph_under_no_grad(row)


@every_row
def test_the_node_is_named_after_the_op(row):
    """`type(out._grad_fn).__name__` is `<Name>Backward`, found in `tinytorch.core.autograd`."""
    checks.require_named_node(row)


@every_row
def test_a_node_made_by_hand_gives_the_same_gradients(row):
    """A node takes plain arrays, and options by name or in order."""
    checks.require_same_by_hand(row)


@every_row
def test_only_inputs_that_require_grad_get_one(row):
    """A frozen input's `.grad` stays None, and the others' gradients stay as they are."""
    _, _, expected = checks.gradients(row)
    for frozen in range(len(expected)):
        tensors = row.tensors()
        tensors[frozen].requires_grad = False
        out = row(*tensors)
        if out.requires_grad:
            out.backward(checks.weights(out.shape))
            others = [i for i in range(len(expected)) if i != frozen]
            assert tensors[frozen].grad is None
            assert all(np.array_equal(tensors[i].grad, expected[i]) for i in others)


def test_add_mul_and_matmul_nodes_take_int_arrays():
    """Nodes are called by hand with arrays of ints in users' code."""
    a, b = np.array([[1, 2], [3, 4]]), np.array([[5, 6], [7, 8]])
    one = np.ones((2, 2), dtype=int)
    assert [part.tolist() for part in autograd.AddBackward(a, b).apply(one)] == [one.tolist()] * 2
    assert [part.tolist() for part in autograd.MulBackward(a, b).apply(one)] == [b.tolist(), a.tolist()]
    left, right = autograd.MatmulBackward(a, b).apply(one)
    assert (left.tolist(), right.tolist()) == ([[11, 15], [11, 15]], [[4, 4], [6, 6]])


def test_an_add_node_of_broadcast_ints_sums_them_again():
    """The gradient has the operand's shape for plain arrays too."""
    left, right = autograd.AddBackward(np.ones((2, 3), int), np.ones(3, int)).apply(np.ones((2, 3)))
    assert (left.shape, right.tolist()) == ((2, 3), [2.0, 2.0, 2.0])


@pytest.mark.parametrize("kind", [np.asarray, Tensor])
def test_a_node_may_be_given_the_result_of_its_op(kind):
    """`SigmoidBackward(x, out)` and `SoftmaxBackward(x, out, dim)` are the known signatures."""
    x = np.array([[0.5, -1.0], [2.0, 0.0]])
    softmax, sigmoid = ops.softmax(x, dim=0).data, ops.sigmoid(x).data
    g = np.array([[1.0, 2.0], [3.0, 4.0]])
    expected = softmax * (g - (g * softmax).sum(axis=0))
    for node in (autograd.SoftmaxBackward(x, kind(softmax), dim=0), autograd.SoftmaxBackward(x, kind(softmax), 0)):
        assert np.allclose(node.apply(g)[0], expected)
    assert np.allclose(autograd.SigmoidBackward(x, kind(sigmoid)).apply(g)[0], g * sigmoid * (1 - sigmoid))
