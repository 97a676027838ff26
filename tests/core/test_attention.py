"""Attention: masks of both kinds, causality, heads, and what is refused."""

import math

import numpy as np
import pytest

from tinytorch.core import ops
from tinytorch.core.attention import MASK_VALUE, MultiHeadAttention, scaled_dot_product_attention
from tinytorch.core.autograd import gradcheck, no_grad
from tinytorch.core.ops.queries import BLOCK
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.core.transformers import create_causal_mask
from tinytorch.errors import RangeError, ShapeError

LOWER = np.tri(4)
HIGHEST_BLOCKED = 1e-6


def random(*shape, seed=0, dtype="float32"):
    """Give a tensor that requires grad."""
    return Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True, dtype=dtype)


def triple(*shape, dtype="float32"):
    """Give queries, keys and values."""
    return [random(*shape, seed=seed, dtype=dtype) for seed in (1, 2, 3)]


class TestScaledDotProduct:
    """The function that gives output and weights."""

    def test_weights_of_identical_keys_are_even(self):
        """Nothing to choose by."""
        ones = Tensor(np.ones((1, 4, 2)))
        _, weights = scaled_dot_product_attention(ones, ones, random(1, 4, 2))
        assert np.allclose(weights.data, 0.25)

    def test_the_scale_is_the_root_of_the_width(self):
        """Scores of 4 and 0 at width 4 weigh as 2 and 0."""
        q, k = Tensor(2 * np.ones((1, 4))), Tensor([[0.5] * 4, [0.0] * 4])
        _, weights = scaled_dot_product_attention(q, k, k)
        assert weights.data[0, 0] == pytest.approx(1 / (1 + math.exp(-2)))

    def test_rows_of_weights_add_up_to_one_with_huge_scores_too(self):
        """The largest score is subtracted first."""
        q, k, v = triple(2, 3, 4)
        _, weights = scaled_dot_product_attention(q * 1e4, k * 1e4, v)
        assert np.allclose(weights.data.sum(axis=-1), 1)

    def test_both_results_carry_gradients(self):
        """The weights can be trained on too."""
        tensors = triple(2, 3, 4, dtype="float64")
        mask = np.tri(3)
        for part in (0, 1):
            assert gradcheck(lambda *qkv, part=part: scaled_dot_product_attention(*qkv, mask)[part], *tensors)

    def test_the_fused_op_gives_the_same_output(self):
        """It only keeps the weights to itself."""
        q, k, v = triple(2, 3, 4)
        output, _ = scaled_dot_product_attention(q, k, v, causal=True)
        assert np.allclose(ops.attention(q, k, v, causal=True).data, output.data, atol=1e-6)


