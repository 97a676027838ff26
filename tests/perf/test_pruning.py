"""Zeros in place of weights, thin layers in place of large ones, and what is said about either."""

import numpy as np
import pytest

from tinytorch.benchmarking import stored_bytes
from tinytorch.capstone import SimpleMLP
from tinytorch.core.activations import ReLU
from tinytorch.core.attention import MultiHeadAttention
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import Trainer
from tinytorch.errors import DTypeError, RangeError, ShapeError
from tinytorch.perf import TECHNIQUES, quantize, quantize_int4, sparsify
from tinytorch.perf.compression import (
    Compressor,
    MaskedOptimizer,
    compress_model,
    factorize,
    low_rank_approximate,
    magnitude_prune,
    measure_sparsity,
    prune,
    structured_prune,
)

RNG = np.random.default_rng(0)


def network():
    """Build two layers, whose biases are not 0."""
    model = Sequential(Linear(8, 16), ReLU(), Linear(16, 4))
    for layer in (model[0], model[2]):
        layer.bias.data[...] = 1
    return model


def test_sparsity_is_in_percent_and_of_weights_only():
    """A bias of zeros does not count."""
    layer = Linear(2, 2)
    layer.weight.data[...] = [[0, 1], [0, 2]]
    assert measure_sparsity(layer) == 50.0
    assert Compressor.measure_sparsity(layer) == pytest.approx(4 / 6)


def test_a_model_without_weights_is_not_sparse():
    """And pruning leaves it as it is."""
    model = Sequential(ReLU())
    assert (measure_sparsity(model), Compressor.measure_sparsity(model)) == (0.0, 0.0)
    assert magnitude_prune(model) is model


def test_one_threshold_holds_for_all_weights():
    """The percentile of all magnitudes together; what is at it stays."""
    model = Sequential(Linear(2, 2), Linear(2, 2))
    model[0].weight.data[...] = [[1, -2], [3, -4]]
    model[1].weight.data[...] = [[50, 60], [70, 80]]
    assert magnitude_prune(model, 0.5) is model
    assert (model[0].weight.tolist(), model[1].weight.tolist()) == ([[0, 0], [0, 0]], [[50, 60], [70, 80]])


@pytest.mark.parametrize("sparsity", [0, 0.3, 0.9, 1])
def test_the_share_asked_for_is_pruned_and_biases_stay(sparsity):
    """To within one weight, as a percentile lies between two."""
    model = magnitude_prune(network(), sparsity)
    assert measure_sparsity(model) == pytest.approx(100 * sparsity, abs=100 / 192)
    assert all((layer.bias.data == 1).all() for layer in (model[0], model[2]))


def test_a_scope_of_layers_sets_a_threshold_for_each():
    """Each array of weights loses the share asked for, however large its numbers are."""
    model = Sequential(Linear(2, 2), Linear(2, 2))
    model[0].weight.data[...] = [[1, -2], [3, -4]]
    model[1].weight.data[...] = [[50, 60], [70, 80]]
    pruned = prune(model, 0.5, scope="layer")
    assert (pruned[0].weight.tolist(), pruned[1].weight.tolist()) == ([[0, 0], [3, -4]], [[0, 0], [70, 80]])
    with pytest.raises(RangeError, match="scope must be one of global, layer; got rows"):
        prune(model, 0.5, "rows")


FORMS = {
    "int8": quantize,
    "int4": quantize_int4,
    "sparse": sparsify,
    "sparse int8": lambda model: sparsify(model, "int8"),
    "both": lambda model: quantize(sparsify(Sequential(model[0], ReLU(), Linear(16, 1)), "int8")),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_zeros_are_seen_in_whatever_form_the_weights_are(form):
    """Bytes, nibbles, and those that are not there; a model of bytes that was never pruned has few."""
    model = Sequential(Linear(40, 16), ReLU(), Linear(16, 8))
    pruned = form(prune(model, 0.9, "layer"))
    assert measure_sparsity(pruned) >= 85
    check = TECHNIQUES["prune.magnitude.v1"].check
    assert check(pruned[0], sparsity=0.9, scope="layer") == check(pruned[0], sparsity=0.9) == []
    if form in {quantize, quantize_int4}:
        assert measure_sparsity(form(model)) < 25
        assert check(form(model), sparsity=0.9, scope="layer")
        assert check(form(model), sparsity=0.9)


def test_a_layer_that_stands_in_two_places_counts_once():
    """Of bytes as of floats."""
    shared = prune(Linear(8, 8), 0.5)
    model = Sequential(shared, shared, Linear(8, 8))
    assert measure_sparsity(model) == measure_sparsity(quantize(model)) == 25


def test_pruning_as_a_technique_leaves_the_original_alone():
    """Bit for bit."""
    model = network()
    before = model.state_dict()
    assert measure_sparsity(prune(model, 0.5)) == pytest.approx(50, abs=1)
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())


