"""The switch: what is in force, for how long, and what it says where nothing can be compiled."""

import numpy as np
import pytest

from tinytorch import Tensor
from tinytorch.core import ops
from tinytorch.core.ops import OPS
from tinytorch.core.updates import UPDATES
from tinytorch.errors import RangeError, StateError
from tinytorch.perf import trace
from tinytorch.perf.acceleration import TWINS, UPDATE_TWINS, accelerate, switch
from tinytorch.perf.kernels import VARIABLE, forms, threads

numba = pytest.mark.skipif(not forms.has_numba(), reason="needs Numba")

PLAIN = {name: entry.run for name, entry in (OPS | UPDATES).items()}
ALL = TWINS | UPDATE_TWINS


def in_force():
    """Say what every op and every update runs."""
    return {name: entry.in_force for name, entry in (OPS | UPDATES).items() if name in PLAIN}


@numba
def test_the_twins_are_in_force_within_the_block():
    """And nothing else changes, before, in it, or after."""
    assert in_force() == PLAIN
    with accelerate() as acceleration:
        assert in_force() == PLAIN | ALL
        assert (acceleration.ops, acceleration.reason) == (tuple(ALL), "")
    assert in_force() == PLAIN


@numba
def test_a_problem_in_the_block_ends_it_too():
    """The switch never stays on by mistake."""
    with pytest.raises(ZeroDivisionError), accelerate():
        _ = 1 / 0
    assert in_force() == PLAIN


@numba
def test_a_statement_holds_until_it_is_ended():
    """The plain switch."""
    acceleration = accelerate()
    assert in_force() == PLAIN | ALL
    acceleration.end()
    assert in_force() == PLAIN


@numba
def test_blocks_nest():
    """The inner one ends with what the outer one had, threads included."""
    with accelerate(threads=1):
        with accelerate([], threads=threads.default_threads()) as inner:
            assert (inner.ops, threads.threads_set()) == ((), threads.default_threads())
        assert (in_force(), threads.thread_count()) == (PLAIN | ALL, 1)
    assert threads.threads_set() is None


@numba
def test_single_ops_can_be_chosen():
    """The others stay with NumPy."""
    with accelerate(["relu"]):
        assert in_force() == PLAIN | {"relu": TWINS["relu"]}


@numba
def test_a_call_on_tensors_runs_what_is_in_force(monkeypatch):
    """Names imported before the switch are switched too, and the node keeps the op's name and rules."""
    seen = []
    monkeypatch.setitem(TWINS, "relu", lambda x: seen.append(x.shape) or PLAIN["relu"](x))
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    with accelerate(["relu"]):
        out = ops.relu(x)
    ops.relu(x)
    out.backward(np.ones((2, 3), np.float32))
    assert (seen, type(out._grad_fn).__name__, x.grad.tolist()) == ([(2, 3)], "ReLUBackward", [[1, 1, 1]] * 2)


@numba
def test_a_graph_traced_with_the_switch_on_names_the_same_ops():
    """A twin is no op of its own."""
    x = Tensor(np.ones((2, 3), np.float32))
    with accelerate():
        found = [step.op for step in trace(ops.relu, x).steps]
    assert found == [step.op for step in trace(ops.relu, x).steps] == ["relu"]


@numba
def test_an_error_names_the_op_and_not_its_twin(monkeypatch):
    """Whoever reads it knows the op."""

    def broken(_):
        raise ValueError("no")

    monkeypatch.setitem(TWINS, "relu", broken)
    with accelerate(["relu"]), pytest.raises(ValueError, match="the input of relu must be"):
        ops.relu(Tensor([1.0]))


def test_without_numba_numpy_goes_on_and_the_reason_is_told(monkeypatch):
    """The optional case is no error."""
    monkeypatch.setattr(switch, "has_numba", lambda: False)
    with accelerate() as acceleration:
        assert in_force() == PLAIN
    assert (acceleration.ops, acceleration.reason) == ((), "Numba is not installed, or told to compile nothing")


def test_without_numba_what_is_required_is_refused(monkeypatch):
    """And the message says what to do."""
    monkeypatch.setattr(switch, "has_numba", lambda: False)
    with pytest.raises(StateError, match=r"Numba is not installed.*Install tinytorch\[fast\]"):
        accelerate(required=True)


@numba
def test_the_environment_can_forbid_compiled_kernels(monkeypatch):
    """As it does for compiled plans."""
    monkeypatch.setenv(VARIABLE, "numpy")
    assert accelerate().reason == f"{VARIABLE} says numpy"


def test_an_op_without_a_twin_is_refused():
    """Nothing is switched then."""
    with pytest.raises(RangeError, match="an op to accelerate must be one of"):
        accelerate(["relu", "no such op"])
    assert in_force() == PLAIN


@pytest.mark.parametrize("count", [0, -1, 1.5, True, 10_000])
def test_a_number_of_threads_that_cannot_be_is_refused(count):
    """More threads than processors only wait for each other."""
    with pytest.raises(RangeError, match="threads must be a whole number from 1 to"):
        accelerate(threads=count, required=False)
    assert (in_force(), threads.threads_set()) == (PLAIN, None)