class TestMasks:
    """The two kinds, and telling them apart."""

    @pytest.mark.parametrize(
        "mask",
        [
            LOWER.astype(bool),
            LOWER,
            LOWER.astype(int),
            Tensor(LOWER),
            LOWER.tolist(),
            np.where(LOWER, 0, -np.inf),
            np.where(LOWER, 0, MASK_VALUE),
            np.where(LOWER, 0, np.finfo("f4").min),
            create_causal_mask(4),
        ],
        ids=["bool", "01", "int", "tensor", "list", "-inf", "-1e9", "lowest", "create_causal_mask"],
    )
    def test_all_ways_to_say_causal_agree(self, mask):
        """And allowed scores still count: the weights are no plain average of the past."""
        q, k, v = triple(1, 4, 8)
        output, weights = scaled_dot_product_attention(q, k, v, mask)
        expected, expected_weights = scaled_dot_product_attention(q, k, v, causal=True)
        assert np.allclose(output.data, expected.data, atol=1e-6)
        assert np.array_equal(weights.data, expected_weights.data)
        assert weights.data[0][np.triu_indices(4, 1)].tolist() == [0.0] * 6
        assert np.ptp(weights.data[0, 3]) > 0.1

    def test_an_additive_mask_shifts_scores(self):
        """By log 3, a weight becomes three times the other."""
        q, v = Tensor(np.zeros((2, 1))), random(2, 1)
        _, weights = scaled_dot_product_attention(q, q, v, [[0, -math.log(3)], [0, 0]])
        assert np.allclose(weights.data, [[0.75, 0.25], [0.5, 0.5]])

    @pytest.mark.parametrize("mask", [np.zeros((3, 3), bool), np.zeros((3, 3)), np.full((3, 3), -np.inf), MASK_VALUE])
    def test_a_row_that_may_look_at_nothing_gives_zeros_not_nan(self, mask):
        """Forward and backward, from either function."""
        tensors = triple(1, 3, 2)
        output, weights = scaled_dot_product_attention(*tensors, np.broadcast_to(mask, (3, 3)))
        fused_output = ops.attention(*tensors, mask=np.zeros((3, 3), bool))
        (output.sum() + weights.sum() + fused_output.sum()).backward()
        for found in (output.data, weights.data, fused_output.data, *(tensor.grad for tensor in tensors)):
            assert np.array_equal(found, np.zeros_like(found))

    def test_zeros_alone_block_unless_called_additive(self):
        """{0, 1} is a keep-mask, whatever is in it; `additive` says otherwise."""
        q, k, v = triple(1, 3, 2)
        plain = scaled_dot_product_attention(q, k, v)[1]
        assert not scaled_dot_product_attention(q, k, v, np.zeros((3, 3)))[1].data.any()
        assert np.array_equal(
            scaled_dot_product_attention(q, k, v, np.zeros((3, 3)), additive=True)[1].data, plain.data
        )

    def test_numbers_called_additive_are_added_even_without_a_negative_one(self):
        """A bias towards something."""
        q, v = Tensor(np.zeros((1, 1))), random(2, 1)
        _, weights = scaled_dot_product_attention(q, Tensor(np.zeros((2, 1))), v, [[math.log(3), 0]], additive=True)
        assert np.allclose(weights.data, [[0.75, 0.25]])

    @pytest.mark.parametrize(
        ("mask", "additive"),
        [
            ([[0.5, 1.0]], None),
            ([[2.0, 0.0]], None),
            ([[math.nan, -1.0]], None),
            ([[math.nan, 1.0]], None),
            ([[math.inf, -1.0]], None),
            ([[-1.0, 0.0]], False),
            ([[math.nan, 0.0]], True),
        ],
    )
    def test_what_is_neither_kind_is_refused(self, mask, additive):
        """Rather than guessed at."""
        q, v = random(1, 2), random(2, 2)
        with pytest.raises(RangeError, match="a mask must be of 0 and 1"):
            scaled_dot_product_attention(q, v, v, mask, additive=additive)

    def test_blocked_weights_are_exactly_zero(self):
        """Not merely small: what is blocked cannot be seen at all."""
        q, k, v = triple(2, 4, 8)
        mask = np.random.default_rng(4).random((2, 4, 4)) < 0.6
        mask[..., 0] = True
        _, weights = scaled_dot_product_attention(q, k, v, mask)
        assert np.all(weights.data[~mask] == 0)
        assert np.all(weights.data[mask] > HIGHEST_BLOCKED)


class TestBlocks:
    """The fused op takes queries in blocks; results do not show where they are cut."""

    @pytest.mark.parametrize("kept", [0, 10**9], ids=["computed again", "kept"])
    @pytest.mark.parametrize("room", [1, 2**18], ids=["a sequence at a time", "together"])
    @pytest.mark.parametrize("options", [{"causal": True}, {}, {"mask": "some"}], ids=["causal", "all", "masked"])
    def test_blocks_agree_with_one_softmax_over_all(self, options, room, kept, monkeypatch):
        """Values and gradients, over two whole blocks and a rest, with weights kept for backprop or not."""
        monkeypatch.setattr("tinytorch.core.ops.queries.KEPT", kept)
        monkeypatch.setattr("tinytorch.core.ops.queries.ROOM", room)
        length = 2 * BLOCK + 5
        if "mask" in options:
            options = {"mask": np.random.default_rng(5).random((length, length)) < 0.5}
        ours, theirs = triple(2, length, 3, dtype="float64"), triple(2, length, 3, dtype="float64")
        g = np.random.default_rng(6).normal(size=(2, length, 3))
        whole = ops.matmul(ops.attention_weights(*theirs[:2], **options), theirs[2])
        blocks = ops.attention(*ours, **options)
        whole.backward(g)
        blocks.backward(g)
        assert np.allclose(blocks.data, whole.data, rtol=1e-12, atol=1e-13)
        for mine, other in zip(ours, theirs, strict=True):
            assert np.allclose(mine.grad, other.grad, rtol=1e-11, atol=1e-12)

    def test_causal_attention_looks_at_no_key_after_its_block(self):
        """What comes later may be anything, NaN too: it is not computed with."""
        q, k, v = triple(1, 2 * BLOCK, 4)
        expected = ops.attention(q, k, v, causal=True).data[:, :BLOCK]
        k.data[:, BLOCK:] = np.nan
        assert np.array_equal(ops.attention(q, k, v, causal=True).data[:, :BLOCK], expected)

    def test_a_query_beside_more_keys_is_the_last_one(self):
        """As when keys of the past are kept: a step at a time gives the rows of the whole."""
        q, k, v = triple(1, 5, 4)
        whole = ops.attention(q, k, v, causal=True).data
        for end in range(1, 6):
            step = ops.attention(q[:, end - 1 : end], k[:, :end], v[:, :end], causal=True)
            assert np.allclose(step.data[:, 0], whole[:, end - 1], atol=1e-6)

    def test_fewer_keys_than_queries_are_no_past(self):
        """The first queries would come before the first key."""
        q, k, v = triple(1, 5, 4)
        with pytest.raises(ShapeError, match="at least as many keys as queries where causal"):
            ops.attention(q, k[:, :3], v[:, :3], causal=True)

    @pytest.mark.parametrize("shapes", [((3, 4), (3, 5), (3, 5)), ((3, 4), (3, 4), (2, 4)), ((4,), (3, 4), (3, 4))])
    def test_shapes_that_do_not_fit_are_refused(self, shapes):
        """In the op's own words."""
        with pytest.raises(ShapeError, match=r"of shapes \(..., T, D\), \(..., S, D\) and \(..., S, E\)"):
            ops.attention(*(Tensor(np.zeros(shape)) for shape in shapes))

    def test_strided_heads_are_used_where_they_lie(self):
        """The output has the layout of the queries, so that joining the heads copies nothing."""
        x = random(2, 6, 8)
        q = x.reshape(2, 6, 2, 4).transpose(1, 2)
        out = ops.attention(q, q, q)
        assert np.shares_memory(out.data, out.transpose(1, 2).reshape(2, 6, 8).data)


