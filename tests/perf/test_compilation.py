"""Compiled models: the same outputs, no work that is not needed, and nothing shared with the original."""

import copy
import pickle
import re
import threading
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from contracts.checks import listed_ops
from contracts.samples import ROWS
from tinytorch.capstone import SimpleMLP
from tinytorch.core import ops
from tinytorch.core.activations import GELU, ReLU, Sigmoid, Softmax, Tanh
from tinytorch.core.attention import MultiHeadAttention
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.spatial import BatchNorm2d, Conv2d, LeNet, SimpleCNN
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT
from tinytorch.errors import DTypeError, RangeError, ShapeError, StateError
from tinytorch.perf import fusion
from tinytorch.perf.compilation import compile
from tinytorch.perf.graph import trace
from tinytorch.perf.kernels import VARIABLE, forms
from tinytorch.perf.simplification import count_uses, simplify

RNG = np.random.default_rng(0)
FORMS = forms.possible_forms()


def inputs(*shape):
    """Give float32 numbers."""
    return RNG.normal(size=shape).astype(np.float32)


@pytest.fixture(params=[FORMS[0], "numpy"] if FORMS[0] != "numpy" else ["numpy"])
def form(request, monkeypatch):
    """Give the best form of the kernels here, and the NumPy twins."""
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


def mlp(*sizes, curve=ReLU, bias=True):
    """Build a network of linear layers with a curve between them, whose biases are not 0."""
    layers = []
    for position, (a, b) in enumerate(pairwise(sizes)):
        layers += [curve()] if position else []
        layers.append(Linear(a, b, bias=bias))
        if bias:
            layers[-1].bias.data[...] = inputs(b)
    return Sequential(*layers)


def require_same(model, compiled, *arrays):
    """Compare with the model itself."""
    tensors = [Tensor(array, dtype=array.dtype) for array in arrays]
    found, expected = compiled(*tensors), model.forward(*tensors) if hasattr(model, "forward") else model(*tensors)
    assert (type(found), found.shape, found.dtype) == (Tensor, expected.shape, expected.dtype)
    assert found.data == pytest.approx(expected.data, rel=1e-5, abs=1e-5, nan_ok=True)
    assert not found.requires_grad


@pytest.mark.parametrize("row", [row for row in ROWS if row.op != "dropout"], ids=lambda row: row.name)
def test_every_op_is_compiled(row, form):
    """By enumeration: what the op gives, in either form, when called twice."""
    tensors = row.tensors("float32")
    compiled = compile(row, *tensors)
    for _ in range(2):
        found = compiled(*tensors)
        expected = row(*tensors)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        assert found.data == pytest.approx(expected.data, rel=2e-5, abs=1e-6)


def test_the_enumeration_covers_every_op():
    """Dropout is never in inference."""
    assert {row.op for row in ROWS} == set(listed_ops())


SIZES = [(10, 20, 3), (64, 128, 10), (5, 1), (1, 7, 1), (33, 65, 17, 129, 2), (16, 16, 16)]


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 6, 7, 13, 96, 97, 200])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_networks_of_all_sizes_agree(sizes, rows, form):
    """Rows and columns that do and do not fill a tile."""
    model = mlp(*sizes)
    x = inputs(rows, sizes[0])
    require_same(model, compile(model, x), x)


@pytest.mark.parametrize("curve", [ReLU, Sigmoid, Tanh, GELU])
@pytest.mark.parametrize("bias", [True, False])
def test_activations_are_fused(curve, bias, form):
    """Large and small arguments, on both sides of 0."""
    model = Sequential(*mlp(4, 9, curve=curve, bias=bias), curve())
    for scale in (1, 30, 1000):
        x = inputs(5, 4) * np.float32(scale)
        require_same(model, compile(model, x), x)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("curve", [ReLU, Sigmoid, Tanh, GELU])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_what_is_no_number_stays_none(curve, bad, form):
    """NaN does not come out as 0."""
    model = Sequential(*mlp(3, 4, curve=curve), curve())
    x = inputs(2, 3)
    compiled = compile(model, x)
    x[0, 1] = bad
    found, expected = compiled(x), model(Tensor(x)).data
    assert np.array_equal(np.isnan(found), np.isnan(expected)) or (curve is GELU and not np.isnan(found[1]).any())
    assert found[1] == pytest.approx(expected[1], abs=1e-5)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4), (2, 1, 3, 4), (0, 4)], ids=str)
