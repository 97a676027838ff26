"""Transformers: normalization, blocks, and a language model that attends, learns and generates."""

import numpy as np
import pytest

from tinytorch.core.activations import GELU
from tinytorch.core.autograd import gradcheck, no_grad
from tinytorch.core.layers import Linear
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.core.transformers import GPT, MLP, LayerNorm, TransformerBlock, create_causal_mask
from tinytorch.errors import RangeError, ShapeError

TEXT = "a rose is a rose is a rose; "


def random(*shape, dtype="float32"):
    """Give a tensor that requires grad."""
    return Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True, dtype=dtype)


def small(**options):
    """Make a seeded language model."""
    manual_seed(0)
    return GPT(11, 16, 2, 4, 8, **options)


def tokens(rows=2, length=8, seed=0):
    """Draw token ids."""
    return np.random.default_rng(seed).integers(0, 11, (rows, length))


class TestLayerNorm:
    """Normalizing rows."""

    @pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
    def test_rows_come_out_with_mean_0_and_biased_variance_1(self, shape):
        """Whatever their place and scale."""
        out = LayerNorm(4)(random(*shape) * 100 + 7).data
        assert np.allclose(out.mean(axis=-1), 0, atol=1e-5)
        assert np.allclose(out.var(axis=-1), 1, atol=1e-3)

    def test_mean_and_variance_are_part_of_the_gradient(self):
        """A row's gradients are orthogonal to the row's ones and to the row itself, up to eps."""
        x = random(3, 5, dtype="float64")
        layer = LayerNorm(5, eps=1e-12).astype("float64")
        layer(x).backward(np.random.default_rng(1).normal(size=(3, 5)))
        assert np.allclose(x.grad.sum(axis=-1), 0)
        assert np.allclose((x.grad * x.data).sum(axis=-1), 0, atol=1e-9)
        assert gradcheck(lambda *_: layer(x), x, *layer.parameters())

    def test_a_far_away_row_loses_no_digits_to_its_mean(self):
        """The mean is subtracted before squaring."""
        x = np.array([[1.0, 2.0, 3.0, 4.0]])
        assert np.allclose(LayerNorm(4)(Tensor(x + 4096)).data, LayerNorm(4)(Tensor(x)).data, atol=1e-4)

    def test_a_constant_row_gives_beta(self):
        """`eps` keeps 0 / 0 away; a row of one element is constant."""
        for size in (1, 3):
            layer = LayerNorm(size)
            layer.beta.data[:] = 0.5
            x = Tensor(np.full((2, size), 3.0), requires_grad=True)
            out = layer(x)
            out.sum().backward()
            assert (np.unique(out.data).tolist(), np.unique(x.grad).tolist()) == ([0.5], [0.0])

    @pytest.mark.parametrize("size", [0, 2.0, (2, 3), (), True])
    def test_a_size_that_is_none_is_refused(self, size):
        """One axis, at least 1 long."""
        with pytest.raises(RangeError, match="normalized_shape must be a whole number above 0"):
            LayerNorm(size)

    @pytest.mark.parametrize("eps", [0, -1, float("nan"), float("inf")])
    def test_an_eps_that_keeps_nothing_away_is_refused(self, eps):
        """0 divides by 0 on a constant row."""
        with pytest.raises(RangeError, match="eps must be a finite number above 0"):
            LayerNorm(3, eps)

    @pytest.mark.parametrize("shape", [(2, 4), (), (3, 1)])
    def test_another_last_size_is_refused(self, shape):
        """1 would broadcast silently."""
        with pytest.raises(ShapeError, match="D above 0"):
            LayerNorm(3)(Tensor(np.zeros(shape)))


