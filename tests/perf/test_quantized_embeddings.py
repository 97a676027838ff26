"""Tables of bytes: rows of int8 with a scale each, shared with the head that scores with them."""

import copy
import pickle

import numpy as np
import pytest

from tinytorch.benchmarking import stored_bytes
from tinytorch.core.embeddings import Embedding, EmbeddingLayer
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.core.transformers import GPT
from tinytorch.errors import DTypeError, RangeError, ShapeError
from tinytorch.perf import compile, quantize
from tinytorch.perf.costs import Cost, step_cost
from tinytorch.perf.graph import trace
from tinytorch.perf.kernels import VARIABLE, forms
from tinytorch.perf.kernels.int8 import pack_linear
from tinytorch.perf.quantization import QuantizedEmbedding, QuantizedHead, QuantizedLinear, compare_model_sizes

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


def gpt(*, tied):
    """Build a small language model."""
    return GPT(37, 32, 2, 2, max_seq_len=16, tie_weights=tied).eval()


def close(found, expected, share):
    """Say whether results differ by a share of the largest one at most."""
    return np.abs(found.data - expected.data).max() <= share * np.abs(expected.data).max()


@pytest.mark.parametrize("scores", [False, True])
@pytest.mark.parametrize("shape", [(), (3,), (2, 5), (0,)], ids=str)
def test_rows_come_back_within_half_a_step(shape, scores, form):
    """Of each row's own scale, whether a head shares the table or not."""
    layer = Embedding(70, 12)
    layer.weight.data *= np.geomspace(1e-3, 1e3, 70, dtype=np.float32)[:, None]
    table, ids = QuantizedEmbedding(layer), RNG.integers(0, 70, shape)
    assert (QuantizedHead(table).packed if scores else None) is table.packed
    found, expected = table(ids), layer(ids)
    assert (found.shape, found.dtype, found.requires_grad) == (expected.shape, np.float32, False)
    assert (np.abs(found.data - expected.data) <= 0.51 * table.row_scales[ids][..., None]).all()


def test_a_table_is_bytes():
    """A byte a number and four for the scale of a row."""
    table = QuantizedEmbedding(Embedding(100, 64))
    assert table.q_rows.dtype == np.int8
    assert (table.stored_bytes(), table.weight_count()) == (100 * 64 + 4 * 100, 6400)
    assert repr(table) == "QuantizedEmbedding(100, 64)"
    assert table.weight.shape == (100, 64)
    assert repr(table.weight) == "RowsOfBytes(QuantizedEmbedding(100, 64))"
    assert np.array_equal(table.weight.data, table(np.arange(100)).data)
    assert np.array_equal(table.weight[3:5].data, table([3, 4]).data)


@pytest.mark.parametrize("outputs", [1, 16, 33, 48, 64, 80, 113, 130])
def test_weights_of_some_outputs_are_read_without_the_rest(monkeypatch, outputs):
    """In panels of every width."""
    q = RNG.integers(-127, 128, (70, outputs)).astype(np.int8)
    chosen = RNG.integers(0, outputs, 40)
    for name in forms.possible_forms():
        monkeypatch.setenv(VARIABLE, name)
        assert np.array_equal(pack_linear(q, np.ones(outputs, np.float32)).weights_of(chosen), q[:, chosen].T)


def test_what_does_not_fit_is_refused():
    """Another layer, an id without a row, rows of another width, weights without a scale."""
    with pytest.raises(DTypeError, match="what is quantized must be an Embedding"):
        QuantizedEmbedding(gpt(tied=False))
    table = QuantizedEmbedding(Embedding(5, 4))
    for wrong in ([5], [-1], [0.5]):
        with pytest.raises(RangeError, match=r"whole numbers in \[0, 5\)"):
            table(wrong)
    with pytest.raises(ShapeError, match=r"of shape \(\.\.\., 4\)"):
        QuantizedHead(table)(Tensor(np.ones((1, 3))))
    layer = Embedding(2, 2)
    layer.weight.data[0, 0] = np.nan
    with pytest.raises(RangeError, match=r"the weights of Embedding\(2, 2\) must be finite"):
        QuantizedEmbedding(layer)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("calibrated", [False, True])
def test_a_language_model_is_quantized_whole(tied, calibrated, form):
    """Embeddings, projections, perceptrons and the head; compiled it gives the same."""
    model, tokens = gpt(tied=tied), Tensor(RNG.integers(0, 37, (2, 10)))
    smaller = quantize(model, [tokens] if calibrated else None)
    assert isinstance(smaller.token_embedding, QuantizedEmbedding)
    assert isinstance(smaller.position_embedding, QuantizedEmbedding)
    assert isinstance(smaller.blocks[1].attention.q_proj, QuantizedLinear)
    assert isinstance(smaller.lm_head, QuantizedHead if tied else QuantizedLinear)
    assert close(smaller(tokens), model(tokens), 0.1)
    assert close(compile(smaller, tokens)(tokens), smaller(tokens), 0.02)  # an activation may be rounded the other way
    assert smaller.generate([[1, 2, 3]], 4).shape == (1, 7)


def test_a_tied_table_is_held_and_stored_once(tmp_path):
    """In memory, in what is counted and in the file, as of the model before it is saved."""
    model = gpt(tied=True)
    smaller = quantize(model)
    assert smaller.lm_head.embedding is smaller.token_embedding
    assert smaller.token_embedding.q_rows is None
    names = [name for name in smaller.state_dict() if name.endswith("q_weight") and "embedding" in name]
    assert names == ["token_embedding.q_weight", "position_embedding.q_weight"]
    assert stored_bytes(smaller) == compare_model_sizes(model, smaller)["quantized_bytes"]


@pytest.mark.parametrize("tied", [False, True])
def test_state_comes_back_from_a_file_and_a_copy(tied, tmp_path, form):
    """Bit for bit."""
    tokens = Tensor(RNG.integers(0, 37, (1, 6)))
    model, other = quantize(gpt(tied=tied), [tokens]), quantize(gpt(tied=tied))
    expected = model(tokens).data
    model.save(tmp_path / "weights")
    assert not np.array_equal(other(tokens).data, expected)
    other.load(tmp_path / "weights")
    for again in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301  our own bytes
        assert np.array_equal(again(tokens).data, expected)
    if tied:
        assert copy.deepcopy(model).lm_head.embedding is not model.token_embedding


def test_embeddings_that_share_a_table_become_one():
    """The weight of one may be another's."""
    layers = [Embedding(6, 4), Embedding(6, 4)]
    layers[1].weight = layers[0].weight
    model = GPT(6, 4, 1, 1, max_seq_len=6)
    model.token_embedding, model.position_embedding = layers
    smaller = quantize(model)
    assert smaller.token_embedding is smaller.position_embedding


def test_tables_inside_other_layers_are_found():
    """The token's table; learned positions stay floats."""
    layer = EmbeddingLayer(20, 8, 16)
    smaller, ids = quantize(layer), [[1, 2, 3]]
    assert isinstance(smaller.token_embedding, QuantizedEmbedding)
    assert close(smaller(ids), layer(ids), 0.02)


def test_a_look_up_reads_the_rows_taken():
    """As they are stored: a byte a number, and a scale a row."""
    (step,) = trace(QuantizedEmbedding(Embedding(9, 6)), np.float32([1, 2])).steps
    assert step_cost(step) == Cost(12, 4 * 2 + 2 * (6 + 4), 4 * 12)
