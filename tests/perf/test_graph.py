"""The traced graph: what is recorded, what is refused, and that it computes what the model does."""

import threading

import numpy as np
import pytest

from contracts.checks import listed_ops
from contracts.samples import ROWS
from tinytorch.capstone import SimpleMLP
from tinytorch.core.activations import ReLU, Softmax
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential, layers_of
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.ops.op import RECORDERS
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DTypeError, ShapeError, StateError
from tinytorch.perf.graph import trace

X = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)


class Duck:
    """A model of no base class, with a parameter in a list and an array of its own."""

    def __init__(self):
        self.weights = [Tensor(np.full((4, 3), 0.5), requires_grad=True)]
        self.shift = np.float32([1, 2, 3])

    def forward(self, x):
        """Compute without a layer."""
        return x @ self.weights[0] + self.shift


def ops_of(graph):
    """List the names of the ops."""
    return [step.op for step in graph.steps]


def names(values):
    """List the names of values."""
    return [value.name for value in values]


def test_steps_are_recorded_in_the_order_of_execution():
    """Each has its op, what it takes by name, and the shape and kind of what it gives."""
    graph = trace(SimpleMLP(4, 6, 3), X)
    assert ops_of(graph) == ["linear", "relu", "linear"]
    assert [names(step.inputs) for step in graph.steps] == [
        ["x0", "fc1.weight", "fc1.bias"],
        ["t0"],
        ["t1", "fc2.weight", "fc2.bias"],
    ]
    assert [step.output.shape for step in graph.steps] == [(2, 6), (2, 6), (2, 3)]
    assert {str(step.output.dtype) for step in graph.steps} == {"float32"}
    assert (names(graph.outputs), graph.returns_one) == (["t2"], True)


def test_parameters_are_the_models_own_arrays():
    """A graph sees weights that are changed in place."""
    model = SimpleMLP(4, 6, 3)
    graph = trace(model, X)
    assert [value.data for value in graph.parameters] == [pytest.approx(p.data) for p in model.parameters()]
    model.fc2.bias.data += 1
    assert np.array_equal(graph.run(X)[0], model.forward(Tensor(X)).data)


def test_a_duck_has_named_parameters():
    """Tensors in lists and plain arrays of an object are found under their paths."""
    graph = trace(Duck(), X)
    assert names(graph.parameters) == ["weights.0", "shift"]
    assert names(trace(Duck().forward, X).parameters) == ["weights.0", "shift"]


def test_numbers_and_foreign_arrays_are_constants():
    """A number stays one: it takes no memory and decides no kind of float."""
    graph = trace(lambda x: (x * 2 + np.ones(4)) ** 2, X)
    assert [value.data if value.shape == () else str(value.dtype) for value in graph.constants] == [2, "float32"]
    assert str(graph.steps[-1].output.dtype) == "float32"