class TestParts:
    """The perceptron and the block."""

    def test_the_perceptron_is_four_times_as_wide_inside(self):
        """Unless told otherwise; its parts have their names."""
        layer = MLP(6)
        assert (layer.hidden_dim, MLP(6, 10).hidden_dim) == (24, 10)
        assert [type(part) for part in (layer.linear1, layer.gelu, layer.linear2)] == [Linear, GELU, Linear]
        assert len(layer.parameters()) == 4

    def test_parameters_of_a_block_come_as_attention_norms_perceptron(self):
        """The order that optimizers and checkpoints rely on."""
        block = TransformerBlock(8, 2)
        parts = [*block.attention.parameters(), *block.ln1.parameters(), *block.ln2.parameters()]
        expected = [*parts, *block.mlp.parameters()]
        assert [id(p) for p in block.parameters()] == [id(p) for p in expected]
        assert (len(expected), block.mlp.hidden_dim, TransformerBlock(8, 2, 2).mlp.hidden_dim) == (16, 32, 16)

    def test_a_block_adds_to_what_came_in(self):
        """With silenced parts it is the identity."""
        block = TransformerBlock(8, 2, dropout_prob=0.0)
        for layer in (block.attention.out_proj, block.mlp.linear2):
            layer.weight.data[...] = 0
        x = random(2, 3, 8)
        assert np.array_equal(block(x).data, x.data)

    def test_a_block_normalizes_before_each_part(self):
        """Normalization is inside the sum."""
        block, x = TransformerBlock(8, 2, dropout_prob=0.0), random(2, 3, 8)
        middle = x + block.attention(block.ln1(x))
        assert np.array_equal(block(x).data, (middle + block.mlp(block.ln2(middle))).data)

    @pytest.mark.parametrize("additive", [False, True])
    def test_a_block_takes_masks_of_both_kinds(self, additive):
        """A causal mask of either kind is the causal option."""
        block, x = TransformerBlock(8, 2, dropout_prob=0.0), random(2, 5, 8)
        keep = create_causal_mask(5)
        mask = np.where(keep.data, 0, -np.inf) if additive else keep
        assert np.allclose(block(x, mask).data, block(x, causal=True).data, atol=1e-5)

    def test_the_causal_mask_is_lower_triangular_ones(self):
        """Of shape (1, T, T)."""
        assert np.array_equal(create_causal_mask(4).data, np.tri(4)[None])

    @pytest.mark.parametrize("make", [lambda p: MLP(4, dropout_prob=p), lambda p: TransformerBlock(4, 2, 4, p)])
    def test_dropout_is_on_in_training_only(self, make):
        """It draws anew each time, and is gone in eval; training comes first."""
        layer, x = make(0.5), random(2, 3, 4)
        assert not np.allclose(layer(x).data, layer(x).data)
        assert np.array_equal(layer.eval()(x).data, layer(x).data)
        assert np.array_equal(make(0.0).train()(x).shape, x.shape)
        with pytest.raises(RangeError, match="a ratio in"):
            make(1.5)

    def test_dropout_keeps_the_expected_output_of_the_perceptron(self):
        """Survivors are scaled: the average over many draws is the output without."""
        manual_seed(0)
        layer, x = MLP(4, dropout_prob=0.5), random(1, 4)
        mean = np.mean([layer(x).data for _ in range(4000)], axis=0)
        assert np.allclose(mean, layer.eval()(x).data, atol=0.1)


