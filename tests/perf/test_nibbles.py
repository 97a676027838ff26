"""Layers of nibbles: half a byte a weight in memory and in the file, close to the floats, fused when compiled."""

import copy
import pickle

import numpy as np
import pytest

from tinytorch.benchmarking import stored_bytes
from tinytorch.core.activations import GELU, ReLU
from tinytorch.core.embeddings import Embedding
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.spatial import LeNet
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.core.transformers import GPT
from tinytorch.errors import DTypeError, RangeError, ShapeError
from tinytorch.perf import TECHNIQUES, compile, quantize, quantize_int4
from tinytorch.perf.costs import Cost, step_cost
from tinytorch.perf.graph import trace
from tinytorch.perf.kernels import VARIABLE, forms
from tinytorch.perf.quantization import (
    Int4Embedding,
    Int4Head,
    Int4Linear,
    QuantizedConv2d,
    compare_model_sizes,
)

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _same_weights():
    """Draw the same weights whatever ran before."""
    manual_seed(0)


@pytest.fixture(params=[forms.possible_forms()[0], "numpy"] if forms.has_numba() else ["numpy"])
def form(request, monkeypatch):
    """Give the best form of the kernels here, and the NumPy twins."""
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


def tensor(*shape):
    """Give normal numbers."""
    return Tensor(RNG.normal(size=shape))


def close(found, expected, share):
    """Say whether results differ by a share of the largest one at most."""
    return np.abs(found.data - expected.data).max() <= share * np.abs(expected.data).max()


def network():
    """Build a network of two layers, one of them without a bias."""
    model = Sequential(Linear(70, 48), ReLU(), Linear(48, 40, bias=False), GELU(), Linear(40, 5))
    model[0].bias.data[...] = RNG.normal(size=48)
    return model