def test_work_on_parameters_alone_is_no_step():
    """It gives the same at every call."""
    weight = Tensor(np.ones((3, 4)), requires_grad=True)
    assert ops_of(trace(lambda x: x @ weight.T, X)) == ["matmul"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_op_is_traced_and_run_again(row):
    """The graph gives what the op gives, bit for bit, and holds one step of its name."""
    tensors = row.tensors("float32")
    if row.op == "dropout" and row.options["p"] > 0:
        with pytest.raises(StateError, match="the same at every call; got dropout"):
            trace(row, *tensors)
        return
    graph = trace(row, *tensors)
    assert ops_of(graph) == [row.op]
    found, expected = graph.run(*(x.data for x in tensors))[0], row(*tensors).data
    assert (found.tobytes(), found.dtype) == (expected.tobytes(), expected.dtype)


def test_the_enumeration_covers_every_op():
    """The rows above are of all ops."""
    assert {row.op for row in ROWS} == set(listed_ops())


def test_several_inputs_and_outputs_keep_their_order():
    """An input may be returned as it came."""
    graph = trace(lambda a, b: (a - b, b), X, X + 1)
    assert (names(graph.inputs), names(graph.outputs), graph.returns_one) == (["x0", "x1"], ["t0", "x1"], False)
    difference, second = graph.run(X, X + 1)
    assert difference == pytest.approx(-1)
    assert np.array_equal(second, X + 1)


def test_a_loss_is_traced_with_its_targets():
    """Whole numbers stay whole numbers."""
    model, loss = SimpleMLP(4, 6, 3), CrossEntropyLoss()
    targets = Tensor([0, 2], dtype="int64")
    graph = trace(lambda x, y: loss(model(x), y), X, targets)
    assert ops_of(graph)[-1] == "cross_entropy"
    assert str(graph.inputs[1].dtype) == "int64"


def test_the_model_runs_in_inference_mode_and_is_put_back():
    """Dropout is no step, and each layer has its own mode again, also after a refusal."""
    model = Sequential(Linear(4, 3), Dropout(0.5), ReLU(), Dropout(0.2).eval())
    before = [vars(layer).get("training") for layer in layers_of(model)]
    assert ops_of(trace(model, X)) == ["linear", "relu"]
    assert [vars(layer).get("training") for layer in layers_of(model)] == before
    with pytest.raises(ShapeError):
        trace(model, np.ones((2, 5)))
    assert [vars(layer).get("training") for layer in layers_of(model)] == before


def test_a_graph_leaves_nothing_on_the_model():
    """No gradient, no node, no other array."""
    model = SimpleMLP(4, 6, 3)
    before = [p.data for p in model.parameters()]
    trace(model, X)
    assert [p.data for p in model.parameters()] == [pytest.approx(array) for array in before]
    assert all(p.data is array for p, array in zip(model.parameters(), before, strict=True))
    assert [p.grad for p in model.parameters()] == [None] * 4


def test_no_grad_inside_a_model_changes_nothing():
    """Ops are recorded whether gradients are or not."""

    def frozen(x):
        with no_grad():
            return (x * 2).detach() + 1

    assert ops_of(trace(frozen, X)) == ["mul", "add"]


READS = {
    "data": (lambda x: Tensor(x.data * 2), "read"),
    "a copy": (lambda x: Tensor(x), "read"),  # noqa: PLW0108  the line that is named is this one
    "numpy": (lambda x: x.numpy(), "read"),
    "an array of it": (lambda x: Tensor(np.asarray(x)), "read"),
    "a list": (lambda x: x.tolist(), "read"),
    "an index": (lambda x: x[x], "read"),
    "a mask": (lambda x: x / (x.sum().item() + 1), "made a Python number"),
    "a float": (lambda x: x * float(x.max()), "made a Python number"),
    "a branch": (lambda x: x if x.sum() else -x, "asked whether it is true"),
    "a format": (lambda x: f"{x.sum():.2f}", "printed"),
}


@pytest.mark.parametrize(("model", "what"), READS.values(), ids=READS.keys())
def test_data_cannot_leave_the_ops(model, what):
    """The line of the model is named."""
    with pytest.raises(StateError, match=rf"one path for all data; got data that is {what} .*test_graph\.py:\d+"):
        trace(model, X)


def test_data_cannot_be_replaced():
    """An assignment is no op."""

    def model(x):
        x.data = np.zeros(3)
        return x

    with pytest.raises(StateError, match="data that is replaced"):
        trace(model, X)


def test_an_option_cannot_depend_on_data():
    """It would be the example's for ever."""
    from tinytorch.core import ops

    with pytest.raises(StateError, match="the option condition of where"):
        trace(lambda x: ops.where(x, x, condition=x), X)


def test_a_shape_may_be_read():
    """It is the same for all data of the graph's shapes."""
    graph = trace(lambda x: x.reshape(len(x) * x.shape[1], 1) / x.size + x.ndim, X)
    assert ops_of(graph) == ["reshape", "div", "add"]
    assert trace(lambda x: sum(row.sum() for row in x), X).outputs[0].shape == ()


def test_a_model_that_draws_is_found_out():
    """Two runs on the same example differ."""
    generator = np.random.default_rng(0)
    with pytest.raises(StateError, match="the model's results must be those of its graph"):
        trace(lambda x: x * generator.normal(size=4), X)


def test_a_model_that_counts_is_found_out():
    """What changes from call to call is not in the graph."""
    calls = []
    with pytest.raises(StateError, match="those of its graph"):
        trace(lambda x: calls.append(0) or x * len(calls), X)


def test_a_leak_behind_the_ops_is_found_on_the_second_example():
    """Here the model remembers the example itself, and branches on it."""
    seen = X.copy()
    leaky = lambda x: x * (1 if not hasattr(x, "array") and np.array_equal(x.data, seen) else 3)
    with pytest.raises(StateError, match="those of its graph"):
        trace(leaky, X)


def test_the_second_example_can_be_given():
    """One whose elements in reverse order are not lawful needs another."""
    graph = trace(lambda x: x.log(), [[1.0, 2.0]], check_on=[[[4.0, 8.0]]])
    assert ops_of(graph) == ["log"]
    with pytest.raises(ShapeError, match="check_on must be of the example's shapes"):
        trace(lambda x: x.log(), [[1.0, 2.0]], check_on=[[4.0, 8.0]])


def test_nan_is_the_same_as_nan():
    """An example with NaN in it can be traced."""
    assert len(trace(lambda x: x + 1, [np.nan, 1.0])) == 1


@pytest.mark.parametrize("wrong", [lambda x: None, lambda x: (), lambda x: [x, 3]], ids=["None", "()", "3"])
def test_what_a_model_returns_must_be_tensors(wrong):
    """Nothing else has a place in a graph."""
    with pytest.raises(DTypeError, match="what the model returns must be a tensor"):
        trace(wrong, X)


def test_what_is_no_model_is_refused():
    """An object without `forward` that cannot be called."""
    with pytest.raises(DTypeError, match="the model must be a function, or have forward; got object"):
        trace(object(), X)


def test_other_shapes_are_refused_by_the_graph():
    """A graph is of one set of shapes."""
    graph = trace(SimpleMLP(4, 6, 3), X)
    with pytest.raises(ShapeError, match=r"of the shapes \[\(2, 4\)\]; got \[\(1, 4\)\]"):
        graph.run(X[:1])
    with pytest.raises(ShapeError, match=r"got \[\]"):
        graph.run()


def test_a_shape_that_does_not_fit_is_explained_as_ever():
    """The trace does not hide the layer's own message."""
    with pytest.raises(ShapeError, match=r"the input of Linear\(4, 6\) must be of shape \(..., 4\); got \(2, 5\)"):
        trace(SimpleMLP(4, 6, 3), np.ones((2, 5)))


def test_a_tensor_kept_from_another_trace_is_refused():
    """Its number would be of another graph."""
    kept = []
    trace(lambda x: kept.append(x) or x * 1, X)
    with pytest.raises(StateError, match="a traced tensor must be of this trace"):
        trace(lambda x: x + next(t for t in kept if hasattr(t, "array")), X)


def test_the_table_shows_every_step():
    """Options and long keys included."""
    text = str(trace(Sequential(Linear(4, 3), Softmax()), X))
    assert text.splitlines()[0] == "x0: (2, 4) float32"
    assert "softmax  t0" in text
    assert "dim=-1" in text
    assert text.splitlines()[-1] == "returns t1"
    assert "int64(50,)" in str(trace(lambda x: x[np.zeros(50, dtype=np.int64)], X))
    assert "…" in str(trace(lambda x: x[[0] * 50], X))


def test_two_threads_trace_at_once():
    """A recording belongs to its tensors, not to the process."""
    results = {}

    def work(name, depth):
        layers = Sequential(*[Linear(4, 4) for _ in range(depth)])
        results[name] = [len(trace(layers, X)) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(f"{depth}", depth)) for depth in (2, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"2": [2] * 20, "5": [5] * 20}


def test_plain_tensors_are_never_handed_over():
    """Tracing costs those nothing who do not trace."""
    assert Tensor not in RECORDERS


def test_a_layer_of_ones_own_is_traced():
    """With parameters under the names that it gives them."""

    class Doubler(Layer):
        def __init__(self):
            self.inner = {"a": Linear(4, 2, bias=False)}

        def forward(self, x):
            return self.inner["a"](x) * 2

    assert names(trace(Doubler(), X).parameters) == ["inner.a.weight"]