class TestGPT:
    """The language model."""

    def test_the_parts_have_their_names(self):
        """As users and other tools look for them."""
        gpt = small()
        assert (gpt.vocab_size, gpt.embed_dim, gpt.num_layers, gpt.num_heads, gpt.max_seq_len) == (11, 16, 2, 4, 8)
        assert (gpt.token_embedding.weight.shape, gpt.position_embedding.weight.shape) == ((11, 16), (8, 16))
        assert (len(gpt.blocks), type(gpt.ln_f), gpt.lm_head.weight.shape, gpt.lm_head.bias) == (
            2,
            LayerNorm,
            (16, 11),
            None,
        )
        assert GPT(5, 4, 1, 1).max_seq_len == 1024

    def test_changing_the_future_leaves_the_past_exactly_as_it_was(self):
        """At each position; and the position itself does change."""
        gpt, before = small(), tokens()
        logits = gpt(before).data
        for position in range(1, 8):
            after = before.copy()
            after[:, position] = (after[:, position] + 1) % 11
            changed = gpt(after).data
            assert np.array_equal(changed[:, :position], logits[:, :position])
            assert not np.allclose(changed[:, position], logits[:, position])

    def test_changing_the_past_changes_the_future(self):
        """The model attends: the last logits depend on the first token."""
        gpt, before = small(), tokens()
        after = before.copy()
        after[:, 0] = (after[:, 0] + 1) % 11
        assert np.abs(gpt(after).data[:, -1] - gpt(before).data[:, -1]).max() > 1e-3

    def test_attention_is_no_plain_average_of_the_past(self):
        """Allowed scores count: turning the queries changes the logits."""
        gpt, ids = small(), tokens()
        before = gpt(ids).data
        gpt.blocks[0].attention.q_proj.weight.data *= -3
        assert np.abs(gpt(ids).data - before).max() > 1e-3

    def test_rows_of_a_batch_do_not_see_each_other(self):
        """Each row gets the logits it gets alone."""
        gpt, ids = small(), tokens(3)
        for row in range(3):
            assert np.allclose(gpt(ids).data[row], gpt(ids[row : row + 1]).data[0], atol=1e-5)

    @pytest.mark.parametrize("tie", [False, True])
    def test_a_gradient_reaches_every_parameter(self, tie):
        """Through both embeddings, all blocks and the head."""
        gpt = small(tie_weights=tie)
        CrossEntropyLoss()(gpt(tokens()), tokens(seed=1)).backward()
        assert [name for name, p in gpt.named_parameters() if p.grad is None or not np.abs(p.grad).max() > 0] == []

    def test_tied_weights_are_one_parameter_that_gets_both_gradients(self):
        """The gradient as embedding and as head, as an untied model of the same weights has them apart."""
        tied, apart = small(tie_weights=True), small()
        for name, parameter in tied.named_parameters():
            dict(apart.named_parameters())[name].data[...] = parameter.data
        apart.lm_head.weight.data[...] = tied.token_embedding.weight.data.T
        for gpt in (tied, apart):
            CrossEntropyLoss()(gpt(tokens()), tokens(seed=1)).backward()
        assert len(tied.parameters()) == len(apart.parameters()) - 1
        expected = apart.token_embedding.weight.grad + apart.lm_head.weight.grad.T
        assert np.allclose(tied.token_embedding.weight.grad, expected, atol=1e-6)

    def test_a_model_knows_itself_again_after_saving(self, tmp_path):
        """Tied or not."""
        for tie in (False, True):
            gpt = small(tie_weights=tie)
            gpt.save(tmp_path / "gpt.safetensors")
            other = GPT(11, 16, 2, 4, 8, tie_weights=tie)
            other.load(tmp_path / "gpt.safetensors")
            assert np.array_equal(other(tokens()).data, gpt(tokens()).data)

    def test_it_memorizes_a_small_text(self):
        """Loss near 0, and greedy generation recites it."""
        letters = sorted(set(TEXT))
        ids = np.array([letters.index(letter) for letter in TEXT])
        manual_seed(0)
        gpt = GPT(len(letters), 32, 1, 4, len(ids))
        optimizer = Adam(gpt.parameters(), lr=0.01)
        for _ in range(100):
            loss = CrossEntropyLoss()(gpt(ids[None, :-1]), ids[None, 1:])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        assert loss.item() < 0.02
        recited = gpt.generate([ids[:3]], len(ids) - 3, temperature=0)
        assert "".join(letters[int(i)] for i in recited.data[0]) == TEXT

    def test_dropout_is_off_unless_asked_for_and_off_in_eval(self):
        """The default model is deterministic; one with dropout is so after `eval`."""
        assert np.array_equal(small()(tokens()).data, small()(tokens()).data)
        gpt = small(dropout=0.3)
        assert {block.dropout.p for block in gpt.blocks} == {0.3}
        assert not np.array_equal(gpt(tokens()).data, gpt(tokens()).data)
        assert np.array_equal(gpt.eval()(tokens()).data, gpt(tokens()).data)
        assert np.allclose(gpt(tokens()).data, small()(tokens()).data)

    @pytest.mark.parametrize("ids", [[0, 1], [[[0]]], [[0] * 9]])
    def test_what_is_no_batch_of_sequences_that_fit_is_refused(self, ids):
        """With the longest that does."""
        with pytest.raises(ShapeError, match=r"tokens must be of shape \(B, T\), T at most 8"):
            small()(ids)

    def test_an_unknown_token_is_refused(self):
        """As a ValueError."""
        with pytest.raises(ValueError, match=r"in \[0, 11\)"):
            small()([[11]])

    def test_positions_can_start_later(self):
        """What comes after kept positions is embedded as in the whole sequence."""
        gpt, ids = small(), tokens()
        assert np.array_equal(gpt.embed(ids[:, 5:], start=5).data, gpt.embed(ids).data[:, 5:])
        with pytest.raises(ShapeError, match="T at most 3"):
            gpt.embed(ids, start=5)