def test_zeros_save_no_bytes():
    """A claim of smallness would be false."""
    assert stored_bytes(prune(network(), 0.9)) == stored_bytes(network())


@pytest.mark.parametrize("door", [magnitude_prune, structured_prune, prune])
@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_impossible_shares_are_refused(door, bad):
    """NaN too."""
    with pytest.raises(RangeError, match="must be a ratio in"):
        door(network(), bad)


@pytest.mark.parametrize("door", [magnitude_prune, structured_prune, low_rank_approximate])
def test_what_is_not_finite_is_refused(door):
    """NaN would pass every threshold; nothing is changed."""
    model = network()
    model[2].weight.data[0, 0] = np.nan
    before = model.state_dict()
    with pytest.raises(RangeError, match="finite"):
        door(model[2].weight.data if door is low_rank_approximate else model)
    assert all(np.array_equal(before[name], array, equal_nan=True) for name, array in model.state_dict().items())


def test_whole_columns_and_their_biases_become_zero():
    """The columns of smallest norm, int(n * ratio) of them; the others stay as they are."""
    model = Sequential(Linear(1, 5))
    model[0].weight.data[...] = [[3, -1, 2, -5, 4]]
    model[0].bias.data[...] = 1
    structured_prune(model, 0.5)
    assert (model[0].weight.tolist(), model[0].bias.tolist()) == ([[3, 0, 0, -5, 4]], [1, 0, 0, 1, 1])


def test_fine_tuning_with_masks_revives_no_weight():
    """Adam moves every weight otherwise; biases and the weights kept are trained."""
    batch = (Tensor(RNG.normal(size=(32, 8))), Tensor(RNG.integers(0, 4, 32)))
    pruned = prune(network(), 0.5)
    zeros, bias = pruned[0].weight.data == 0, pruned[0].bias.data.copy()
    kept = pruned[0].weight.data.copy()
    trainer = Trainer(pruned, MaskedOptimizer(Adam(pruned.parameters()), pruned), CrossEntropyLoss())
    for _ in range(3):
        trainer.train_epoch([batch])
    assert np.array_equal(pruned[0].weight.data == 0, zeros)
    assert (pruned[0].weight.data != kept)[~zeros].any()
    assert not np.array_equal(pruned[0].bias.data, bias)


def test_without_masks_fine_tuning_revives_weights():
    """So the check above can fail."""
    batch = (Tensor(RNG.normal(size=(32, 8))), Tensor(RNG.integers(0, 4, 32)))
    pruned = prune(network(), 0.5)
    Trainer(pruned, Adam(pruned.parameters()), CrossEntropyLoss()).train_epoch([batch])
    assert measure_sparsity(pruned) < 25


def test_a_mask_passes_the_rate_on():
    """As schedules set it."""
    model = network()
    masked = MaskedOptimizer(Adam(model.parameters(), lr=0.5), model)
    masked.lr = 0.25
    assert (masked.lr, masked.optimizer.lr) == (0.25, 0.25)


@pytest.mark.parametrize(("ratio", "rank"), [(1, 4), (0.5, 2), (0.01, 1)])
def test_a_low_rank_approximation_is_the_best_of_its_rank(ratio, rank):
    """Its error is the norm of the singular values left out."""
    W = RNG.normal(size=(6, 4))
    U, S, V = low_rank_approximate(W, ratio)
    assert (U.shape, S.shape, V.shape) == ((6, rank), (rank,), (rank, 4))
    left_out = np.linalg.svd(W, compute_uv=False)[rank:]
    assert np.linalg.norm(W - (U * S) @ V) == pytest.approx(np.linalg.norm(left_out), abs=1e-9)


def test_what_is_no_matrix_has_no_rank():
    """Nor has an empty one; and a ratio of 0 leaves nothing."""
    for wrong in (np.ones(3), np.ones((0, 3))):
        with pytest.raises(ShapeError, match="W must be a matrix"):
            low_rank_approximate(wrong)
    with pytest.raises(RangeError, match="rank_ratio must be"):
        low_rank_approximate(np.ones((2, 2)), 0)


