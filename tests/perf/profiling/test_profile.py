"""`profile`: counts by hand, times by a virtual clock, and a model left as it was."""

import json

import numpy as np
import pytest

from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.ops import OPS
from tinytorch.core.spatial import Conv2d, LeNet
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT
from tinytorch.errors import StateError
from tinytorch.perf.costs import Cost, count_flops
from tinytorch.perf.profiling import Median, profile
from tinytorch.perf.quantization import quantize


def test_a_linear_layer_by_hand(conditions):
    """2 · 32 · 784 · 10 FLOPs; read are input, weights and bias, written is the result."""
    found = profile(Linear(784, 10), np.zeros((32, 784)), conditions=conditions)
    (op,) = found.ops
    assert (op.op, op.layer, op.parameters, op.shape) == ("linear", "", 7850, (32, 10))
    assert op.cost == found.cost == Cost(2 * 32 * 784 * 10, 4 * (32 * 784 + 7850), 4 * 320)
    assert (found.parameters, found.stored_bytes) == (7850, 4 * 7850)


def test_a_convolution_by_hand(conditions):
    """(2, 3, 8, 8) through six kernels of 3 x 3: 36 places each."""
    found = profile(Conv2d(3, 6, 3), np.zeros((2, 3, 8, 8)), conditions=conditions)
    results, kernel = 2 * 6 * 36, 27
    assert found.cost == Cost(2 * results * kernel, 4 * (2 * 3 * 64 + 6 * 27 + 6), 4 * results)
    assert found.backward_flops == 2 * results * kernel + results


def test_attention_by_hand(conditions):
    """Three queries and keys of width 4 in 2 sequences: 9 pairs each, 13 + 8 FLOPs a pair, and a quotient a result."""
    q, k, v = (np.zeros((2, 3, 4)) for _ in range(3))
    found = profile(OPS["attention"].call, q, k, v, conditions=conditions)
    assert found.cost == Cost(2 * 9 * (2 * 4 + 1 + 4 + 2 * 4) + 24, 3 * 96, 96)


def test_a_language_model_by_hand(conditions):
    """The linear layers of each block, and the head: `2 · rows · in · out` each, found at their own paths."""
    width, hidden, vocabulary, rows = 8, 32, 11, 2 * 5
    tokens = Tensor(np.zeros((2, 5)), dtype=np.int64)
    found = profile(GPT(vocabulary, width, 2, 2, 6), tokens, conditions=conditions)
    flops = {op.layer: op.cost.flops for op in found.ops if op.op in {"linear", "matmul"}}
    assert flops == {
        **{
            f"blocks.{block}.{path}": 2 * rows * inside * outside
            for block in (0, 1)
            for path, inside, outside in [
                *((f"attention.{name}_proj", width, width) for name in ("q", "k", "v", "out")),
                ("mlp.linear1", width, hidden),
                ("mlp.linear2", hidden, width),
            ]
        },
        "lm_head": 2 * rows * width * vocabulary,
    }
    assert found.cost.flops == count_flops(GPT(vocabulary, width, 2, 2, 6), tokens)


def test_times_are_what_the_clock_says(conditions, make_waiting_layer):
    """Forwards 100 and 300 ns, backwards three times that; the whole is their sum, and nothing lies between."""
    model = Sequential(make_waiting_layer(100), make_waiting_layer(300))
    found = profile(model, np.ones((2, 2)), conditions=conditions)
    assert [op.time for op in found.ops] == [Median(100, 100, 100), Median(300, 300, 300)]
    assert [op.backward_time.value for op in found.ops] == [300, 900]
    assert [found.share_of_time(op) for op in found.ops] == [0.25, 0.75]
    assert (found.time.value, found.recorded_time.value, found.backward_time.value) == (400, 400, 1200)
    assert found.between_ops() == found.between_rules() == Median(0, 0, 0)
    assert (found.rounds, [op.layer for op in found.ops]) == (6, ["layers.0", "layers.1"])


def test_what_no_op_accounts_for_is_between_them(clock, conditions, waiting):
    """A layer's own Python: 100 of 400 ns."""

    class Slow:
        def forward(self, x):
            clock.pass_time(100)
            return waiting(x, ns=300)

    assert profile(Slow(), np.ones(2), conditions=conditions).between_ops().value == 0.25


def test_shares_of_roofs_are_exact_on_a_virtual_clock(conditions, waiting):
    """Roofs of one nanosecond: 960 B/ns from the larger stream for 2,400 elements read and written, 20 ns of 200."""
    found = profile(lambda x: waiting(x, ns=200), np.ones(2400), conditions=conditions)
    (op,) = found.ops
    assert (op.cost.bytes_moved, found.bound(op)) == (19200, "memory")
    assert found.share_of_roof(op) == Median(0.1, 0.1, 0.1)


