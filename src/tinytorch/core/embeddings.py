"""Embeddings: from token ids to vectors that know their place."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinytorch.core import ops
from tinytorch.core.layers import Layer, require_count
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, ShapeError, explain

__all__ = ["Embedding", "EmbeddingLayer", "PositionalEncoding", "create_sinusoidal_embeddings"]

Encoding = Literal["learned", "sinusoidal"]
BASE = 10_000  # the longest wave is 2π times this many positions


class Embedding(Layer):
    """A table with one row a token.

    Takes ids of any shape (...), whole numbers in [0, vocab_size), as a tensor, an array or nested lists; gives
    (..., embed_dim). A row that no id names gets a gradient of exactly 0.

    Attributes:
        weight: (vocab_size, embed_dim), drawn from U(-a, a), a = sqrt(6 / (vocab_size + embed_dim)), with NumPy's
            global state. It may be replaced by the weight of another layer, to share it.

    Raises:
        RangeError: If a size is not a whole number above 0, or an id names no row.

    Example:
        >>> Embedding(10, 4)(Tensor([[1, 2, 3]])).shape
        (1, 3, 4)

    Source:
        X. Glorot, Y. Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, for
        the range.
    """

    def __init__(self, vocab_size: int, embed_dim: int) -> None:
        require_count("vocab_size", vocab_size)
        require_count("embed_dim", embed_dim)
        self.vocab_size = vocab_size
        self.embed_dim = embed_dim
        self.weight = uniform(math.sqrt(6 / (vocab_size + embed_dim)), vocab_size, embed_dim)

    def forward(self, indices: Any) -> Tensor:
        return ops.embedding(self.weight, as_tokens(indices))

    def __repr__(self) -> str:
        return f"Embedding({self.vocab_size}, {self.embed_dim})"


class PositionalEncoding(Layer):
    """Adds a learned vector to each position: (B, T, embed_dim) in and out, T up to `max_seq_len`.

    Attributes:
        position_embeddings: (max_seq_len, embed_dim), drawn from U(-a, a), a = sqrt(2 / embed_dim), with NumPy's
            global state.

    Raises:
        RangeError: If a size is not a whole number above 0.
        ShapeError: If the input is not (B, T, embed_dim), or longer than `max_seq_len`.
    """

    def __init__(self, max_seq_len: int, embed_dim: int) -> None:
        require_count("max_seq_len", max_seq_len)
        require_count("embed_dim", embed_dim)
        self.max_seq_len = max_seq_len
        self.embed_dim = embed_dim
        self.position_embeddings = uniform(math.sqrt(2 / embed_dim), max_seq_len, embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 3 or x.shape[-1] != self.embed_dim:
            rule, remedy = f"of shape (B, T, {self.embed_dim})", "The arguments of its maker are length, then width."
            raise ShapeError(explain(f"the input of {self!r}", rule, f"the shape {x.shape}", remedy=remedy))
        return x + first_rows(self.position_embeddings, x.shape[1])

    def __repr__(self) -> str:
        return f"PositionalEncoding({self.max_seq_len}, {self.embed_dim})"


def create_sinusoidal_embeddings(max_seq_len: int, embed_dim: int) -> Tensor:
    """Give vectors that tell positions apart without being learned, (max_seq_len, embed_dim).

    Column 2i holds `sin(position / 10000^(2i / embed_dim))`, column 2i + 1 the cosine of the same; an odd width ends
    with a sine.

    Example:
        >>> create_sinusoidal_embeddings(2, 3).data[0].tolist()
        [0.0, 1.0, 0.0]

    Source:
        A. Vaswani et al. (2017), Attention Is All You Need, section 3.5.
    """
    require_count("max_seq_len", max_seq_len)
    require_count("embed_dim", embed_dim)
    column = np.arange(0, embed_dim, 2)
    angle = np.arange(max_seq_len)[:, None] / BASE ** (column / embed_dim)  # (L, ceil(D / 2))
    waves = np.empty((max_seq_len, embed_dim))
    waves[:, 0::2] = np.sin(angle)
    waves[:, 1::2] = np.cos(angle[:, : embed_dim // 2])
    return Tensor(waves)


class EmbeddingLayer(Layer):
    """Token ids to vectors with positions: (T,) to (T, embed_dim), and (B, T) to (B, T, embed_dim).

    Args:
        vocab_size: The number of different ids.
        embed_dim: The width of a vector.
        max_seq_len: The longest sequence; of no effect without positions.
        pos_encoding: "learned", "sinusoidal", or None for no positions.
        scale_embeddings: Multiply the token's vector, not the position's, by sqrt(embed_dim).

    Attributes:
        token_embedding: The table of tokens, an `Embedding`.
        pos_encoding: A `PositionalEncoding`, a tensor of waves (max_seq_len, embed_dim), or None.
        pos_encoding_type: As it was given.

    Raises:
        RangeError: If a size or the kind of positions makes no sense, or an id names no row.
        ShapeError: If the ids are not 1-D or 2-D, or a sequence is longer than `max_seq_len`.
    """

    def __init__(
        self,
        vocab_size: int,
        embed_dim: int,
        max_seq_len: int = 512,
        pos_encoding: Encoding | None = "learned",
        scale_embeddings: bool = False,
    ) -> None:
        self.vocab_size = vocab_size
        self.embed_dim = embed_dim
        self.max_seq_len = max_seq_len
        self.scale_embeddings = scale_embeddings
        self.token_embedding = Embedding(vocab_size, embed_dim)
        self.pos_encoding_type = pos_encoding
        self.pos_encoding = make_positions(pos_encoding, max_seq_len, embed_dim)

    def forward(self, tokens: Any) -> Tensor:
        tokens = as_tokens(tokens)
        if tokens.ndim not in {1, 2}:
            raise ShapeError(explain("tokens", "of shape (T,) or (B, T)", f"the shape {tokens.shape}"))
        x = self.token_embedding(tokens)  # (..., T, D)
        if self.scale_embeddings:
            x = x * math.sqrt(self.embed_dim)
        table = self.pos_encoding
        if isinstance(table, PositionalEncoding):
            table = table.position_embeddings
        return x if table is None else x + first_rows(table, tokens.shape[-1])

    def __repr__(self) -> str:
        sizes = f"{self.vocab_size}, {self.embed_dim}, {self.max_seq_len}"
        return f"EmbeddingLayer({sizes}, {self.pos_encoding_type!r}, {self.scale_embeddings})"


def as_tokens(ids: Any) -> Tensor:
    """Give a tensor of ids as it is, and others as one of their own kind of number: float32 ends at 2**24."""
    if isinstance(ids, Tensor):
        return ids
    array = np.asarray(ids)
    return Tensor(array, dtype=array.dtype if array.size else np.int64)  # NumPy has [] for floats


def make_positions(kind: str | None, max_seq_len: int, embed_dim: int) -> PositionalEncoding | Tensor | None:
    """Make the positions of an `EmbeddingLayer`."""
    if kind == "learned":
        return PositionalEncoding(max_seq_len, embed_dim)
    if kind == "sinusoidal":
        return create_sinusoidal_embeddings(max_seq_len, embed_dim)
    if kind is None:
        return None
    raise RangeError(explain("pos_encoding", "'learned', 'sinusoidal' or None", kind))


def first_rows(table: Tensor, length: int) -> Tensor:
    """Give the rows of the first `length` positions."""
    if length > len(table.data):
        remedy = "Cut the sequence, or make it with a larger max_seq_len."
        raise ShapeError(explain("a sequence", f"of at most {len(table.data)} positions", length, remedy=remedy))
    return table[:length]


def uniform(bound: float, *shape: int) -> Tensor:
    """Draw a parameter from U(-bound, bound)."""
    values: NDArray[np.float64] = np.random.uniform(-bound, bound, shape)  # noqa: NPY002  seeded by np.random.seed
    return Tensor(values, requires_grad=True)
