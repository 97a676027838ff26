"""What every op must hold, as plain functions: the tests call them on each row, `test_the_checks.py` on faulty ones.

Each returns None or raises an AssertionError that says what is wrong.
"""

from __future__ import annotations

import inspect

import numpy as np

from contracts.rows import SEED, Row, weights
from tinytorch.core import autograd
from tinytorch.core.autograd import gradcheck, no_grad
from tinytorch.core.ops import OPS

SAMPLES = "tests/contracts/samples.py"

VARIADIC = {"concatenate", "stack"}  # whatever is given by position is an array

TOLERANCES = {"float64": {"rtol": 1e-11, "atol": 1e-12}, "float32": {"rtol": 3e-5, "atol": 3e-6}}


def gradients(row: Row, dtype="float64"):
    """Call a row and walk back from its result: the inputs, the result, and an array of gradients per float input."""
    tensors = row.tensors(dtype)
    out = row(*tensors)
    out.backward(weights(out.shape))
    return tensors, out, [tensor.grad for tensor in tensors if tensor.requires_grad]


def listed_ops():
    """Give the package's ops. Documentation that is run in this process may have listed one of its own."""
    return {name: entry for name, entry in OPS.items() if (entry.run.__module__ or "").startswith("tinytorch.")}


def require_a_row_each(ops, rows) -> None:
    missing = sorted(set(ops) - {row.op for row in rows})
    assert missing == [], f"{', '.join(missing)}: add a row to {SAMPLES}"
    unknown = sorted({row.op for row in rows} - set(ops))
    assert unknown == [], f"{', '.join(unknown)}: in {SAMPLES}, and no op"


def require_unique_names(rows) -> None:
    names = [row.name for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    assert twice == [], f"{', '.join(twice)}: twice in {SAMPLES}"


def require_numeric_gradient(row: Row) -> None:
    assert gradcheck(row, *row.tensors())


def require_dtype_kept(row: Row, dtype) -> None:
    _, out, found = gradients(row, dtype)
    if row.keeps_dtype:
        assert out.dtype == dtype, f"{dtype} in, {out.dtype} out"
    assert [str(grad.dtype) for grad in found] == [dtype] * len(found), "a gradient has its input's kind of float"


def require_gradients_of_input_shape(row: Row) -> None:
    tensors, _, found = gradients(row)
    assert {type(grad) for grad in found} == {np.ndarray}, "a gradient is an array, of shape () too"
    assert [grad.shape for grad in found] == [tensor.shape for tensor in tensors if tensor.requires_grad]


def require_inputs_untouched(row: Row) -> None:
    tensors = row.tensors()
    before = [tensor.data.tobytes() for tensor in tensors]
    out = row(*tensors)
    incoming = weights(out.shape)
    out.backward(incoming)
    assert [tensor.data.tobytes() for tensor in tensors] == before, "an op leaves its inputs as they are"
    assert incoming.tobytes() == weights(out.shape).tobytes(), "a rule leaves the incoming gradient as it is"


def require_own_gradients(row: Row) -> None:
    """Overwrite each leaf's gradient in turn; nothing else may change, and a second walk finds the same."""
    tensors = row.tensors()
    out = row(*tensors)
    incoming = weights(out.shape)
    leaves = [tensor for tensor in tensors if tensor.requires_grad]
    out.backward(incoming, retain_graph=True)
    first = [leaf.grad.copy() for leaf in leaves]
    for leaf in leaves:
        others = [t.data for t in tensors] + [t.grad for t in leaves if t is not leaf] + [out.data, incoming]
        before = [array.tobytes() for array in others]
        leaf.grad[...] = 7
        assert [array.tobytes() for array in others] == before, "a leaf owns its gradient"
        leaf.zero_grad()
        leaf.grad = np.zeros_like(leaf.data)
    out.backward(incoming)
    for leaf, expected in zip(leaves, first, strict=True):
        assert np.array_equal(leaf.grad, expected), "a second walk gives the same gradients"


def require_no_graph_under_no_grad(row: Row) -> None:
    tensors = row.tensors()
    with no_grad():
        out = row(*tensors)
    assert (out.requires_grad, out._grad_fn) == (False, None), "no_grad leaves no graph"
    assert np.array_equal(out.data, row(*tensors).data), "no_grad changes no value"


def require_named_node(row: Row) -> None:
    node = type(row(*row.tensors())._grad_fn)
    assert node.__name__.endswith("Backward"), f"a node is called <Name>Backward, not {node.__name__}"
    assert node.__name__.removesuffix("Backward").lower() == row.op.replace("_", "")
    assert getattr(autograd, node.__name__) is node is OPS[row.op].node


def require_same_by_hand(row: Row) -> None:
    """Make the node from plain arrays, its options by name and by position, and compare with the walk."""
    _, out, expected = gradients(row)
    arrays = row.arrays()
    calls = [(arrays, row.options)]
    if row.op not in VARIADIC:
        left_out = [None] * (arity(OPS[row.op].run) - len(arrays))  # such as a bias
        calls.append(([*arrays, *left_out, *row.options.values()], {}))
    for arguments, options in calls:
        np.random.seed(SEED)  # noqa: NPY002  as the row does
        found = OPS[row.op].node(*arguments, **options).apply(weights(out.shape).astype(out.dtype))
        kept = [part for part, array in zip(found, arrays, strict=True) if array.dtype.kind == "f"]
        for part, wanted in zip(kept, expected, strict=True):
            require_close("a gradient by hand", part, wanted, "float64")


def arity(run) -> int:
    """Count the arrays an op can take."""
    kinds = [parameter.kind for parameter in inspect.signature(run).parameters.values()]
    return kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)


def require_close(what: str, found, expected, dtype: str) -> None:
    """Compare shape and values, NaN equal to NaN only."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, not {expected.shape}"
    tolerance = TOLERANCES[dtype]
    np.testing.assert_allclose(found, expected, err_msg=what, **tolerance)


def require_equal_results(row: Row, dtype: str, value, grads) -> None:
    """Compare a row's value and gradients with those found elsewhere."""
    _, out, found = gradients(row, dtype)
    require_close(f"{row.name}: the value", out.data, value, dtype)
    assert len(found) == len(grads), f"{row.name}: {len(found)} gradients, not {len(grads)}"
    for position, (grad, expected) in enumerate(zip(found, grads, strict=True)):
        require_close(f"{row.name}: gradient {position}", grad, expected, dtype)
