"""Caches that models keep, caches of bytes, and the decoder that is built around a cache."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from tinytorch import GPT, Tensor, manual_seed
from tinytorch.core.autograd import no_grad
from tinytorch.core.kv_cache import KVCache
from tinytorch.core.layers import Linear
from tinytorch.errors import DTypeError, RangeError, ShapeError
from tinytorch.perf.kernels import VARIABLE, forms
from tinytorch.perf.kernels.decoding import Int8
from tinytorch.perf.memoization import (
    Int8KVCache,
    create_kv_cache,
    disable_kv_cache,
    enable_kv_cache,
    fast_decoder,
)
from tinytorch.perf.memoization.int8_cache import quantize_vectors
from tinytorch.perf.quantization import quantize

RNG = np.random.default_rng(0)


def small(**options):
    """Make a seeded model."""
    manual_seed(0)
    return GPT(11, 32, 2, 4, 16, **options)


def prompts(rows=2, length=4):
    """Give tokens."""
    return np.arange(rows * length).reshape(rows, length) * 5 % 11


class TestDoors:
    """In-place functions under the names that users know."""

    def test_a_cache_is_made_and_told_of(self, capsys):
        """One line says its sizes and its memory; it goes where it is told to."""
        cache = create_kv_cache(1, 64, 2, 4, 32)
        assert capsys.readouterr().out == "KVCache(1, 64, 2, 4, 32, seq_pos=0, dtype='float32'): 0.12 MB\n"
        assert (type(cache), cache.max_seq_len) == (KVCache, 64)
        lines = []
        create_kv_cache(1, 128, 4, 8, 64, show=lines.append)
        assert lines == ["KVCache(1, 128, 4, 8, 64, seq_pos=0, dtype='float32'): 2.00 MB"]

    def test_enabling_gives_the_model_its_cache(self):
        """The same object, of the model's sizes; again gives a fresh one."""
        gpt = small()
        cache = enable_kv_cache(gpt)
        assert (gpt._kv_cache is cache, gpt._cache_enabled) == (True, True)
        assert (cache.batch_size, cache.max_seq_len, cache.num_layers, cache.num_heads, cache.head_dim) == (
            1,
            16,
            2,
            4,
            8,
        )
        assert enable_kv_cache(gpt) is gpt._kv_cache is not cache

    def test_disabling_takes_it_away(self):
        """And is nothing where there is none."""
        gpt = small()
        disable_kv_cache(gpt)
        assert not hasattr(gpt, "_cache_enabled")
        enable_kv_cache(gpt)
        disable_kv_cache(gpt)
        disable_kv_cache(gpt)
        assert (hasattr(gpt, "_kv_cache"), gpt._cache_enabled) == (False, False)

    def test_an_enabled_cache_is_used(self):
        """After generating it holds every token but the last, and its keys are the model's."""
        gpt = small()
        cache = enable_kv_cache(gpt)
        out = gpt.generate(prompts(), 6, temperature=0).data
        assert np.array_equal(out, small().generate(prompts(), 6, temperature=0, cached=False).data)
        assert (cache.seq_pos, cache.batch_size) == (9, 2)
        x = gpt.blocks[0].ln1(gpt.embed(out[:, :9]))
        keys = gpt.blocks[0].attention.k_proj(x).data.reshape(2, 9, 4, 8).swapaxes(1, 2)
        assert cache.get(0)[0].data == pytest.approx(keys, abs=1e-5)
        assert gpt.generate(prompts(1), 6, temperature=0).data.tolist() == out[:1].tolist()
        assert cache.batch_size == 1

    def test_a_cache_is_no_part_of_what_is_saved_or_trained(self):
        """Parameters and state are those of before."""
        gpt = small()
        names, count = list(gpt.state_dict()), len(gpt.parameters())
        enable_kv_cache(gpt)
        assert (list(gpt.state_dict()), len(gpt.parameters())) == (names, count)

    @pytest.mark.parametrize("missing", ["embed_dim", "num_layers", "num_heads", "max_seq_len", "blocks"])
    def test_a_model_without_sizes_is_refused(self, missing):
        """By the name of what it lacks."""
        sizes = {"embed_dim": 8, "num_layers": 1, "num_heads": 2, "max_seq_len": 4, "blocks": []}
        assert enable_kv_cache(SimpleNamespace(**sizes)).head_dim == 4
        del sizes[missing]
        with pytest.raises(AttributeError, match=f"SimpleNamespace without {missing}"):
            enable_kv_cache(SimpleNamespace(**sizes))

    def test_an_indivisible_width_is_refused(self):
        """As a ValueError."""
        sizes = {"embed_dim": 9, "num_layers": 1, "num_heads": 2, "max_seq_len": 4, "blocks": []}
        with pytest.raises(ValueError, match="embed_dim must be a multiple of num_heads, 2; got 9"):
            enable_kv_cache(SimpleNamespace(**sizes))