def test_leading_axes_are_kept(shape, form):
    """None, several, and an empty batch."""
    model = mlp(4, 6, 3)
    x = inputs(*shape)
    require_same(model, compile(model, x), x)


def test_a_whole_network_is_one_task():
    """Linear layers and their activations, in one call of one kernel."""
    model = Sequential(*mlp(4, 6, 5, 3), Softmax())
    plan = compile(model, inputs(2, 4)).plan()
    expected = ["linear+relu+linear+relu+linear", "softmax"]
    if FORMS[0] == "numpy":
        expected = [*expected[0].split("+"), "softmax"]
    assert [task.name for task in plan.tasks] == expected


def test_an_array_that_others_read_ends_a_chain(form):
    """A residual connection, and a model that returns its hidden units too."""
    first, second = Linear(4, 4), Linear(4, 4)
    residual = lambda x: second(first(x).tanh() if hasattr(x, "tanh") else ops.tanh(first(x))) + first(x)
    x = inputs(3, 4)
    require_same(residual, compile(residual, x), x)
    both = compile(lambda x: (ops.relu(first(x)), second(ops.relu(first(x)))), x)
    hidden, out = both(Tensor(x))
    assert hidden.data == pytest.approx(np.maximum(first(Tensor(x)).data, 0), abs=1e-5)
    assert out.data == pytest.approx(second(hidden).data, abs=1e-5)


def test_a_product_and_a_row_become_a_linear_step():
    """Written out by hand, it costs no more."""
    w, b = Tensor(inputs(4, 3), requires_grad=True), Tensor(inputs(3), requires_grad=True)
    for model in (lambda x: x @ w + b, lambda x: b + x @ w):
        graph = simplify(trace(model, inputs(2, 4)))
        assert [step.op for step in graph.steps] == ["linear"]
        x = inputs(2, 4)
        require_same(model, compile(model, x), x)
    wide = Tensor(inputs(2, 3))
    assert len(simplify(trace(lambda x: x @ w + wide, inputs(2, 4))).steps) == 2


IDLE = {
    "a reshape to the same shape": lambda x: x.reshape(2, 6) + 1,
    "a chain of reshapes": lambda x: x.reshape(3, 4).reshape(12).reshape(2, 6) + 1,
    "two transposes": lambda x: x.transpose().transpose() + 1,
    "permutes that undo each other": lambda x: x.reshape(1, 2, 6).permute(2, 0, 1).permute(1, 2, 0).reshape(2, 6) + 1,
    "the same kind of number": lambda x: x.astype("float32") + 1,
    "a broadcast to the same shape": lambda x: x.broadcast_to((2, 6)) + 1,
    "a clip without limits": lambda x: x.clip() + 1,
    "dropout of nothing": lambda x: ops.dropout(x, p=0) + 1,
    "what nobody takes": lambda x: (x.exp(), x + 1)[1],
    "one array joined": lambda x: ops.concatenate(x) + 1,
}


@pytest.mark.parametrize("model", IDLE.values(), ids=IDLE.keys())
def test_idle_steps_are_dropped(model, form):
    """What is left is the addition."""
    x = inputs(2, 6)
    assert [step.op for step in simplify(trace(model, x)).steps] == ["add"]
    require_same(model, compile(model, x), x)


def test_dropout_in_a_model_is_no_step():
    """Though the model is in training mode, in which it stays."""
    model = Sequential(Linear(4, 3), Dropout(0.5))
    compiled = compile(model, inputs(2, 4))
    assert [step.op for step in compiled.plan().graph.steps] == ["linear"]
    assert model.layers[1].training


def normalized(*layers):
    """Build a network whose batch normalizations have moments and weights of their own."""
    model = Sequential(*layers)
    for layer in model:
        if isinstance(layer, BatchNorm2d):
            layer.running_mean[...] = RNG.normal(size=layer.num_features)
            layer.running_var[...] = RNG.uniform(0.5, 2, layer.num_features)
            layer.gamma.data[...] = RNG.normal(size=layer.num_features)
            layer.beta.data[...] = RNG.normal(size=layer.num_features)
    return model.eval()


