"""Sparse storage: pruned layers that are smaller in memory and in the file, and compute the same."""

import copy
import pickle

import numpy as np
import pytest

from tinytorch.benchmarking import stored_bytes
from tinytorch.core.activations import GELU, ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT
from tinytorch.errors import DTypeError, RangeError, ShapeError
from tinytorch.perf import TECHNIQUES, compile, prune, quantize, remove_hidden_units, sparsify
from tinytorch.perf.compression import SparseLinear
from tinytorch.perf.costs import graph_cost
from tinytorch.perf.graph import trace
from tinytorch.perf.kernels import VARIABLE, forms

RNG = np.random.default_rng(0)
CHECK = TECHNIQUES["store.sparse.v1"].check


@pytest.fixture(params=["plain", "numpy"] if forms.has_numba() else ["numpy"])
def form(request, monkeypatch):
    """Give the compiled kernel and its twin."""
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


def tensor(*shape):
    """Draw an input."""
    return Tensor(RNG.normal(size=shape))


def network():
    """Build three layers, the last of which is too small to be worth it."""
    return Sequential(Linear(70, 50), ReLU(), Linear(50, 40, bias=False), GELU(), Linear(40, 1))


def test_a_sparse_layer_computes_what_the_pruned_one_does(form):
    """Any number of leading axes, none included; as int8 to half a step of each weight."""
    layer = prune(Linear(70, 50), 0.9)
    layer.bias.data[...] = RNG.normal(size=50)
    for x in (tensor(70), tensor(3, 70), tensor(2, 9, 70), tensor(0, 70)):
        expected = layer(x).data
        assert SparseLinear.of(layer)(x).data == pytest.approx(expected, abs=1e-5)
        assert SparseLinear.of(layer, "int8")(x).data == pytest.approx(expected, abs=0.05)
    assert np.array_equal(SparseLinear.of(layer).dense(), layer.weight.data)


def test_bytes_are_those_of_what_is_held(tmp_path):
    """In memory, as counted, and in the file: a value and a gap an entry, the starts and the biases."""
    layer = prune(Linear(256, 128), 0.9)
    sparse, count = SparseLinear.of(layer), np.count_nonzero(layer.weight.data)
    assert count == sparse.count
    assert sparse.stored_bytes() == stored_bytes(sparse) == 5 * count + 4 * 129 + 4 * 128
    sparse.save(tmp_path / "sparse")
    assert (tmp_path / "sparse").stat().st_size < sparse.stored_bytes() + 1000
    assert SparseLinear.of(layer, "int8").stored_bytes() <= 2 * count + 4 * 129 + 8 * 128


@pytest.mark.parametrize(("kind", "dense", "sparse"), [("float32", 0.2, 0.25), ("int8", 0.5, 0.55)])
def test_a_layer_becomes_sparse_from_the_share_on_that_pays(kind, dense, sparse):
    """A fifth of zeros beside float32, half of them beside int8, and a little for the starts of columns."""
    model = Sequential(Linear(400, 300))
    assert isinstance(sparsify(prune(model, sparse), kind)[0], SparseLinear)
    with pytest.raises(DTypeError, match="a Linear layer which takes fewer bytes without its zeros; got Sequential"):
        sparsify(prune(model, dense), kind)


def test_each_layer_is_weighed_by_itself():
    """One that would not be smaller stays dense, and can still be trained or quantized."""
    model = network()
    magnitudes = prune(model[0], 0.9)
    model.layers[0] = magnitudes
    smaller = sparsify(model)
    assert [type(layer).__name__ for layer in smaller if hasattr(layer, "in_features")] == [
        "SparseLinear",
        "Linear",
        "Linear",
    ]
    assert stored_bytes(smaller) < stored_bytes(model)
    assert isinstance(model[0], Linear)
    both = quantize(sparsify(model, "int8"))
    assert repr(both[0]).startswith("SparseLinear(70, 50")
    assert repr(both[2]).startswith("QuantizedLinear(50, 40")
    x = tensor(5, 70)
    assert both(x).data == pytest.approx(model(x).data, abs=0.1)


def test_pruned_sparse_and_whole_numbers_multiply():
    """A tenth of the weights in two bytes each, for all of them in four: nearly twenty times."""
    model = Sequential(Linear(784, 512), ReLU(), Linear(512, 256), ReLU(), Linear(256, 10))
    pruned = prune(model, 0.9)
    assert stored_bytes(model) / stored_bytes(sparsify(pruned)) > 7.5
    assert stored_bytes(model) / stored_bytes(sparsify(pruned, "int8")) > 17


def test_a_whole_chain_keeps_every_claim():
    """Fewer units, then zeros, then none of them: each check holds of the last model beside the first."""
    model = Sequential(Linear(64, 96), ReLU(), Linear(96, 64), ReLU(), Linear(64, 10))
    last = sparsify(prune(remove_hidden_units(model, 0.5), 0.8), "int8")
    assert CHECK(last, model, kind="int8") == []
    assert TECHNIQUES["prune.units.v1"].check(last, model, keep_ratio=0.5) == []


