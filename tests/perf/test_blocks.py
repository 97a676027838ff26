"""Blocks that are gone from a language model."""

import numpy as np
import pytest

from tinytorch.core.layers import Linear
from tinytorch.core.training import manual_seed
from tinytorch.core.transformers import GPT
from tinytorch.errors import DTypeError, RangeError
from tinytorch.perf import TECHNIQUES, remove_blocks


@pytest.fixture
def model():
    """Give a model whose second block changes nothing."""
    manual_seed(0)
    made = GPT(vocab_size=11, embed_dim=16, num_layers=3, num_heads=2, max_seq_len=8).eval()
    for layer in (made.blocks[1].attention.out_proj, made.blocks[1].mlp.linear2):
        layer.weight.data[...] = 0
        layer.bias.data[...] = 0
    return made


def test_the_block_that_changes_nothing_goes_first_and_the_outputs_stay(model):
    """Without it the model computes the same, to the bit; the original keeps it."""
    tokens = np.arange(8).reshape(1, 8)
    smaller = remove_blocks(model, keep=2, example=tokens)
    assert np.array_equal(smaller(tokens).data, model(tokens).data)
    assert (len(model.blocks), smaller.num_layers) == (3, 2)
    assert "forward" not in vars(model.blocks[0])


def test_a_shallower_model_writes_with_a_cache_of_its_depth(model):
    """As the original does, whose idle block is gone."""
    smaller = remove_blocks(model, keep=2)
    assert np.array_equal(smaller.generate([[1, 2]], 5, seed=0).data, model.generate([[1, 2]], 5, seed=0).data)


@pytest.mark.parametrize("keep", [0, 4, True, 1.5])
def test_what_is_to_stay_must_be_there(model, keep):
    """The number is named."""
    with pytest.raises(RangeError, match=r"keep must be a whole number in \[1, 3\]"):
        remove_blocks(model, keep)


def test_only_language_models_have_blocks(model):
    """The claim is not true of anything else either."""
    with pytest.raises(DTypeError, match="the model must be a GPT"):
        remove_blocks(Linear(2, 2), 1)
    assert TECHNIQUES["prune.blocks.v1"].check(Linear(2, 2))
    assert TECHNIQUES["prune.blocks.v1"].check(model, model)