@pytest.mark.parametrize("bias", [True, False])
def test_batch_normalization_is_folded_into_the_convolution(bias, form):
    """Its own step is gone, the convolution has a bias, and the model's weights are as they were."""
    model = normalized(Conv2d(2, 3, 3, padding=1, bias=bias), BatchNorm2d(3), ReLU())
    x = inputs(2, 2, 5, 5)
    before = model.layers[0].weight.data.copy()
    assert [step.op for step in simplify(trace(model, x)).steps] == ["conv2d", "relu"]
    require_same(model, compile(model, x), x)
    assert np.array_equal(model.layers[0].weight.data, before)


@pytest.mark.parametrize("bias", [True, False])
def test_batch_normalization_is_folded_into_a_linear_step(bias, form):
    """Of rows; then the whole is one task."""
    layer = Linear(4, 3, bias=bias)
    moments = {"mean": inputs(3), "variance": np.abs(inputs(3)) + 1}
    gamma, beta = Tensor(inputs(3)), Tensor(inputs(3))
    model = lambda x: ops.relu(ops.batch_norm(layer(x), gamma, beta, **moments))
    x = inputs(5, 4)
    assert [step.op for step in simplify(trace(model, x)).steps] == ["linear", "relu"]
    require_same(model, compile(model, x), x)


def test_batch_normalization_stays_where_it_cannot_be_folded(form):
    """After a pool, a convolution that others read, a linear step on more axes; and with moments of the batch."""
    conv, norm = Conv2d(2, 2, 1), normalized(BatchNorm2d(2))
    gamma, beta = Tensor(inputs(3)), Tensor(inputs(3))
    moments = {"mean": inputs(3), "variance": np.abs(inputs(3)) + 1}
    layer = Linear(4, 4)
    models = {
        lambda x: norm(ops.max_pool2d(x, kernel_size=2)): inputs(2, 2, 4, 4),
        lambda x: norm(y := conv(x)) + y: inputs(2, 2, 4, 4),
        lambda x: ops.batch_norm(layer(x), gamma, beta, **moments): inputs(2, 3, 4),
        lambda x: ops.batch_norm(conv(x), Tensor(gamma.data[:2]), Tensor(beta.data[:2])): inputs(2, 2, 4, 4),
    }
    for model, x in models.items():
        assert "batch_norm" in [step.op for step in simplify(trace(model, x)).steps]
        require_same(model, compile(model, x), x)


def test_networks_of_images_and_of_words_are_compiled(form):
    """Convolution, pooling and flattening; embeddings, attention and layer norm."""
    for model, x in ((LeNet().eval(), inputs(2, 1, 28, 28)), (SimpleCNN().eval(), inputs(2, 3, 16, 16))):
        require_same(model, compile(model, x), x)
    model = GPT(20, 16, 2, 2, max_seq_len=12).eval()
    tokens = RNG.integers(0, 20, (2, 8)).astype(np.float32)
    require_same(model, compile(model, tokens), tokens)


@pytest.mark.parametrize("curve", [None, ReLU, GELU])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(1, 1, 0), (3, 1, 1), ((2, 3), 1, 0), (3, 2, 1), (5, 3, 2), (3, 1, 3)], ids=str
)
def test_convolutions_of_all_kinds_agree(kernel, stride, padding, curve, form):
    """With strides, with windows beyond the border, with and without an activation."""
    layer = Conv2d(3, 17, kernel, stride=stride, padding=padding)
    layer.bias.data[...] = inputs(17)
    model = Sequential(layer, curve()) if curve else layer
    x = inputs(2, 3, 12, 11)
    compiled = compile(model, x)
    for each in (x, inputs(2, 3, 12, 11)):
        require_same(model, compiled, each)
    if form != "numpy":
        assert len(compiled.plan().tasks) == 1
        assert compiled.plan().allocating == ()


POOLS = [
    lambda x: ops.max_pool2d(x, kernel_size=2),
    lambda x: ops.avg_pool2d(x, kernel_size=(2, 3), stride=1),
    lambda x: ops.max_pool2d(x, kernel_size=3, stride=2),
    lambda x: ops.avg_pool2d(x, kernel_size=2, padding=1),
    lambda x: ops.max_pool2d(x, kernel_size=2, stride=1, padding=1),
]


