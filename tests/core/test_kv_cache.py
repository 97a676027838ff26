"""The cache of keys and values itself."""

from copy import deepcopy

import numpy as np
import pytest

from tinytorch.core.autograd import no_grad
from tinytorch.core.kv_cache import KVCache
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT
from tinytorch.errors import RangeError, ShapeError, StateError

SIZES = {"batch_size": 2, "max_seq_len": 5, "num_layers": 3, "num_heads": 2, "head_dim": 4}


def cache():
    """Make an empty one."""
    return KVCache(**SIZES)


def part(count=1, value=1.0, rows=2):
    """Make keys or values of some tokens."""
    return Tensor(np.full((rows, 2, count, 4), value, np.float32))


def test_it_knows_its_sizes_and_starts_empty():
    """All arguments are attributes; a pair of (B, H, L, D) tensors a layer."""
    own = cache()
    assert {name: getattr(own, name) for name in SIZES} == SIZES
    assert own.seq_pos == 0
    assert [(k.shape, v.shape) for k, v in own.caches] == [((2, 2, 5, 4), (2, 2, 5, 4))] * 3
    assert own.get(0)[0].shape == (2, 2, 0, 4)
    assert repr(own) == "KVCache(2, 5, 3, 2, 4, seq_pos=0, dtype='float32')"


def test_what_is_written_is_seen_after_advancing():
    """An update does not advance; the current token is invisible before."""
    own = cache()
    own.update(1, part(value=3), part(value=4))
    assert (own.seq_pos, own.get(1)[0].shape[2]) == (0, 0)
    own.advance()
    keys, values = own.get(1)
    assert (own.seq_pos, keys.shape) == (1, (2, 2, 1, 4))
    assert (set(keys.data.ravel()), set(values.data.ravel())) == ({3}, {4})
    assert own.caches[1][0].data[0, 0, 0, 0] == 3
    assert not own.get(0)[0].data.any(), "each layer has its own"


def test_several_tokens_are_written_at_once_and_extend_shows_them():
    """A prompt comes in one piece, and may be looked at before the next advance."""
    own = cache()
    own.update(0, part(2, 1), part(2, 1))
    own.advance(2)
    keys, values = own.extend(0, part(3, 2), part(3, 2))
    assert keys.data[0, 0, :, 0].tolist() == values.data[0, 0, :, 0].tolist() == [1, 1, 2, 2, 2]
    assert own.seq_pos == 2


def test_reset_forgets_and_can_change_the_number_of_sequences():
    """The same cache, at the start again."""
    own = cache()
    own.update(0, part(), part())
    own.advance()
    own.reset()
    assert (own.seq_pos, own.batch_size) == (0, 2)
    own.reset(batch_size=4)
    assert (own.batch_size, own.caches[0][0].shape) == (4, (4, 2, 5, 4))


@pytest.mark.parametrize("layer", [-1, 3])
def test_a_layer_that_is_not_there_is_refused(layer):
    """As a ValueError, by every method that takes one."""
    own = cache()
    for call in (lambda: own.update(layer, part(), part()), lambda: own.get(layer)):
        with pytest.raises(ValueError, match=rf"layer_idx must be in \[0, 3\); got {layer}"):
            call()


def test_a_full_cache_is_refused():
    """By a write, and by an advance; nothing is written then."""
    own = cache()
    own.advance(5)
    for call in (lambda: own.update(0, part(), part()), own.advance):
        with pytest.raises(RangeError, match=r"at most 5 in all; got 5 \+ 1"):
            call()
    assert not own.caches[0][0].data.any()


@pytest.mark.parametrize(
    ("key", "value"), [(part(rows=1), part()), (part(), part(2)), (part(0), part(0)), (part(), Tensor(np.zeros(4)))]
)
def test_keys_and_values_of_other_shapes_are_refused(key, value):
    """NumPy would stretch some of them."""
    with pytest.raises(ShapeError, match=r"of shape \(2, 2, T, 4\)"):
        cache().update(0, key, value)


def test_what_belongs_to_a_graph_is_refused():
    """Its gradient would end here, silently."""
    with pytest.raises(StateError, match=r"free of gradients; got one with. Decode within no_grad\(\)"):
        cache().update(0, Tensor(part().data, requires_grad=True), part())


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("size", [0, -1, 1.5])
def test_a_size_that_is_none_is_refused(name, size):
    """By name."""
    with pytest.raises(RangeError, match=f"{name} must be a whole number"):
        KVCache(**SIZES | {name: size})


@pytest.mark.parametrize(("sizes", "low", "high"), [((1, 64, 2, 4, 32), 0, 1), ((1, 128, 4, 8, 64), 1, 10)])
def test_memory_is_what_the_arrays_take(sizes, low, high):
    """In bytes, and in MB of 2^20."""
    own = KVCache(*sizes)
    usage, count = own.get_memory_usage(), 2 * int(np.prod(sizes))
    assert usage == {
        "total_bytes": 4 * count,
        "total_mb": 4 * count / 2**20,
        "per_layer_mb": 4 * count / 2**20 / sizes[2],
        "cache_tensors": 2 * sizes[2],
        "total_elements": count,
    }
    assert low < usage["total_mb"] < high
    assert usage["total_bytes"] == sum(tensor.data.nbytes for pair in own.caches for tensor in pair)
    assert KVCache(*sizes, dtype="float64").get_memory_usage()["total_bytes"] == 2 * usage["total_bytes"]


def test_a_copy_has_memory_of_its_own():
    """Views of the copy show the copy."""
    own = cache()
    other = deepcopy(own)
    other.update(0, part(), part())
    assert other.caches[0][0].data.any()
    assert not own.caches[0][0].data.any()


def test_a_cache_that_holds_all_tokens_already_is_refused():
    """The logits after the last one are gone: only its keys and values were kept."""
    gpt, own = GPT(7, 8, 1, 2, 6), KVCache(1, 6, 1, 2, 4)
    with no_grad():
        gpt.next_logits(np.array([[1, 2]]), own)
        with pytest.raises(StateError, match="one of fewer than the 2 tokens given; got one of 2"):
            gpt.next_logits(np.array([[1, 2]]), own)


def test_each_layer_keeps_what_its_own_projections_give():
    """In a model: the keys of block i are those of block i's weights."""
    gpt = GPT(7, 8, 3, 2, 6).eval()
    for index, block in enumerate(gpt.blocks):
        block.attention.k_proj.weight.data[...] = 0
        block.attention.k_proj.bias.data[...] = index
    own = KVCache(1, 6, 3, 2, 4)
    with no_grad():
        gpt.next_logits(np.array([[1, 2]]), own)
    assert own.seq_pos == 2
    assert [set(own.get(layer)[0].data.ravel()) for layer in range(3)] == [{0}, {1}, {2}]
