"""The passes, op by op: what they compute is what the model computes."""

import weakref

import numpy as np
import pytest

from tinytorch.core.activations import ReLU
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.spatial import LeNet
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT
from tinytorch.perf.graph import trace
from tinytorch.perf.profiling.models import trained_of
from tinytorch.perf.profiling.passes import BackwardPass, ForwardPass, needs_of
from tinytorch.perf.profiling.turns import Stopwatch
from tinytorch.perf.quantization import quantize

X = Tensor(np.random.default_rng(1).normal(size=(2, 1, 28, 28)))


def done(graph, x):
    """Do a forward pass; give all results, by name."""
    found = {}
    with no_grad():
        for (call, operands, keep), step in zip(ForwardPass(graph, [x]).calls(), graph.steps, strict=True):
            found[step.output.name] = call(*operands)
            keep(found[step.output.name])
    return found


def needs(model, x):
    """Trace, and say who needs a gradient."""
    graph = trace(model, x)
    return graph, needs_of(graph, {id(one.data) for one in trained_of(model)})


@pytest.mark.parametrize("model", [LeNet(), quantize(LeNet())], ids=["floats", "bytes"])
def test_the_last_result_is_the_models(model):
    """Ops of inference included."""
    model.eval()
    graph = trace(model, X)
    assert np.array_equal(done(graph, X)[graph.outputs[0].name].data, model(X).data)


def test_what_nobody_needs_any_more_is_let_go():
    """As in the model: the first result is gone when the third op has run."""
    graph = trace(lambda x: ((x + 1) * 2) - 3, np.ones(4))
    alive, first = [], None
    for call, operands, keep in ForwardPass(graph, [Tensor(np.ones(4))]).calls():
        result = call(*operands)
        del operands
        keep(result)
        first = first or weakref.ref(result.data)
        del result
        alive.append(first() is not None)
    assert alive == [True, True, False]


def test_a_gradient_is_needed_up_to_the_first_trained_layer():
    """The first layer needs none of its input; what goes before it needs none at all."""
    model = Sequential(Linear(2, 3), Linear(3, 1))
    _, found = needs(lambda x: model(x * 2), [[1.0, 2.0]])
    assert found == [(False, False), (False, True, True), (True, True, True)]


def test_frozen_weights_need_none():
    """But the gradient goes through them."""
    model = Sequential(Linear(2, 3), Linear(3, 1))
    model.layers[1].weight.requires_grad = False
    assert needs(model, [[1.0, 2.0]])[1] == [(False, True, True), (True, False, True)]


def test_without_anything_trained_the_input_counts():
    """An activation has a backward rule too."""
    assert needs(ReLU(), [1.0])[1] == [(True,)]


def test_ops_of_inference_leave_no_gradient():
    """Bytes are not trained."""
    graph, found = needs(quantize(Sequential(Linear(2, 2))), [[1.0, 2.0]])
    assert (graph.steps[0].op, found) == ("int8_linear", [(False,)])


def test_every_step_of_a_model_that_trains_has_a_rule_to_time(clock):
    """Each step has one, and gives the same whenever it is asked, so that it can be timed over and over."""
    model = GPT(7, 8, 1, 2, 4)
    tokens = Tensor(np.zeros((2, 3)), dtype=np.int64)
    graph, found = needs(model, tokens)
    backward = BackwardPass(graph, [tokens], found)
    assert backward.steps == list(range(len(graph)))
    for node, gradient in backward.pairs:
        once, again = node.apply(gradient), node.apply(gradient)
        assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True) if a is not None)
    assert len(backward(Stopwatch(clock))) == len(graph)