@pytest.mark.parametrize("pool", POOLS)
def test_pools_of_all_kinds_agree(pool, form):
    """With windows that overlap, that leave a border out, and with padding."""
    x = inputs(2, 3, 7, 8)
    require_same(pool, compile(pool, x), x)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("queries", [1, 5])
def test_attention_agrees(causal, queries, form):
    """A block of queries or one, that see all keys or those up to their own."""
    q, k, v = inputs(2, 3, queries, 4), inputs(2, 3, 5, 4), inputs(2, 3, 5, 6)
    model = lambda q, k, v: ops.attention(q, k, v, causal=causal)
    compiled = compile(model, q, k, v)
    require_same(model, compiled, q, k, v)
    assert compiled.plan().allocating == ()


def test_attention_that_hides_or_is_large_runs_as_it_is(form):
    """With a mask, with stretched axes, and with more scores than should stand in memory at once."""
    mask = np.array([[True, False], [False, False]])
    x = inputs(2, 2, 4)
    hiding = lambda x: ops.attention(x, x, x, mask=mask)
    require_same(hiding, compile(hiding, x), x)
    stretched = lambda x: ops.attention(x, x[0], x[0])
    require_same(stretched, compile(stretched, x), x)
    large = lambda x: ops.attention(x, x, x, causal=True)
    x = inputs(1100, 4)
    compiled = compile(large, x)
    assert compiled.plan().allocating == ("attention",)
    require_same(large, compiled, x)


@pytest.mark.parametrize("bad", [5, -1, 0.5, np.nan])
def test_an_index_beyond_the_table_is_refused_as_ever(bad, form):
    """The plan checks what the op checks."""
    table = Tensor(inputs(5, 3))
    model = lambda x: ops.embedding(table, x)
    compiled = compile(model, np.float32([0, 4]))
    with pytest.raises((RangeError, DTypeError)):
        model(Tensor([0, bad]))
    with pytest.raises((RangeError, DTypeError)):
        compiled(np.float32([0, bad]))
    require_same(model, compiled, np.float32([3, 1]))


def test_a_language_model_allocates_its_logits_and_nothing_else(form):
    """Embeddings, layer norm, attention and perceptrons work in buffers."""
    model = GPT(64, 64, 2, 4, max_seq_len=64).eval()
    tokens = RNG.integers(0, 64, (4, 64)).astype(np.float32)
    compiled = compile(model, tokens)
    assert compiled.plan().allocating == ()
    assert held_by(lambda: compiled(tokens)) < 4 * 64 * 64 * 4 + ITERATION_BUFFER


def test_views_are_of_the_right_memory(form):
    """Of inputs, constants and buffers; through each other; and copied where no view exists."""
    constant = inputs(6, 4)
    models = [
        lambda x: x.transpose().reshape(4, 6) + 1,
        lambda x: (x + 1).transpose().reshape(4, 6)[1:, ::2].sum(axis=0),
        lambda x: (x * 2)[0].broadcast_to((3, 6)).transpose() @ Tensor(constant[:3]),
        lambda x: (x + Tensor(constant).transpose()).reshape(24),
        lambda x: x,
        lambda x: x.transpose(),
        lambda x: (x + 1).transpose(),
        lambda x: Linear(4, 2, bias=False)(x.transpose()) * 0,
        lambda x: (x + 1)[2, 3] * x[0, 0],
    ]
    x = inputs(4, 6)
    for model in models:
        require_same(model, compile(model, x), x)


def test_a_strided_operand_of_a_linear_layer(form):
    """A transposed view is made whole first."""
    layer = Linear(4, 3)
    x = inputs(4, 5)
    model = lambda x: layer((x + 1).transpose())
    require_same(model, compile(model, x), x)


def test_inputs_may_be_strided(form):
    """A transposed array and one of every second element are read right."""
    model = mlp(4, 3)
    compiled = compile(model, inputs(5, 4))
    for x in (inputs(4, 5).T, inputs(10, 8)[::2, ::2], np.asfortranarray(inputs(5, 4))):
        assert compiled(x) == pytest.approx(model(Tensor(x)).data, abs=1e-5)