def test_a_layer_and_its_activation_are_one_task(form):
    """Compiled, a call allocates nothing; batches of all shapes."""
    sparse = sparsify(prune(network(), 0.85))
    for shape in ((1, 70), (6, 70), (2, 7, 70)):
        x = tensor(*shape)
        compiled = compile(sparse, x)
        for _ in range(2):
            assert compiled(x).data == pytest.approx(sparse(x).data, rel=1e-4, abs=1e-5)
        assert TECHNIQUES["compile.v1"].check(compiled, sparse) == []
    if form != "numpy":
        assert [task.name for task in compiled.plan().tasks][:2] == ["sparse_linear+relu", "sparse_linear+gelu"]
        assert compiled.plan().allocating == ()


def test_a_compiled_sparse_layer_takes_doubles():
    """They are computed as float32, as by itself."""
    sparse, x = sparsify(prune(Linear(70, 50), 0.9)), Tensor(RNG.normal(size=(2, 70)), dtype=np.float64)
    assert compile(sparse, x)(x).data == pytest.approx(sparse(x).data, abs=1e-5)


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_a_language_model_can_be_sparse(kind, form):
    """With a cache and without, the tied head and the embeddings as they were."""
    model = prune(GPT(50, 32, 2, 2, 16, tie_weights=True).eval(), 0.8)
    sparse, tokens = sparsify(model, kind), Tensor(RNG.integers(0, 50, (2, 9)))
    assert sum(isinstance(layer, SparseLinear) for block in sparse.blocks for layer in vars(block.mlp).values()) == 4
    assert sparse(tokens).data == pytest.approx(model(tokens).data, abs=1e-4 if kind == "float32" else 0.2)
    assert sparse.generate([[1, 2, 3]], 3).shape == (1, 6)
    if kind == "float32":
        assert np.array_equal(
            sparse.generate([[1, 2, 3]], 5, temperature=0).data, model.generate([[1, 2, 3]], 5, temperature=0).data
        )


def test_state_comes_back_from_a_file_and_a_copy(tmp_path):
    """Bit for bit; a file of another pattern is refused, and so are entries outside."""
    model = sparsify(prune(network(), 0.8))
    other = copy.deepcopy(model)
    for layer in (other[0], other[2]):
        layer.values *= -2
    x = tensor(3, 70)
    model.save(tmp_path / "weights")
    other.load(tmp_path / "weights")
    for again in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301  our own bytes
        assert np.array_equal(again(x).data, model(x).data)
    with pytest.raises(ShapeError, match=r"layers\.0\.values"):
        sparsify(prune(network(), 0.7)).load(tmp_path / "weights")
    state = model.state_dict()
    state["layers.0.gaps"][:9] = 200
    with pytest.raises(RangeError, match="the place of an entry must be below 70"):
        other.load_state_dict(state)


def test_what_does_not_fit_is_refused():
    """Other layers, other kinds, other shapes, doubles, and what is not finite."""
    with pytest.raises(DTypeError, match="a Linear layer; got ReLU"):
        SparseLinear.of(ReLU())
    with pytest.raises(DTypeError, match="float32; got float64"):
        SparseLinear.of(Linear(2, 2).astype(np.float64))
    with pytest.raises(RangeError, match="kind must be one of float32, int8; got int4"):
        sparsify(prune(Linear(20, 20)), "int4")
    with pytest.raises(RangeError, match="in_features must be a whole number above 0"):
        SparseLinear(0, 2, 4)
    with pytest.raises(ShapeError, match=r"of shape \(\.\.\., 20\)"):
        SparseLinear.of(Linear(20, 3))(tensor(2, 5))
    for name in ("weight", "bias"):
        layer = Linear(2, 2)
        getattr(layer, name).data[...] = np.nan
        with pytest.raises(RangeError, match="finite to be stored"):
            SparseLinear.of(layer)


def test_doubles_are_left_dense():
    """Stored as floats they would lose digits."""
    with pytest.raises(DTypeError, match="fewer bytes without its zeros"):
        sparsify(prune(Linear(20, 20).astype(np.float64)))


def test_a_check_lists_weights_that_are_not_finite():
    """It does not raise."""
    model = sparsify(Sequential(prune(Linear(70, 50), 0.9), ReLU(), Linear(50, 1)))
    model[2].weight.data[0] = np.inf
    assert [problem for problem in CHECK(model) if "finite" in problem]


def test_what_a_sparse_layer_costs():
    """Two operations a row and entry, a product a result for the scale; entries, starts, scales and biases are read."""
    for kind, scaled in (("float32", 0), ("int8", 3 * 50)):
        sparse = SparseLinear.of(prune(Linear(70, 50), 0.9), kind)
        cost = graph_cost(trace(sparse, tensor(3, 70)))
        assert cost.flops == 2 * 3 * sparse.count + scaled
        assert (cost.bytes_read, cost.bytes_written) == (3 * 70 * 4 + sparse.stored_bytes(), 3 * 50 * 4)