def test_factorized_layers_compute_the_product():
    """A weight of rank 2 loses nothing; the original keeps its layer."""
    model = network()
    model[0].weight.data[...] = RNG.normal(size=(8, 2)) @ RNG.normal(size=(2, 16))
    smaller, x = factorize(model, 0.25), Tensor(RNG.normal(size=(3, 8)))
    assert repr(smaller[0]) == "Sequential(Linear(8, 2, bias=False), Linear(2, 16))"
    assert smaller[0](x).data == pytest.approx(model[0](x).data, abs=1e-5)
    assert isinstance(model[0], Linear)


def test_factorized_models_store_fewer_bytes():
    """Two matrices of rank r take r * (m + n) numbers: 8*2 + 2*16 and 16 for the bias, then 16 + 4 and 4."""
    assert stored_bytes(factorize(network(), 0.25)) == 4 * (8 * 2 + 2 * 16 + 16 + 16 + 4 + 4)


def test_factorized_models_keep_their_kind_of_number_and_can_be_trained():
    """Gradients have the new shapes."""
    smaller = factorize(network().astype(np.float64), 0.25)
    smaller(Tensor(np.ones((2, 8)), dtype=np.float64)).sum().backward()
    assert {parameter.dtype for parameter in smaller.parameters()} == {np.dtype(np.float64)}
    assert all(parameter.grad.shape == parameter.shape for parameter in smaller.parameters())


@pytest.mark.parametrize("model", [SimpleMLP(16, 16, 16), MultiHeadAttention(16, 2)], ids=["attributes", "attention"])
def test_layers_are_found_wherever_they_stand(model):
    """Every linear layer of either is larger than its factors."""
    smaller = factorize(model, 0.25)
    assert stored_bytes(smaller) < stored_bytes(model)
    x = Tensor(RNG.normal(size=(1, 2, 16)))
    assert smaller(x).shape == model(x).shape


def test_a_layer_shared_stays_shared():
    """Two places, one set of factors."""
    layer = Linear(16, 16)
    smaller = factorize(Sequential(layer, ReLU(), layer), 0.25)
    assert smaller[0] is smaller[2]


def test_a_model_that_would_not_become_smaller_is_refused():
    """Half the rank of a square matrix takes as many numbers as the matrix."""
    with pytest.raises(DTypeError, match=r"the rank ratio 0\.5 makes smaller"):
        factorize(Sequential(Linear(8, 8)), 0.5)


def test_only_what_was_applied_is_reported():
    """A rank that makes nothing smaller, and a share that rounds to no column, were not."""
    model = Sequential(Linear(8, 8))
    stats = compress_model(model, {"magnitude_prune": 0.7, "structured_prune": 0.01, "low_rank": 0.9})
    assert stats["applied_techniques"] == ["magnitude_prune_0.7"]
    assert (stats["original_params"], stats["original_sparsity"]) == (72, 0)
    assert stats["final_sparsity"] == stats["sparsity_increase"] == measure_sparsity(model) == pytest.approx(70, abs=2)


def test_a_low_rank_that_is_reported_is_in_the_model():
    """It is smaller in bytes."""
    model = network()
    before = stored_bytes(model)
    assert compress_model(model, {"low_rank": 0.25})["applied_techniques"] == ["low_rank_0.25"]
    assert stored_bytes(model) < before


def test_the_compressor_speaks_in_fractions_and_measures_its_ratio():
    """Zeros in arrays of the old size compress nothing."""
    model, stats = Compressor.compress_model(network(), {"magnitude_sparsity": 0.5, "structured_prune_ratio": 0.25})
    assert stats["final_sparsity"] == Compressor.measure_sparsity(model) > stats["original_sparsity"] == 0
    assert stats["compression_ratio"] == 1.0


def test_the_compressors_doors_prune_half():
    """Their defaults are other ones."""
    assert measure_sparsity(Compressor.magnitude_prune(network())) == pytest.approx(50, abs=1)
    assert measure_sparsity(Compressor.structured_prune(network())) == pytest.approx(50)


@pytest.mark.parametrize("door", [compress_model, Compressor.compress_model])
def test_unknown_keys_are_refused(door):
    """A misspelt key would do nothing in silence."""
    with pytest.raises(RangeError, match=r"got \['prune'\]"):
        door(network(), {"prune": 0.5})