def random_model(seed):
    """Make a function of (4, 4) arrays out of random ops, in which old results are used again late."""
    rng = np.random.default_rng(seed)
    unary = [ops.relu, ops.sigmoid, ops.tanh, ops.gelu, ops.neg, ops.abs, ops.softmax, ops.transpose, ops.log_softmax]
    unary += [
        lambda x: ops.relu(x.transpose().reshape(2, 8)).reshape(4, 4),
        lambda x: x.reshape(2, 2, 4).permute(1, 2, 0).reshape(8, 2).transpose().reshape(4, 4),
        lambda x: x[1:3].broadcast_to((2, 2, 4)).reshape(4, 4),
    ]
    binary = [ops.add, ops.sub, ops.mul, ops.maximum, ops.matmul]
    layers = [Linear(4, 4) for _ in range(3)]
    program = [(int(rng.integers(3)), int(rng.integers(100)), rng.random(2)) for _ in range(25)]

    def model(x):
        known = [x]
        for kind, which, at in program:
            a, b = (known[int(share * len(known))] for share in at)
            if kind == 0:
                known.append(unary[which % len(unary)](a))
            elif kind == 1:
                known.append(ops.clip(binary[which % len(binary)](a, b), low=-3, high=3))
            else:
                known.append(layers[which % 3](a))
        return known[-1], known[len(known) // 2]

    return model


@pytest.mark.parametrize("seed", range(40))
def test_buffers_are_shared_without_harm(seed, form):
    """Random graphs, each called on two inputs in turn, give what the model gives."""
    model = random_model(seed)
    first, second = inputs(4, 4), inputs(4, 4)
    compiled = compile(model, first)
    for x in (second, first, second):
        for found, expected in zip(compiled(Tensor(x)), model(Tensor(x)), strict=True):
            assert found.data == pytest.approx(expected.data, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_no_kernel_writes_where_it_reads(seed, form, monkeypatch):
    """By the addresses of what each line names, where no kernel may work in place."""
    monkeypatch.setattr(fusion.arrays, "ELEMENTWISE", set())
    for model, x in ((random_model(seed), inputs(4, 4)), (MultiHeadAttention(8, 2).eval(), inputs(2, 3, 8))):
        plan = compile(model, x).plan()
        names = {}
        for name, make in plan.makers.items():
            names[name] = make(names)
        for line in plan.source.splitlines()[1:]:
            *operands, target = (names.get(name) for name in re.findall(r"\w+", line) if name != "out")
            arrays = [array for array in operands if isinstance(array, np.ndarray)]
            shared = target is not None and any(np.may_share_memory(array, target) for array in arrays)
            assert not shared, f"{line}\n{plan.source}"


def test_buffers_are_used_again():
    """A chain of ten steps on one shape needs one buffer, and none for the result."""

    def model(x):
        for _ in range(5):
            x = x.exp().log()
        return x + 1

    plan = compile(model, inputs(8, 8)).plan()
    assert plan.buffers == (256,)
    assert len(plan.tasks) == 11


def held_by(call):
    """Measure the most bytes held beyond those before, once warm."""
    call()
    tracemalloc.start()
    try:
        call()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


STEADY = {
    "a network": lambda: mlp(256, 512, 512, 256),
    "a network with curves": lambda: Sequential(*mlp(256, 512, 256, curve=GELU), Softmax()),
    "elementwise": lambda: lambda x: ((x * 2 + 1).exp() / 3 - x).mean(axis=1, keepdims=True) * x,
    "shapes": lambda: lambda x: ops.concatenate(x.transpose(), (x + 1).transpose(), axis=0).reshape(-1, 64),
}
ITERATION_BUFFER = 40_000  # what NumPy itself takes for a moment where it broadcasts, however large the arrays are


@pytest.mark.parametrize("make", STEADY.values(), ids=STEADY.keys())
def test_a_call_allocates_its_result_and_nothing_else(make, form):
    """At steady state, with arrays of a quarter of a megabyte and more."""
    x = inputs(256, 256)
    compiled = compile(make(), x)
    assert compiled.plan().allocating == ()
    size = compiled(x).nbytes
    assert held_by(lambda: compiled(x)) < size + ITERATION_BUFFER


@pytest.mark.skipif(FORMS[0] == "numpy", reason="needs Numba")
def test_a_fused_network_allocates_its_result_to_the_byte():
    """And two objects: the array and the tensor."""
    model = mlp(64, 256, 256, 64)
    x = Tensor(inputs(64, 64))
    compiled = compile(model, x)
    assert held_by(lambda: compiled(x)) < 64 * 64 * 4 + 500


def test_tasks_that_allocate_are_named():
    """An op without a kernel of its own is right, and not silent about it."""
    index = np.array([2, 0])
    compiled = compile(lambda x: x[index] + 1, inputs(3, 4))
    assert compiled.plan().allocating == ("slice",)


def test_a_result_is_never_overwritten():
    """Each call gives memory of its own, also where the model returns an input or a view."""
    for model in (mlp(4, 3), lambda x: x, lambda x: (x + 1).transpose(), lambda x: x.reshape(-1)):
        compiled = compile(model, inputs(2, 4))
        x = inputs(2, 4)
        first = compiled(x)
        kept = first.copy()
        compiled(inputs(2, 4))
        x += 1
        assert np.array_equal(first, kept)
        assert not np.shares_memory(first, x)


def test_the_original_is_left_alone_and_not_followed():
    """Weights are those of the moment; the model's own mode, arrays and gradients stay."""
    model = mlp(4, 6, 3)
    x = inputs(2, 4)
    compiled = compile(model, x)
    expected = model(Tensor(x)).data
    for parameter in model.parameters():
        assert parameter.grad is None
        parameter.data += 1
    assert compiled(x) == pytest.approx(expected, abs=1e-5)
    assert compiled(inputs(5, 4)).shape == (5, 3)
    more = inputs(5, 4)
    assert compiled(more) != pytest.approx(model(Tensor(more)).data, abs=1e-3)


def test_other_shapes_are_compiled_once_each():
    """And told apart in the counts."""
    model = mlp(4, 6, 3)
    compiled = compile(model, inputs(2, 4))
    for rows in (2, 7, 2, 7, 1):
        x = inputs(rows, 4)
        require_same(model, compiled, x)
    assert (compiled.stats.planned, compiled.stats.compiled, compiled.stats.eager) == (5, 3, 0)
    assert repr(compiled) == "CompiledModel((2, 4) float32, (7, 4) float32, (1, 4) float32)"
    assert compiled.plan(inputs(7, 4)).graph.inputs[0].shape == (7, 4)


def test_plans_are_not_hoarded():
    """Past sixteen, the model itself runs."""
    model = mlp(4, 3)
    compiled = compile(model, inputs(1, 4))
    for rows in range(1, 20):
        x = inputs(rows, 4)
        require_same(model, compiled, x)
    assert (compiled.stats.compiled, compiled.stats.eager) == (16, 3)


def test_other_shapes_can_run_the_model_itself():
    """With the weights of the moment of compiling, dropout off."""
    model = Sequential(Linear(4, 3), Dropout(0.5))
    compiled = compile(model, inputs(2, 4), other_shapes="eager")
    x = inputs(5, 4)
    expected = model.layers[0](Tensor(x)).data
    model.layers[0].weight.data += 1
    assert compiled(x) == pytest.approx(expected, abs=1e-6)
    assert isinstance(compiled(Tensor(x)), Tensor)
    assert (compiled.stats.compiled, compiled.stats.eager) == (1, 2)


def test_other_shapes_can_be_refused():
    """Then no copy of the model is kept."""
    compiled = compile(mlp(4, 3), inputs(2, 4), other_shapes="refuse")
    with pytest.raises(ShapeError, match=r"of the shapes \(2, 4\) float32; got \(5, 4\) float32"):
        compiled(inputs(5, 4))
    assert {name.split(".")[0] for name in compiled.state_dict()} == {"plan0"}


def test_another_kind_of_number_is_another_plan():
    """float64 in, float64 out, in full precision."""
    model = lambda x: x * x + 1
    compiled = compile(model, inputs(3))
    x = RNG.normal(size=3)
    assert compiled(x).dtype == np.float64
    assert compiled(x) == pytest.approx(x * x + 1, rel=1e-14)


def test_what_cannot_be_compiled_is_refused():
    """A typing error in the mode, and no example."""
    with pytest.raises(RangeError, match="other_shapes must be one of compile, eager, refuse; got retry"):
        compile(mlp(4, 3), inputs(1, 4), other_shapes="retry")
    with pytest.raises(RangeError, match="the example must be at least one input"):
        compile(mlp(4, 3))
    with pytest.raises(ShapeError, match="of shapes that were compiled"):
        compile(mlp(4, 3), inputs(1, 4)).plan(inputs(9, 4))


def test_wrong_features_are_refused_as_ever():
    """By the layer, when it is traced for them."""
    with pytest.raises(ShapeError, match=r"the input of Linear\(4, 3\)"):
        compile(mlp(4, 3), inputs(1, 4))(inputs(1, 5))


def test_several_inputs_and_outputs():
    """Arrays in, arrays out; a tensor among them makes all of them tensors."""
    compiled = compile(lambda a, b: (a + b, a * b), inputs(2, 3), inputs(3))
    a, b = inputs(2, 3), inputs(3)
    total, product = compiled(a, b)
    assert (type(total), type(product)) == (np.ndarray, np.ndarray)
    assert np.array_equal(total, a + b)
    assert np.array_equal(product, a * b)
    assert all(isinstance(found, Tensor) for found in compiled(Tensor(a), b))


def test_threads_share_a_compiled_model():
    """Each gets the results of its own input."""
    model = Sequential(*mlp(32, 64, 32, curve=Tanh), Softmax())
    compiled = compile(model, inputs(4, 32))
    wrong = []

    def work(seed):
        x = np.random.default_rng(seed).normal(size=(4, 32)).astype(np.float32)
        expected = model(Tensor(x)).data
        wrong.extend(seed for _ in range(100) if not np.allclose(compiled(x), expected, atol=1e-5))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_large_products_are_left_to_a_library_of_several_threads(monkeypatch):
    """One thread of ours against all of theirs."""
    steps = trace(Linear(1024, 1024), np.zeros((64, 1024), np.float32)).steps
    for threads, left in [(1, False), (4, True)]:
        monkeypatch.setattr(fusion, "threadpool_info", lambda n=threads: [{"num_threads": n}])
        assert fusion._is_for_blas(list(steps)) == left


def test_a_failed_call_leaves_the_model_usable():
    """A target out of range is refused, and the next call is right."""
    compiled = compile(ops.cross_entropy, inputs(2, 3), np.array([0, 1]))
    x, y = inputs(2, 3), np.array([0, 7])
    with pytest.raises(RangeError):
        compiled(x, y)
    y[1] = 2
    assert compiled(x, y) == pytest.approx(ops.cross_entropy(Tensor(x), Tensor(y)).data, abs=1e-6)


def test_uses_are_counted_by_step_and_caller():
    """An array that is returned and used is used twice."""
    graph = trace(lambda x: ((y := x + 1), y * y), inputs(2))
    assert count_uses(graph)[graph.steps[0].output] == 3


def test_a_compiled_model_shows_its_arrays_and_no_parameters():
    """It is not trained; what it holds is counted."""
    compiled = compile(SimpleMLP(4, 6, 3), inputs(1, 4))
    assert compiled.parameters() == []
    assert sum(array.nbytes for array in compiled.state_dict().values()) >= 2 * 4 * (4 * 6 + 6 + 6 * 3 + 3)


def test_a_compiled_model_can_be_copied_and_sent():
    """It is compiled anew from the copy of the model that it kept."""
    compiled = compile(SimpleMLP(4, 6, 3), inputs(2, 4))
    compiled(inputs(5, 4))
    x = inputs(2, 4)
    for other in (copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):  # noqa: S301  our own bytes
        assert other(x) == pytest.approx(compiled(x), abs=1e-6)
        assert other.stats.compiled == 1
    with pytest.raises(StateError, match="one that kept its model"):
        copy.copy(compile(SimpleMLP(4, 6, 3), x, other_shapes="refuse"))


def test_the_plan_can_be_read():
    """Its lines, and what the buffers save."""
    text = str(compile(lambda x: (x + 1).exp() * x, inputs(4)).plan())
    assert text.startswith("3 tasks, 1 buffers of 16 bytes for 48 bytes\ndef run(i0, o0):")