def test_views_are_bound_by_nothing(conditions):
    """They do nothing and move nothing."""
    found = profile(lambda x: x.reshape(4), np.ones((2, 2)), conditions=conditions)
    assert (found.bound(found.ops[0]), found.share_of_roof(found.ops[0]).value) == (None, None)


def test_allocations_are_counted_op_by_op(conditions):
    """A result of 4 MB, and at least as much at the peak; all in all, what two of them take."""
    found = profile(lambda x: (x + 1) * 2, np.ones(1_000_000), conditions=conditions)
    for op in found.ops:
        assert 4_000_000 <= op.allocation.kept <= op.allocation.peak < 4_100_000
    assert 8_000_000 <= found.whole.allocation.peak < 8_100_000


def test_the_model_is_left_as_it_was(conditions):
    """Gradients, weights, modes, and what the input carries."""
    model = Sequential(Linear(4, 3), Dropout(0.5), Linear(3, 2)).train()
    gradient = np.ones((4, 3), np.float32)
    model.layers[0].weight.grad = gradient
    before, x = model.state_dict(), Tensor(np.ones((2, 4)), requires_grad=True)
    profile(model, x, conditions=conditions)
    assert model.layers[0].weight.grad is gradient
    assert (model.layers[2].weight.grad, x.grad) == (None, None)
    assert all(np.array_equal(array, before[name]) for name, array in model.state_dict().items())
    assert [layer.training for layer in model.layers] == [True, True, True]
    assert all("forward" not in vars(layer) for layer in (model, *model.layers))


def test_without_a_gradient_there_is_no_backward_pass_and_the_reason_is_kept(conditions):
    """Bytes are not trained."""
    found = profile(quantize(Sequential(Linear(2, 2))), np.ones((1, 2)), conditions=conditions)
    assert (found.backward_time.value, found.recorded_time.value, found.backward_flops) == (None, None, 0)
    assert any("does not depend on anything that is trained" in note for note in found.notes)


def test_inside_no_grad_there_is_none_either(conditions):
    """Nobody records a graph there."""
    with no_grad():
        found = profile(Linear(2, 2), np.ones((1, 2)), conditions=conditions)
    assert (found.backward_time.value, any("no_grad" in note for note in found.notes)) == (None, True)


LAYER = Linear(2, 2)


def test_weights_that_cannot_be_found_are_not_trained(conditions):
    """A function that takes its layer from its module: a backward pass would leave gradients that nobody takes away."""
    found = profile(lambda x: LAYER(x), np.ones((1, 2)), conditions=conditions)  # noqa: PLW0108  the layer is hidden
    assert any("give the model itself" in note for note in found.notes)
    assert LAYER.weight.grad is None


def test_what_cannot_be_traced_is_refused(conditions):
    """With the reason that `trace` gives."""
    with pytest.raises(StateError, match="read in Python"):
        profile(lambda x: Tensor(x.data * 2), [1.0], conditions=conditions)


def test_the_document_keeps_the_raw_samples(conditions, make_waiting_layer):
    """And survives JSON."""
    found = profile(Sequential(make_waiting_layer(100)), np.ones(2), name="waits", conditions=conditions)
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (document["format"], document["name"], document["rounds"]) == ("tinytorch.profile.v1", "waits", 6)
    assert document["ops"][0]["forward_ns"] == {"value": 100, "low": 100, "high": 100, "durations": [100] * 6}
    assert document["layers"][1] == {"path": "layers.0", "kind": "Waits", "start": 0, "stop": 1, "depth": 1}
    assert [roof["kind"] for roof in document["roofs"]] == ["compute", "memory", "memory"]


def test_the_table_has_a_row_for_each_op(conditions):
    """Numbers to the right, a dash where there is nothing to say."""
    text = str(profile(LeNet(), np.zeros((1, 1, 28, 28)), conditions=conditions))
    head, first = text.splitlines()[4:6]
    assert (head.split()[:3], head.split()[-2:]) == (["layer", "op", "time"], ["parameters", "shape"])
    assert first.split()[:4] == ["features.layers.0", "conv2d", "1", "ns"]
    assert first.split()[-2:] == ["156", "1×6×28×28"]
    assert text.count("conv2d") == 2
    assert "product of 8 x 8" in text


def test_parameters_of_bytes_are_counted_too(conditions):
    """Weights and biases, whatever they are stored as."""
    found = profile(quantize(Sequential(Linear(4, 2))), np.ones((1, 4)), conditions=conditions)
    assert ([op.parameters for op in found.ops], found.parameters) == ([10], 10)


def test_parameters_are_counted_where_they_are_used(conditions):
    """A shared layer's are used twice, and held once."""
    shared = Linear(2, 2)
    found = profile(Sequential(shared, shared), np.ones((1, 2)), conditions=conditions)
    assert ([op.parameters for op in found.ops], found.parameters) == ([6, 6], 6)