class TestBytes:
    """The cache of int8."""

    @pytest.mark.parametrize("width", [8, 32, 64])
    def test_it_is_really_smaller(self, width):
        """D + 4 bytes a vector, where float32 takes 4 D; counted over all arrays that it holds."""
        sizes = (2, 64, 3, 4, width)
        small, large = Int8KVCache(*sizes), KVCache(*sizes)
        held = [value for value in vars(small).values() if isinstance(value, np.ndarray)]
        usage = small.get_memory_usage()
        assert usage["total_bytes"] == sum(array.nbytes for array in held)
        assert usage["total_bytes"] / large.get_memory_usage()["total_bytes"] == (width + 4) / (4 * width)
        assert usage["total_elements"] == large.get_memory_usage()["total_elements"]
        assert small.caches[0][0].dtype == np.int8

    def test_no_number_is_off_by_more_than_half_a_step(self):
        """Half a step is a 254th of the largest of its vector; a rounding of the arithmetic comes on top."""
        cache, key, value = Int8KVCache(2, 6, 1, 3, 16), *(RNG.normal(size=(2, 2, 3, 6, 16)) * 10)
        found = cache.extend(0, Tensor(key), Tensor(value))
        for x, kept in zip((key, value), found, strict=True):
            bound = np.abs(x).max(axis=-1, keepdims=True) / 254 * (1 + 1e-5)
            assert (np.abs(kept.data - x) <= bound).all()
            assert kept.dtype == np.float32

    def test_scores_are_off_by_no_more_than_is_stated(self):
        """The sum of q's magnitudes times the largest of k, by 254 sqrt(D)."""
        q, k = RNG.normal(size=(50, 16)), RNG.normal(size=(70, 16)) * 5
        whole, scales = quantize_vectors(k.astype(np.float32))
        error = np.abs(q @ (whole * scales[:, None] - k).T) / 4
        bound = np.abs(q).sum(axis=1)[:, None] * np.abs(k).max(axis=1) / 254 / 4
        assert (error <= bound * (1 + 1e-5)).all()

    def test_zeros_and_what_is_not_finite(self):
        """Zeros stay zeros; NaN and infinity make their vector NaN, which the sampler refuses."""
        whole, scales = quantize_vectors(np.float32([[0, 0], [np.nan, 1], [np.inf, 1], [1e-40, 0]]))
        restored = whole * scales[:, None]
        assert restored[0].tolist() == restored[3].tolist() == [0, 0]
        assert np.isnan(restored[1:3]).all()

    def test_a_model_writes_with_it(self):
        """Logits stay close; after reset for another batch its scales are as many."""
        gpt = small().eval()
        cache = enable_kv_cache(gpt, dtype="int8")
        out = gpt.generate(prompts(3), 6, temperature=0).data
        assert (type(cache), cache.batch_size, cache.seq_pos) == (Int8KVCache, 3, 9)
        with no_grad():
            found = gpt.next_logits(out, cache)
        assert found == pytest.approx(gpt(out).data[:, -1], abs=0.05)
        assert cache.key_scales.shape == (2, 3, 4, 16)


@pytest.fixture(params=["float32", "int8"])
def dtype(request):
    """Give each kind of cache."""
    return request.param


