"""Embeddings: what is looked up, what is refused, where gradients go."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.core import ops
from tinytorch.core.embeddings import Embedding, EmbeddingLayer, PositionalEncoding, create_sinusoidal_embeddings
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.errors import RangeError, ShapeError


class TestEmbedding:
    """A table with one row a token."""

    def test_weights_are_uniform_in_their_range(self):
        """U(-a, a) with a = sqrt(6 / (V + D)): near both ends, and of its standard deviation."""
        manual_seed(0)
        weight, bound = Embedding(300, 200).weight, math.sqrt(6 / 500)
        assert weight.requires_grad
        assert bound * 0.999 < np.abs(weight.data).max() <= bound
        assert weight.data.std() == pytest.approx(bound / math.sqrt(3), rel=0.01)

    @pytest.mark.parametrize("kind", [list, np.array, Tensor, lambda ids: Tensor(ids, dtype="int64")])
    def test_ids_come_as_lists_arrays_and_tensors(self, kind):
        """Of floats or whole numbers; what comes out is rows of the table."""
        layer = Embedding(5, 3)
        assert np.array_equal(layer(kind([[4, 0], [0, 2]])).data, layer.weight.data[[[4, 0], [0, 2]]])

    def test_no_ids_give_no_rows(self):
        """An empty batch is a batch."""
        assert Embedding(5, 3)([]).shape == (0, 3)

    @pytest.mark.parametrize(("wrong", "shown"), [(5, "5"), (-1, "-1"), (0.5, "0.5"), (math.nan, "nan")])
    def test_an_id_that_names_no_row_is_refused(self, wrong, shown):
        """Out of range, negative, fractional, NaN: as a ValueError that says the rule and the value."""
        with pytest.raises(RangeError, match=rf"whole numbers in \[0, 5\), one a row; got {shown}.*has 5 rows"):
            Embedding(5, 3)(Tensor([[0, wrong]]))

    def test_ids_above_two_to_the_24th_are_not_rounded(self):
        """An array of whole numbers is not turned into float32 on the way."""
        with pytest.raises(RangeError, match="got 16777217"):
            Embedding(5, 3)(np.array([2**24 + 1]))

    def test_a_row_taken_twice_gets_both_gradients_and_one_never_taken_exactly_0(self):
        """The gradient scatter-adds."""
        layer = Embedding(4, 2)
        out = layer(Tensor([1, 3, 1]))
        out.backward(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
        assert layer.weight.grad.tolist() == [[0, 0], [6, 8], [0, 0], [3, 4]]
        assert type(ops.embedding(layer.weight, Tensor([1]))._grad_fn).__name__ == "EmbeddingBackward"

    def test_weights_may_be_those_of_another_layer(self):
        """Shared weights collect the gradients of both."""
        first, second = Embedding(3, 2), Embedding(3, 2)
        second.weight = first.weight
        (first([0]) + second([0]) + second([2])).sum().backward()
        assert first.weight.grad.tolist() == [[2, 2], [0, 0], [1, 1]]

    @given(st.lists(st.integers(0, 6), max_size=30), st.sampled_from([1, 3, 256]))
    @settings(max_examples=30, deadline=None)
    def test_the_scattered_gradient_is_the_product_with_the_one_hot_matrix(self, ids, width):
        """Whatever repeats, and for narrow and wide rows, which are added by different code."""
        weight = Tensor(np.zeros((7, width)), requires_grad=True, dtype="float64")
        g = np.arange(len(ids) * width, dtype=float).reshape(len(ids), width)
        ops.embedding(weight, Tensor(ids, dtype="int64")).backward(g)
        assert np.array_equal(weight.grad, np.eye(7)[ids].T @ g if ids else np.zeros((7, width)))


class TestPositionalEncoding:
    """Learned positions."""

    def test_weights_are_uniform_in_their_range(self):
        """U(-a, a) with a = sqrt(2 / D)."""
        manual_seed(0)
        table, bound = PositionalEncoding(200, 50).position_embeddings, math.sqrt(2 / 50)
        assert (table.shape, table.requires_grad) == ((200, 50), True)
        assert bound * 0.999 < np.abs(table.data).max() <= bound

    def test_each_position_is_added_in_each_row_and_gathers_their_gradients(self):
        """And positions beyond the sequence get a gradient of exactly 0."""
        layer, x = PositionalEncoding(4, 2), Tensor(np.zeros((3, 2, 2)), requires_grad=True)
        out = layer(x)
        out.sum().backward()
        assert np.array_equal(out.data, np.broadcast_to(layer.position_embeddings.data[:2], (3, 2, 2)))
        assert layer.position_embeddings.grad.tolist() == [[3, 3], [3, 3], [0, 0], [0, 0]]
        assert x.grad.tolist() == np.ones((3, 2, 2)).tolist()

    @pytest.mark.parametrize("shape", [(2, 2), (2,), (1, 2, 3), (1, 1, 2, 2)])
    def test_what_is_not_a_batch_of_its_width_is_refused(self, shape):
        """The message says which shape is wanted."""
        with pytest.raises(ShapeError, match=r"of shape \(B, T, 2\)"):
            PositionalEncoding(4, 2)(Tensor(np.zeros(shape)))

    def test_a_sequence_that_is_too_long_is_refused(self):
        """There is no position for its end."""
        with pytest.raises(ShapeError, match="at most 4 positions; got 5"):
            PositionalEncoding(4, 2)(Tensor(np.zeros((1, 5, 2))))


class TestSinusoids:
    """Positions that are not learned."""

    @pytest.mark.parametrize(("length", "width"), [(7, 6), (7, 5), (1, 1), (3, 2)])
    def test_columns_are_sines_and_cosines_of_slower_and_slower_waves(self, length, width):
        """Against the formula, element by element; odd widths too."""
        table = create_sinusoidal_embeddings(length, width)
        for position, column in np.ndindex(length, width):
            angle = position / 10_000 ** (column // 2 * 2 / width)
            expected = math.cos(angle) if column % 2 else math.sin(angle)
            assert table.data[position, column] == pytest.approx(expected, abs=1e-6)
        assert (table.shape, table.requires_grad) == ((length, width), False)

    @pytest.mark.parametrize("sizes", [(0, 4), (4, 0), (2.5, 4)])
    def test_sizes_that_are_none_are_refused(self, sizes):
        """By a message that names the size."""
        with pytest.raises(RangeError, match="a whole number above 0"):
            create_sinusoidal_embeddings(*sizes)


class TestEmbeddingLayer:
    """Tokens and positions together."""

    @pytest.mark.parametrize("kind", ["learned", "sinusoidal", None])
    def test_one_sequence_and_a_batch_get_the_same_vectors(self, kind):
        """(T,) gives (T, D), (B, T) gives (B, T, D)."""
        layer = EmbeddingLayer(6, 4, 5, kind)
        single, batch = layer(Tensor([1, 5, 0])), layer(Tensor([[1, 5, 0], [2, 2, 2]]))
        assert (single.shape, batch.shape, layer.pos_encoding_type) == ((3, 4), (2, 3, 4), kind)
        assert np.array_equal(single.data, batch.data[0])

    def test_vectors_are_the_sum_of_token_and_position(self):
        """For both kinds of positions; without them, the token's alone."""
        for kind in ("learned", "sinusoidal", None):
            layer = EmbeddingLayer(6, 4, 5, kind)
            table = layer.pos_encoding.position_embeddings if kind == "learned" else layer.pos_encoding
            expected = layer.token_embedding.weight.data[[3, 1]] + (table.data[:2] if table is not None else 0)
            assert np.array_equal(layer([3, 1]).data, expected)

    def test_scaling_is_of_the_token_alone(self):
        """By sqrt(D), so that positions do not drown the token."""
        layer = EmbeddingLayer(6, 4, 5, "sinusoidal", scale_embeddings=True)
        expected = layer.token_embedding.weight.data[[3]] * 2 + layer.pos_encoding.data[:1]
        assert np.allclose(layer([3]).data, expected)

    @pytest.mark.parametrize(("kind", "count"), [("learned", 2), ("sinusoidal", 1), (None, 1)])
    def test_only_learned_positions_are_parameters(self, kind, count):
        """And every parameter is reached by a gradient."""
        layer = EmbeddingLayer(6, 4, 5, kind, scale_embeddings=True)
        layer([[0, 1], [2, 2]]).sum().backward()
        assert [parameter.grad is not None for parameter in layer.parameters()] == [True] * count

    @pytest.mark.parametrize("kind", ["learned", "sinusoidal"])
    def test_a_sequence_that_is_too_long_is_refused(self, kind):
        """With either kind of positions."""
        with pytest.raises(ShapeError, match="at most 5 positions; got 6"):
            EmbeddingLayer(6, 4, 5, kind)([0] * 6)

    def test_without_positions_any_length_will_do(self):
        """Nothing runs out."""
        assert EmbeddingLayer(6, 4, 5, None)([0] * 6).shape == (6, 4)

    @pytest.mark.parametrize("tokens", [0, [[[0]]]])
    def test_other_ranks_are_refused(self, tokens):
        """A sequence or a batch of sequences."""
        with pytest.raises(ShapeError, match=r"of shape \(T,\) or \(B, T\)"):
            EmbeddingLayer(6, 4)(tokens)

    def test_another_kind_of_positions_is_refused(self):
        """And the three that there are get named."""
        with pytest.raises(RangeError, match="'learned', 'sinusoidal' or None; got rotary"):
            EmbeddingLayer(6, 4, pos_encoding="rotary")