@pytest.mark.parametrize("shape", [(7, 100), (100,), (2, 3, 100), (0, 100)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("group", [32, 64, 128])
def test_a_layer_gives_nearly_what_it_gave(shape, bias, group, form):
    """Within a fifth of the largest output: four bits are few."""
    layer, x = Linear(100, 33, bias=bias), tensor(*shape)
    found, expected = Int4Linear(layer, group)(x), layer(x)
    assert (found.shape, found.dtype, found.requires_grad) == (expected.shape, np.float32, False)
    assert found.size == 0 or close(found, expected, 0.2)


def test_two_weights_share_a_byte():
    """As stored, with two bytes of scale a group and four of bias an output."""
    layer = Int4Linear(Linear(256, 48), 64)
    state = layer.state_dict()
    assert (state["q_weight"].dtype, state["q_weight"].shape) == (np.uint8, (128, 48))
    assert state["weight_scale"].dtype == np.uint16
    assert layer.stored_bytes() == stored_bytes(layer) == 128 * 48 + 2 * 4 * 48 + 4 * 48
    assert layer.packed.values.nbytes == 128 * 48
    assert layer.weight_count() == 256 * 48 + 48
    assert repr(layer) == "Int4Linear(256, 48, group=64)"
    assert repr(Int4Linear(Linear(4, 3, bias=False))) == "Int4Linear(4, 3, group=32, bias=False)"


def test_rows_of_a_table_come_back(form):
    """To a sixteenth of the largest number of their group, and only the rows taken are unpacked."""
    layer = Embedding(40, 70)
    table, ids = Int4Embedding(layer), RNG.integers(0, 40, (3, 4))
    assert table(ids).shape == (3, 4, 70)
    largest = np.abs(layer.weight.data).max()
    assert np.abs(table(ids).data - layer(ids).data).max() <= largest / 8 * 1.01
    assert np.array_equal(table.weight[2:5].data, table([2, 3, 4]).data)
    assert table.stored_bytes() == 35 * 40 + 2 * 3 * 40
    assert repr(table) == "Int4Embedding(40, 70, group=32)"


def test_what_does_not_fit_is_refused():
    """Other layers, other groups, other shapes, weights without a scale."""
    with pytest.raises(DTypeError, match="a Linear layer; got ReLU"):
        Int4Linear(ReLU())
    with pytest.raises(DTypeError, match="an Embedding; got ReLU"):
        Int4Embedding(ReLU())
    with pytest.raises(DTypeError, match="one that holds a Linear layer or an Embedding; got ReLU"):
        quantize_int4(ReLU())
    for make in (Int4Linear, Int4Embedding, quantize_int4):
        layer = Embedding(4, 4) if make is Int4Embedding else Linear(4, 4)
        with pytest.raises(RangeError, match="group must be one of 32, 64, 128; got 48"):
            make(layer, 48)
    for wrong in (Int4Linear(Linear(4, 3)), Int4Head(Int4Embedding(Embedding(3, 4)))):
        with pytest.raises(ShapeError, match=r"of shape \(\.\.\., 4\)"):
            wrong(tensor(2, 5))
    layer = Linear(2, 2)
    layer.bias.data[0] = np.inf
    with pytest.raises(RangeError, match="the biases of"):
        Int4Linear(layer)


def test_a_model_is_quantized_and_fused(form):
    """A layer and its activation are one task, and the original is left alone."""
    model, x = network(), tensor(6, 70)
    before = {name: value.tobytes() for name, value in model.state_dict().items()}
    smaller = quantize_int4(model)
    assert {name: value.tobytes() for name, value in model.state_dict().items()} == before
    assert close(smaller(x), model(x), 0.4)
    for shape in ((6, 70), (2, 3, 70)):
        x = tensor(*shape)
        compiled = compile(smaller, x)
        for _ in range(2):
            assert compiled(x).data == pytest.approx(smaller(x).data, rel=1e-3, abs=1e-3)
    if form != "numpy":
        assert [task.name for task in compiled.plan().tasks] == [
            "int4_linear+relu",
            "int4_linear+gelu",
            "int4_linear",
        ]
        assert compiled.plan().allocating == ()


@pytest.mark.parametrize("quantized", [quantize_int4, quantize])
def test_a_compiled_language_model_of_small_numbers_may_be_off_by_a_step_of_an_activation_and_no_more(quantized):
    """A last bit decides which way an activation is rounded; other weights are found all the same."""
    model, tokens = GPT(80, 128, 4, 4, 128).eval(), Tensor(RNG.integers(0, 80, (1, 128)))
    smaller = quantized(model)
    compiled, check = compile(smaller, tokens), TECHNIQUES["compile.v1"].check
    assert check(compiled, smaller) == []
    smaller.ln_f.gamma.data *= 1.1
    assert "the outputs must be within" in check(compiled, smaller)[0]


@pytest.mark.parametrize("tied", [False, True])
def test_a_language_model_is_a_seventh_as_large(tied, tmp_path, form):
    """In memory, in what is counted and in the file."""
    model, tokens = GPT(200, 128, 2, 4, 64, tie_weights=tied).eval(), Tensor(RNG.integers(0, 200, (2, 9)))
    smaller = quantize_int4(model, 64)
    assert isinstance(smaller.lm_head, Int4Head if tied else Int4Linear)
    assert close(smaller(tokens), model(tokens), 0.5)
    assert close(compile(smaller, tokens)(tokens), smaller(tokens), 0.05)
    assert smaller.generate([[1, 2, 3]], 3).shape == (1, 6)
    sizes = compare_model_sizes(model, smaller)
    assert sizes["compression_ratio"] > 6.5
    assert sizes["original_params"] == sizes["quantized_params"]
    assert stored_bytes(smaller) == sizes["quantized_bytes"]
    smaller.save(tmp_path / "small")
    assert (tmp_path / "small").stat().st_size < sizes["quantized_bytes"] + 10_000


def test_convolutions_become_bytes():
    """A LeNet is nearly seven times smaller."""
    model, x = LeNet().eval(), tensor(2, 1, 28, 28)
    smaller = quantize_int4(model, 64)
    assert isinstance(smaller.features[0], QuantizedConv2d)
    assert compare_model_sizes(model, smaller)["compression_ratio"] > 6.6
    assert close(smaller(x), model(x), 0.6)


@pytest.mark.parametrize("tied", [False, True])
def test_state_comes_back_from_a_file_and_a_copy(tied, tmp_path, form):
    """Bit for bit."""
    make, tokens = lambda: quantize_int4(GPT(37, 48, 1, 2, 16, tie_weights=tied)).eval(), Tensor([[5, 6, 1]])
    model, other = make(), make()
    expected = model(tokens).data
    model.save(tmp_path / "weights")
    assert not np.array_equal(other(tokens).data, expected)
    other.load(tmp_path / "weights")
    for again in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301  our own bytes
        assert np.array_equal(again(tokens).data, expected)


def test_state_made_for_one_form_is_read_by_another(monkeypatch):
    """A file of one machine works on the next."""
    layer, x = Linear(50, 20), tensor(5, 50)
    states = {}
    for name in forms.possible_forms():
        monkeypatch.setenv(VARIABLE, name)
        states[name] = Int4Linear(layer).state_dict()
    for name in forms.possible_forms():
        monkeypatch.setenv(VARIABLE, name)
        for state in states.values():
            other = Int4Linear(Linear(50, 20))
            other.load_state_dict(state)
            assert other(x).data == pytest.approx(Int4Linear(layer)(x).data, rel=1e-5, abs=1e-5)


def test_a_layer_of_nibbles_reads_nibbles():
    """The arithmetic of a linear layer; half a byte a weight, two a scale, four a bias."""
    (step,) = trace(Int4Linear(Linear(70, 4)), np.ones((5, 70))).steps
    assert step_cost(step) == Cost(2 * 5 * 70 * 4, 4 * 5 * 70 + 4 * (35 + 2 * 3 + 4), 4 * 5 * 4)