class TestFastDecoder:
    """The technique."""

    @pytest.mark.parametrize("form", ["numpy", forms.possible_forms()[0]])
    @pytest.mark.parametrize("tied", [False, True])
    def test_it_writes_what_the_model_writes(self, monkeypatch, form, tied):
        """Every option, within the context and beyond; compiled or not."""
        monkeypatch.setenv(VARIABLE, form)
        gpt = small(tie_weights=tied, dropout=0.2)
        fast = fast_decoder(gpt)
        for options in ({"temperature": 0}, {"seed": 1}, {"seed": 2, "top_k": 4, "top_p": 0.9}):
            expected = gpt.generate(prompts(), 20, **options).data
            assert np.array_equal(fast.generate(prompts(), 20, **options).data, expected)
        assert gpt.training, "the model is left alone"

    def test_a_cache_of_bytes_changes_little(self):
        """Logits, over a whole context."""
        gpt, ids = small().eval(), np.array([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3]])
        fast = fast_decoder(gpt, dtype="int8")
        cache = fast.cache(1, 16)
        assert type(cache) is Int8KVCache
        for end in range(1, 17):
            assert fast.next_logits(ids[:, :end], cache) == pytest.approx(gpt(ids[:, :end]).data[:, -1], abs=0.05)

    @pytest.mark.parametrize("calibration", [None, [Tensor(prompts())]], ids=["dynamic", "static"])
    @pytest.mark.parametrize("tied", [False, True])
    def test_a_quantized_model_stays_quantized(self, calibration, tied):
        """Its steps work on its bytes, and give what it gives but for a rounding now and then."""
        smaller = quantize(small(tie_weights=tied).eval(), calibration)
        fast, ids = fast_decoder(smaller), np.array([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3]])
        assert all(isinstance(layer, Int8) for layer in fast.decoder.layers)
        cache, expected = fast.cache(1, 16), smaller(ids).data[0]
        found = np.concatenate([fast.step(ids[:, place], cache) for place in range(16)])
        assert found == pytest.approx(expected, abs=0.03)
        assert np.median(np.abs(found - expected)) < 0.003
        assert fast.generate(prompts(), 8, seed=0).shape == (2, 12)

    def test_later_changes_of_the_weights_are_not_seen(self, dtype):
        """It is a copy, and so are its results."""
        gpt = small()
        fast = fast_decoder(gpt, dtype=dtype)
        before = fast.generate(prompts(), 8, seed=0).tolist()
        for tensor in gpt.parameters():
            tensor.data[...] = 0
        assert fast.generate(prompts(), 8, seed=0).tolist() == before

    def test_it_survives_a_pickle(self, dtype):
        """And is made anew there."""
        fast = fast_decoder(small(), dtype=dtype)
        copy = pickle.loads(pickle.dumps(fast))  # noqa: S301  our own
        assert copy.generate(prompts(), 8, seed=0).tolist() == fast.generate(prompts(), 8, seed=0).tolist()
        assert repr(copy) == f"FastDecoder(GPT(11, 32, 2, 4, 16, tie_weights=False, dropout=0.0), dtype={dtype!r})"

    def test_it_is_a_model(self):
        """Logits of whole sequences, no parameters to train, arrays to be counted."""
        gpt = small()
        fast = fast_decoder(gpt)
        assert np.array_equal(fast(prompts()).data, gpt(prompts()).data)
        assert fast.parameters() == []
        assert list(fast.state_dict()) == list(gpt.state_dict())

    @pytest.mark.parametrize("rows", [1, 5, 100])
    def test_a_prompt_is_read_in_pieces(self, rows):
        """As many tokens at once as share the weights; the logits are those of the whole."""
        manual_seed(0)
        gpt = GPT(11, 16, 2, 2, 130).eval()
        fast, ids = fast_decoder(gpt), RNG.integers(0, 11, (rows, 130))
        found = fast.step(ids, fast.cache(rows, 130))
        assert found == pytest.approx(gpt.features(ids, only_last=True).data[:, 0] @ gpt.lm_head.weight.data, abs=1e-5)

    def test_two_callers_do_not_meet(self):
        """Results are arrays of their own, and caches are the callers'."""
        fast = fast_decoder(small())
        caches = [fast.cache(1, 8), fast.cache(1, 8)]
        first = [fast.step(np.array([token]), cache) for token, cache in zip((1, 2), caches, strict=True)]
        again = fast.step(np.array([1]), fast.cache(1, 8))
        assert np.array_equal(first[0], again)
        assert not np.array_equal(first[1], again)

    def test_wrong_tokens_and_caches_are_refused(self, dtype):
        """Compiled code reads memory by them."""
        fast = fast_decoder(small(), dtype=dtype)
        for token in (-1, 11):
            with pytest.raises(RangeError, match=r"a token must be in \[0, 11\)"):
                fast.step(np.array([token]), fast.cache(1, 4))
        with pytest.raises(ShapeError, match="for 2 sequences of this model"):
            fast.step(np.array([1, 2]), fast.cache(1, 4))
        for tokens in (np.zeros((1, 0)), np.zeros((1, 1, 1)), np.array(1)):
            with pytest.raises(ShapeError, match=r"tokens must be of shape \(B,\) or \(B, T\), not empty"):
                fast.step(tokens, fast.cache(1, 4))
        full = fast.cache(1, 1)
        fast.step(np.array([1]), full)
        with pytest.raises(RangeError, match=r"at most 1; got 1 \+ 1"):
            fast.step(np.array([1]), full)

    def test_the_other_kind_of_cache_is_refused(self):
        """It is made for one."""
        with pytest.raises(DTypeError, match="float32; got int8"):
            fast_decoder(small()).step(np.array([1]), fast_decoder(small(), dtype="int8").cache(1, 4))

    def test_other_models_are_refused(self):
        """A part that is not what it seems would be computed wrongly."""
        with pytest.raises(DTypeError, match="the model must be a GPT; got Linear"):
            fast_decoder(Linear(2, 2))
        with pytest.raises(DTypeError, match=r"must be float32; got float64. Use astype\('float32'\)"):
            fast_decoder(small().astype("float64"))
        gpt = small()
        gpt.blocks[1].mlp.gelu = lambda x: x
        with pytest.raises(DTypeError, match=r"must be a GELU; got function — at blocks.1.mlp.gelu"):
            fast_decoder(gpt)
        mixed = quantize(small())
        mixed.blocks[0].mlp.linear2 = small().blocks[0].mlp.linear2
        with pytest.raises(DTypeError, match=r"must be a QuantizedLinear; got Linear — at blocks.0.mlp.linear2"):
            fast_decoder(mixed)
        mixed = quantize(small(), [Tensor(prompts())])
        mixed.blocks[0].attention.k_proj.input_scale = 2.5
        with pytest.raises(DTypeError, match=r"layers that read the same must be calibrated alike; got .*2.5"):
            fast_decoder(mixed)
        with pytest.raises(RangeError, match="dtype must be float32 or int8; got int4"):
            fast_decoder(small(), dtype="int4")