class TestGeneration:
    """Continuing a prompt."""

    def test_the_prompt_stays_and_new_tokens_follow(self):
        """(B, n) gives (B, n + new), of the prompt's kind of number."""
        out = small().generate(Tensor(tokens(2, 3)), 4)
        assert (out.shape, out.dtype, out.requires_grad) == ((2, 7), "float32", False)
        assert np.array_equal(out.data[:, :3], tokens(2, 3))
        assert small().generate(tokens(2, 3), 4).dtype == "int64"
        assert small().generate(tokens(1, 1)).shape == (1, 51)

    def test_greedy_takes_the_likeliest_each_time(self):
        """Temperature 0; and nothing is drawn."""
        gpt = small()
        out = gpt.generate(tokens(2, 3), 5, temperature=0).data
        for end in range(3, 8):
            assert np.array_equal(out[:, end], gpt(out[:, :end]).data[:, -1].argmax(-1))
        draws = []
        for steps in (0, 5):
            manual_seed(0)
            gpt.generate(tokens(2, 3), steps, temperature=0)
            draws.append(np.random.random_sample())  # noqa: NPY002  the state that would have been drawn from
        assert draws[0] == draws[1]

    def test_beyond_the_context_the_model_sees_its_last_window(self):
        """Each token follows from the `max_seq_len` before it."""
        gpt = small()
        out = gpt.generate(tokens(2, 3), 20, temperature=0).data
        assert out.shape == (2, 23)
        for end in range(3, 23):
            assert np.array_equal(out[:, end], gpt(out[:, max(0, end - 8) : end]).data[:, -1].argmax(-1))

    def test_a_prompt_longer_than_the_context_is_continued(self):
        """Its end is what is seen."""
        gpt, ids = small(), tokens(1, 12)
        out = gpt.generate(ids, 1, temperature=0).data
        assert np.array_equal(out, gpt.generate(ids, 1, temperature=0).data)
        assert out[0, -1] == gpt.generate(ids[:, -8:], 1, temperature=0).data[0, -1]

    def test_a_seed_decides(self):
        """The same seed gives the same text, whatever the global state, which is left alone; another, another."""
        gpt = small()
        np.random.seed(1)  # noqa: NPY002
        first = gpt.generate(tokens(2, 3), 20, seed=5).data
        drawn = np.random.random_sample()  # noqa: NPY002
        np.random.seed(1)  # noqa: NPY002
        assert np.random.random_sample() == drawn  # noqa: NPY002
        assert np.array_equal(gpt.generate(tokens(2, 3), 20, seed=5).data, first)
        assert not np.array_equal(gpt.generate(tokens(2, 3), 20, seed=6).data, first)

    def test_without_a_seed_the_global_state_decides(self):
        """`np.random.seed` makes it repeatable; two calls in a row differ."""
        gpt, runs = small(), []
        for _ in range(2):
            np.random.seed(3)  # noqa: NPY002
            runs.append([gpt.generate(tokens(1, 3), 20).data.tolist() for _ in range(2)])
        assert runs[0] == runs[1]
        assert runs[0][0] != runs[0][1]

    def test_a_row_does_not_depend_on_the_rows_beside_it(self):
        """With a seed, each row has its own draws: the first rows of a batch are those of a smaller one."""
        gpt, ids = small(), tokens(4, 3)
        whole = gpt.generate(ids, 10, seed=2).data
        assert np.array_equal(gpt.generate(ids[:2], 10, seed=2).data, whole[:2])
        alike = gpt.generate(np.repeat(ids[:1], 4, axis=0), 10, seed=2).data
        assert len({tuple(row) for row in alike.tolist()}) > 1, "rows of one prompt are not copies"

    def test_dropout_is_off_while_generating_and_back_on_after(self):
        """Each layer gets back the mode it had."""
        gpt = small(dropout=0.5)
        gpt.blocks[1].eval()
        out = gpt.generate(tokens(1, 3), 5, temperature=0).data
        assert np.array_equal(out, small().generate(tokens(1, 3), 5, temperature=0).data)
        assert (gpt.training, gpt.blocks[0].mlp.dropout.training, gpt.blocks[1].mlp.dropout.training) == (
            True,
            True,
            False,
        )

    def test_top_k_of_1_is_greedy(self):
        """Whatever the temperature; and so is a top_p that one token reaches."""
        gpt = small()
        greedy = gpt.generate(tokens(2, 3), 6, temperature=0).data
        assert np.array_equal(gpt.generate(tokens(2, 3), 6, 5.0, 1).data, greedy)
        assert np.array_equal(gpt.generate(tokens(2, 3), 6, 1.0, None, 1e-9).data, greedy)

    @pytest.mark.parametrize("prompt", [[1, 2], [[]], 3])
    def test_what_is_no_batch_of_prompts_is_refused(self, prompt):
        """A single one goes into a batch of one."""
        with pytest.raises(ShapeError, match=r"of shape \(B, n\), not empty"):
            small().generate(prompt)

    @pytest.mark.parametrize("count", [-1, 1.5, True])
    def test_a_count_that_is_none_is_refused(self, count):
        """0 is one, and adds nothing."""
        assert small().generate([[1, 2]], 0).tolist() == [[1, 2]]
        with pytest.raises(RangeError, match="max_new_tokens must be a whole number of at least 0"):
            small().generate([[1]], count)

    @pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_k": 3}, {"top_p": 0.8}], ids=str)
    @pytest.mark.parametrize("rows", [1, 3])
    def test_a_cache_changes_nothing(self, options, rows):
        """The same seeds give the same tokens, within the context and beyond it; dropout is off on both ways."""
        gpt = small(dropout=0.3)
        cached, plain = (gpt.generate(tokens(rows, 3), 12, seed=4, cached=on, **options).data for on in (True, False))
        assert np.array_equal(cached, plain)

    def test_each_token_is_read_once_within_the_context(self):
        """And a whole window for each beyond it, where all positions move."""
        gpt, seen = small(), []
        real = gpt.features
        gpt.features = lambda ids, start, *rest, **how: (
            seen.append((ids.shape[1], start)) or real(ids, start, *rest, **how)
        )
        gpt.generate(tokens(1, 3), 8, temperature=0)
        assert seen == [(3, 0), (1, 3), (1, 4), (1, 5), (1, 6), (1, 7), (8, 0), (8, 0)]

    def test_the_last_position_alone_is_the_last_of_all(self):
        """The last block is spared the others."""
        gpt = small().eval()
        whole, last = gpt.features(tokens()), gpt.features(tokens(), only_last=True)
        assert last.shape == (2, 1, 16)
        assert np.allclose(last.data, whole.data[:, -1:], rtol=0, atol=1e-6)
        x = gpt.embed(tokens())
        assert np.allclose(gpt.blocks[0].last(x).data, gpt.blocks[0](x, causal=True).data[:, -1:], rtol=0, atol=1e-6)

    def test_a_model_of_doubles_keeps_doubles(self):
        """Its logits with a cache are as exact as without."""
        gpt = small().astype("float64").eval()
        cache = gpt._cache(1, 8)
        with no_grad():
            found = [gpt.next_logits(tokens(1, 6)[:, :end], cache) for end in (3, 4, 5, 6)]
        assert cache.dtype == np.float64
        assert np.allclose(found[-1], gpt(tokens(1, 6)).data[:, -1], rtol=0, atol=1e-13)