class TestMultiHead:
    """Heads."""

    def test_the_parts_have_their_names_and_sizes(self):
        """Four projections with a bias, eight parameters."""
        layer = MultiHeadAttention(8, 2)
        assert (layer.embed_dim, layer.num_heads, layer.head_dim, len(layer.parameters())) == (8, 2, 4, 8)

    @pytest.mark.parametrize(("width", "heads"), [(8, 3), (2, 4)])
    def test_a_width_that_heads_do_not_divide_is_refused(self, width, heads):
        """As a ValueError."""
        with pytest.raises(RangeError, match=f"a multiple of num_heads, {heads}; got {width}"):
            MultiHeadAttention(width, heads)

    @pytest.mark.parametrize("shape", [(2, 3, 5), (3, 8), (1, 2, 3, 8)])
    def test_other_shapes_are_refused(self, shape):
        """For the input and for the context."""
        layer, fitting = MultiHeadAttention(8, 2), random(2, 3, 8)
        with pytest.raises(ShapeError, match=r"the input .* of shape \(B, T, 8\)"):
            layer(random(*shape))
        with pytest.raises(ShapeError, match=r"the context .* of shape \(B, T, 8\)"):
            layer(fitting, context=random(*shape))

    @pytest.mark.parametrize("shape", [(3, 3), (1, 3), (2, 3, 3), (1, 3, 3), (2, 4, 3, 3), (2, 1, 3, 3), (1, 4, 1, 3)])
    def test_masks_broadcast_over_batch_and_heads(self, shape):
        """(B, T, S) means the same for all heads, though there may be as many heads as rows."""
        layer, x = MultiHeadAttention(8, 4), random(2, 3, 8)
        mask = np.random.default_rng(1).random(shape) < 0.5
        mask[..., 0] = True
        full = mask[:, None] if mask.ndim == 3 else mask
        expected = layer(x, np.broadcast_to(full, (2, 4, 3, 3)))
        assert np.array_equal(layer(x, mask).data, expected.data)

    @pytest.mark.parametrize("shape", [(3,), (4, 3), (3, 4), (3, 3, 3), (2, 2, 3, 3), (1, 2, 1, 3, 3), ()])
    def test_other_masks_are_refused(self, shape):
        """With the shapes that would do."""
        rule = r"of shape \(3, 3\), \(2, 3, 3\) or \(2, 4, 3, 3\), or 1 in places"
        with pytest.raises(ShapeError, match=rule):
            MultiHeadAttention(8, 4)(random(2, 3, 8), np.ones(shape, bool))

    def test_causal_needs_no_mask(self):
        """And means what `create_causal_mask` means."""
        layer, x = MultiHeadAttention(8, 2), random(2, 5, 8)
        assert np.allclose(layer(x, causal=True).data, layer(x, create_causal_mask(5)).data, atol=1e-6)

    def test_the_heads_are_those_of_the_definition(self):
        """Each head attends with its own columns of the projections."""
        layer, x = MultiHeadAttention(6, 3), random(2, 4, 6)
        q, k, v = (projection(x).data for projection in (layer.q_proj, layer.k_proj, layer.v_proj))
        parts = []
        for head in range(3):
            columns = slice(2 * head, 2 * head + 2)
            scores = q[..., columns] @ k[..., columns].swapaxes(1, 2) / math.sqrt(2)
            weights = np.exp(scores)
            parts.append(weights / weights.sum(-1, keepdims=True) @ v[..., columns])
        expected = layer.out_proj(Tensor(np.concatenate(parts, axis=-1)))
        assert np.allclose(layer(x).data, expected.data, atol=1e-6)

    def test_cross_attention_looks_at_the_context(self):
        """Of another length; gradients reach both."""
        layer, x, context = MultiHeadAttention(4, 2), random(2, 3, 4), random(2, 5, 4, seed=9)
        out = layer(x, np.ones((3, 5), bool), context=context)
        out.sum().backward()
        assert (out.shape, x.grad.shape, context.grad.shape) == ((2, 3, 4), (2, 3, 4), (2, 5, 4))
        assert context.grad.any()

    def test_dropout_drops_weights_in_training_only(self):
        """By the global state; the mode decides."""
        layer, x = MultiHeadAttention(8, 2, dropout=0.5), random(2, 3, 8)
        plain = MultiHeadAttention(8, 2)
        plain.load_state_dict(layer.state_dict())
        draws = []
        for _ in range(2):
            manual_seed(3)
            draws.append(layer(x).data)
        assert np.array_equal(*draws)
        assert not np.allclose(draws[0], plain(x).data, atol=1e-3)
        assert np.allclose(layer.eval()(x).data, plain(x).data, atol=1e-6)

    def test_no_grad_computes_the_same(self):
        """Bit by bit."""
        layer, x = MultiHeadAttention(8, 2), random(2, 70, 8)
        expected = layer(x, causal=True).data
        with no_grad():
            assert np.array_equal(layer(x, causal=True).data, expected)


