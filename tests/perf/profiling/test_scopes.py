"""Which layer did which op."""

import numpy as np
import pytest

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT
from tinytorch.errors import StateError
from tinytorch.perf.profiling.scopes import parts_of, trace_scopes

TOKENS = Tensor(np.zeros((1, 3)), dtype=np.int64)


def test_every_op_of_a_language_model_has_its_layer():
    """The layers' own paths, as `named_parameters` has them; what a block adds is the block's own."""
    graph, scopes = trace_scopes(GPT(7, 8, 1, 2, 4), TOKENS)
    assert (scopes[0].path, scopes[0].start, scopes[0].stop) == ("", 0, len(graph))
    mlp = next(scope for scope in scopes if scope.path == "blocks.0.mlp")
    assert [step.op for step in graph.steps[mlp.start : mlp.stop]] == ["linear", "gelu", "linear"]
    assert {scope.path: scope.kind for scope in scopes}["blocks.0.attention.q_proj"] == "Linear"


def test_scopes_lie_inside_each_other():
    """A call that began later and deeper ends no later."""
    _, scopes = trace_scopes(GPT(7, 8, 2, 2, 4), TOKENS)
    for inner in scopes:
        around = [one for one in scopes if one.depth == inner.depth - 1 and one.start <= inner.start < one.stop]
        assert [one.stop >= inner.stop for one in around] == [True] * (inner.depth > 0)


def test_a_layer_that_does_nothing_has_no_scope():
    """Dropout is idle in inference."""
    _, scopes = trace_scopes(Sequential(Linear(2, 2), Dropout(0.5)), [[1.0, 2.0]])
    assert [scope.path for scope in scopes] == ["", "layers.0"]


def test_a_layer_called_twice_has_two_scopes():
    """At one path."""
    shared = Linear(2, 2)
    _, scopes = trace_scopes(Sequential(shared, ReLU(), shared), [[1.0, 2.0]])
    assert [(scope.path, scope.start) for scope in scopes if scope.kind == "Linear"] == [
        ("layers.0", 0),
        ("layers.0", 2),
    ]


def test_what_a_function_holds_is_found():
    """A closure's model has its layers watched too."""
    model = Sequential(Linear(2, 2))
    _, scopes = trace_scopes(lambda x: model(x) * 2, [[1.0, 2.0]])
    assert [scope.kind for scope in scopes] == ["Sequential", "Linear"]


def test_models_of_other_makes_are_watched():
    """Whatever has `forward`, in lists and dictionaries too."""

    class Plain:
        def __init__(self):
            self.parts = {"first": [Linear(2, 2)]}

        def forward(self, x):
            return self.parts["first"][0].forward(x)

    plain = Plain()
    assert [path for path, _ in parts_of(plain)] == ["", "parts.first.0"]
    _, scopes = trace_scopes(plain, [[1.0, 2.0]])
    assert [scope.path for scope in scopes] == ["", "parts.first.0"]


def test_the_layers_are_left_as_they_were():
    """Also after a trace that was refused, and with a `forward` of their own."""

    class Refused(Layer):
        def __init__(self):
            self.linear = Linear(2, 2)

        def forward(self, x):
            return self.linear(x) * float(x.data.sum())

    model = Refused()
    own = model.linear.forward = model.linear.forward
    with pytest.raises(StateError, match="read in Python"):
        trace_scopes(model, [[1.0, 2.0]])
    assert ("forward" in vars(model), vars(model.linear)["forward"] is own) == (False, True)