@pytest.mark.parametrize("shapes", [((2, 5, 8), None), ((1, 1, 8), None), ((3, 4, 8), (3, 6, 8)), ((2, 70, 8), None)])
@pytest.mark.parametrize("masked", [False, True])
def test_a_layer_of_heads_is_that_of_pytorch(shapes, masked):
    """With copied weights: the output, and the gradients of inputs and weights, in float64."""
    torch = pytest.importorskip("torch")
    layer = MultiHeadAttention(8, 4).astype("float64")
    theirs = torch.nn.MultiheadAttention(8, 4, batch_first=True, dtype=torch.float64)
    parts = [layer.q_proj, layer.k_proj, layer.v_proj]
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.from_numpy(np.concatenate([part.weight.data.T for part in parts])))
        theirs.in_proj_bias.copy_(torch.from_numpy(np.concatenate([part.bias.data for part in parts])))
        theirs.out_proj.weight.copy_(torch.from_numpy(layer.out_proj.weight.data.T.copy()))
        theirs.out_proj.bias.copy_(torch.from_numpy(layer.out_proj.bias.data))
    ours = [random(*shape, seed=at, dtype="float64") for at, shape in enumerate(shapes) if shape]
    twins = [torch.tensor(tensor.data, requires_grad=True) for tensor in ours]
    keep = np.random.default_rng(8).random((shapes[0][1], (shapes[1] or shapes[0])[1])) < 0.5
    keep[:, 0] = True
    out = layer(ours[0], keep if masked else None, context=ours[-1])
    their_mask = torch.from_numpy(~keep) if masked else None
    their_out, _ = theirs(twins[0], twins[-1], twins[-1], attn_mask=their_mask, need_weights=False)
    out.backward(np.ones(out.shape))
    their_out.backward(torch.ones_like(their_out))
    assert np.allclose(out.data, their_out.detach().numpy(), rtol=1e-11, atol=1e-12)
    pairs = [(tensor.grad, twin.grad.numpy()) for tensor, twin in zip(ours, twins, strict=True)]
    pairs.append((np.concatenate([part.weight.grad.T for part in parts]), theirs.in_proj_weight.grad.numpy()))
    pairs.append((layer.out_proj.bias.grad, theirs.out_proj.bias.grad.numpy()))
    for mine, other in pairs:
        assert np.allclose(mine, other, rtol=1e-10, atol=1e-11)
