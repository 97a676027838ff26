"""Transformers: blocks of attention and perceptrons, and a language model made of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core import ops
from tinytorch.core.activations import GELU
from tinytorch.core.attention import MultiHeadAttention, Remember
from tinytorch.core.autograd import no_grad
from tinytorch.core.embeddings import Embedding, as_tokens
from tinytorch.core.generation import as_prompt, write_on
from tinytorch.core.kv_cache import KVCache
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential, layers_of, require_count
from tinytorch.core.sampling import Sampler
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, ShapeError, StateError, explain

__all__ = ["GPT", "MLP", "LayerNorm", "TransformerBlock", "create_causal_mask"]

Array = NDArray[Any]


def create_causal_mask(seq_len: int) -> Tensor:
    """Give a keep-mask (1, T, T): ones where a position may look, at itself and what came before.

    `MultiHeadAttention` needs none: `causal=True` does the same without looking at the rest at all.

    Example:
        >>> create_causal_mask(3).tolist()
        [[[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]]
    """
    require_count("seq_len", seq_len)
    return Tensor(np.tri(seq_len)[None])


class LayerNorm(Layer):
    """`gamma * (x - mean) / sqrt(variance + eps) + beta` over the last axis, with the biased variance.

    Args:
        normalized_shape: The size of the last axis, as a number or a tuple of one.
        eps: Keeps a constant row from dividing by 0.

    Attributes:
        gamma: (normalized_shape,) ones.
        beta: (normalized_shape,) zeros.

    Raises:
        RangeError: If the size is not a whole number above 0, or `eps` is not above 0 or not finite.
        ShapeError: If the input has another last size.

    Source:
        J. L. Ba, J. R. Kiros, G. E. Hinton (2016), Layer Normalization.
    """

    def __init__(self, normalized_shape: int | tuple[int], eps: float = 1e-5) -> None:
        single = isinstance(normalized_shape, tuple | list) and len(normalized_shape) == 1
        size = normalized_shape[0] if single else normalized_shape  # type: ignore[index]
        require_count("normalized_shape", size)
        if not 0 < eps < float("inf"):
            raise RangeError(explain("eps", "a finite number above 0", eps))
        self.normalized_shape = normalized_shape
        self.eps = eps
        self.gamma = Tensor(np.ones(size), requires_grad=True)
        self.beta = Tensor(np.zeros(size), requires_grad=True)

    def forward(self, x: Tensor) -> Tensor:
        return ops.layer_norm(x, self.gamma, self.beta, eps=self.eps)

    def __repr__(self) -> str:
        return f"LayerNorm({self.normalized_shape}, eps={self.eps})"


class MLP(Layer):
    """A perceptron on each position: widen, GELU, narrow, dropout. (..., embed_dim) in and out.

    Args:
        embed_dim: The width outside.
        hidden_dim: The width inside, four times `embed_dim` unless told otherwise.
        dropout_prob: Of the dropout.
    """

    def __init__(self, embed_dim: int, hidden_dim: int | None = None, dropout_prob: float = 0.1) -> None:
        self.embed_dim = embed_dim
        width = 4 * embed_dim if hidden_dim is None else hidden_dim
        self.linear1 = Linear(embed_dim, width)
        self.gelu = GELU()
        self.linear2 = Linear(width, embed_dim)
        self.dropout = Dropout(dropout_prob)

    @property
    def hidden_dim(self) -> int:
        """The width inside, whatever layers stand there by now."""
        widening: Any = self.linear1
        while isinstance(widening, Sequential):
            widening = widening[-1]
        return int(widening.out_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.linear2(self.gelu(self.linear1(x))))

    def __repr__(self) -> str:
        return f"MLP({self.embed_dim}, {self.hidden_dim}, dropout_prob={self.dropout.p})"


class TransformerBlock(Layer):
    """Attention, then a perceptron, each on normalized input and added to what came in: (B, T, embed_dim) in and out.

    Args:
        embed_dim: The width of a vector.
        num_heads: The number of attention heads.
        mlp_ratio: The perceptron's inner width, in multiples of `embed_dim`.
        dropout_prob: The probability of dropping an attention weight, and an element of what either part adds; only
            while training.

    Source:
        A. Radford et al. (2019), Language Models are Unsupervised Multitask Learners, section 2.3 (the order).
    """

    def __init__(self, embed_dim: int, num_heads: int, mlp_ratio: float = 4, dropout_prob: float = 0.1) -> None:
        self.mlp_ratio = mlp_ratio
        self.attention = MultiHeadAttention(embed_dim, num_heads, dropout_prob)
        self.ln1 = LayerNorm(embed_dim)
        self.ln2 = LayerNorm(embed_dim)
        self.mlp = MLP(embed_dim, int(mlp_ratio * embed_dim), dropout_prob)
        self.dropout = Dropout(dropout_prob)

    def forward(
        self,
        x: Tensor,
        mask: Any = None,
        *,
        causal: bool = False,
        additive: bool | None = None,
        remember: Remember | None = None,
    ) -> Tensor:
        """Give what the positions of `x` have become; the options are those of `MultiHeadAttention`."""
        options = {"causal": causal, "additive": additive, "remember": remember}
        x = x + self.dropout(self.attention(self.ln1(x), mask, **options))
        return x + self.mlp(self.ln2(x))

    def last(self, x: Tensor, remember: Remember | None = None) -> Tensor:
        """Give what the last position alone has become, (B, 1, embed_dim), for the work of its keys and values."""
        normal = self.ln1(x)
        own = self.attention(normal[:, -1:], context=normal, causal=True, remember=remember)
        x = x[:, -1:] + self.dropout(own)
        return x + self.mlp(self.ln2(x))

    def __repr__(self) -> str:
        sizes = f"{self.attention.embed_dim}, {self.attention.num_heads}, {self.mlp_ratio}"
        return f"TransformerBlock({sizes}, dropout_prob={self.dropout.p})"


class TiedHead(Layer):
    """Scores each token by the product with its own embedding; it has no weights of its own."""

    def __init__(self, embedding: Embedding) -> None:
        self.embedding = embedding

    def forward(self, x: Tensor) -> Tensor:
        return ops.matmul(x, self.embedding.weight.transpose())  # (..., V)


class GPT(Layer):
    """A language model: from tokens (B, T) to the logits of the token after each, (B, T, vocab_size).

    Position i sees tokens up to i only.

    Args:
        vocab_size: The number of different tokens.
        embed_dim: The width of a vector.
        num_layers: The number of blocks.
        num_heads: The attention heads a block.
        max_seq_len: The longest sequence it can see at once.
        tie_weights: Score tokens with the embedding's own weights instead of a separate matrix.
        dropout: The probability of dropping, in the embeddings and in each block, while training.

    Attributes:
        token_embedding, position_embedding: An `Embedding` each.
        blocks: A list of `TransformerBlock`.
        ln_f: The last `LayerNorm`.
        lm_head: `Linear` without a bias, or what scores with the embedding's weights.

    Raises:
        RangeError: If a size makes no sense, or a token is out of range.
        ShapeError: If the tokens are not (B, T), or T is more than `max_seq_len`.

    Source:
        A. Radford et al. (2019), Language Models are Unsupervised Multitask Learners; O. Press, L. Wolf (2017), Using
        the Output Embedding to Improve Language Models (the tied weights).
    """

    def __init__(
        self,
        vocab_size: int,
        embed_dim: int,
        num_layers: int,
        num_heads: int,
        max_seq_len: int = 1024,
        *,
        tie_weights: bool = False,
        dropout: float = 0.0,
    ) -> None:
        require_count("num_layers", num_layers)
        self.vocab_size = vocab_size
        self.embed_dim = embed_dim
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.max_seq_len = max_seq_len
        self.tie_weights = tie_weights
        self.token_embedding = Embedding(vocab_size, embed_dim)
        self.position_embedding = Embedding(max_seq_len, embed_dim)
        self.dropout = Dropout(dropout)
        self.blocks = [TransformerBlock(embed_dim, num_heads, dropout_prob=dropout) for _ in range(num_layers)]
        self.ln_f = LayerNorm(embed_dim)
        self.lm_head = TiedHead(self.token_embedding) if tie_weights else Linear(embed_dim, vocab_size, bias=False)

    def forward(self, tokens: Any) -> Tensor:
        return self.lm_head(self.features(tokens))

    def features(self, tokens: Any, start: int = 0, cache: KVCache | None = None, *, only_last: bool = False) -> Tensor:
        """Give what the last layer norm makes of each token, (B, T, embed_dim); the head makes logits of it.

        Args:
            tokens: (B, T).
            start: The position of the first of them.
            cache: Holds the keys and values of those before; those of `tokens` are written behind them, for the caller
                to `advance`.
            only_last: Give those of the last token alone, (B, 1, embed_dim), and spare the last block the others.
        """
        x = self.embed(tokens, start)
        shortened = self.blocks[-1] if only_last and x.shape[1] > 1 else None
        for index, block in enumerate(self.blocks):
            remember = None if cache is None else partial(cache.extend, index)
            x = block.last(x, remember) if block is shortened else block(x, causal=True, remember=remember)
        return self.ln_f(x)

    def embed(self, tokens: Any, start: int = 0) -> Tensor:
        """Give the vectors of tokens (B, T) at the positions from `start` on, (B, T, embed_dim)."""
        tokens = as_tokens(tokens)
        if tokens.ndim != 2 or start + tokens.shape[1] > self.max_seq_len:
            rule = f"of shape (B, T), T at most {self.max_seq_len - start}"
            remedy = "Cut the sequence, or make the model with a larger max_seq_len."
            raise ShapeError(explain("tokens", rule, f"the shape {tokens.shape}", remedy=remedy))
        places = self.position_embedding.weight[start : start + tokens.shape[1]]  # a view, where a look-up copies
        return self.dropout(self.token_embedding(tokens) + places)

    def generate(
        self,
        prompt_tokens: Any,
        max_new_tokens: int = 50,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        *,
        cached: bool = True,
    ) -> Tensor:
        """Continue each row of the prompt, one token after the other; dropout is off meanwhile.

        Each token is read once: its keys and values are kept in a cache, the one that
        `tinytorch.perf.memoization.enable_kv_cache` gave the model, or one of the call's own. Of a sequence longer than
        `max_seq_len` the model sees the last `max_seq_len` tokens; there every token has another position than one step
        before, so that all are read again.

        Args:
            prompt_tokens: (B, n), n at least 1.
            max_new_tokens: How many to add.
            temperature: Below 1 the likely becomes likelier; 0 takes the likeliest always.
            top_k: Choose among so many of the likeliest only.
            top_p: Choose among the likeliest that together have this probability.
            seed: Draw from generators of its own, one a row; NumPy's global state otherwise.
            cached: False to read all tokens again for each, which gives the same.

        Returns:
            Prompt and continuation, (B, n + max_new_tokens).

        Raises:
            RangeError: If an option or a token is out of range.
            ShapeError: If the prompt is not (B, n).
        """
        prompt = as_prompt(prompt_tokens, max_new_tokens)
        sampler = Sampler(temperature, top_k, top_p)
        cache = self._cache(len(prompt), prompt.shape[1] + max_new_tokens) if cached else None
        with evaluating(self), no_grad():
            return write_on(prompt, max_new_tokens, partial(self.next_logits, cache=cache), sampler, seed)

    def next_logits(self, tokens: Array, cache: KVCache | None = None) -> Array:
        """Give the logits (B, V) of the token after the last of (B, T), whatever T is.

        Args:
            tokens: The whole sequence.
            cache: Holds the keys and values of the first `cache.seq_pos` tokens; afterwards it holds all of them.

        Raises:
            StateError: If the cache holds all of them already.
        """
        window, start = tokens[:, -self.max_seq_len :], 0
        if cache is not None:
            if tokens.shape[1] > self.max_seq_len:  # each token moves to another position
                cache.reset()
            start = cache.seq_pos
            if start >= window.shape[1]:
                rule = f"one of fewer than the {window.shape[1]} tokens given"
                raise StateError(explain("the cache", rule, f"one of {start}", remedy="Reset it."))
        seen = self.features(window[:, start:], start, cache, only_last=True)
        if cache is not None:
            cache.advance(window.shape[1] - start)
        return self.lm_head(seen[:, -1]).data

    def _cache(self, rows: int, length: int) -> KVCache:
        """Give the cache that was enabled, emptied, or one that holds `length` tokens if the model can see as many."""
        enabled: KVCache | None = getattr(self, "_kv_cache", None)
        if enabled is not None:
            enabled.reset(rows)
            return enabled
        head_dim, dtype = self.embed_dim // self.num_heads, self.position_embedding.weight.dtype
        length = min(length, self.max_seq_len)
        return KVCache(rows, length, self.num_layers, self.num_heads, head_dim, dtype=dtype)

    def __repr__(self) -> str:
        sizes = f"{self.vocab_size}, {self.embed_dim}, {self.num_layers}, {self.num_heads}, {self.max_seq_len}"
        return f"GPT({sizes}, tie_weights={self.tie_weights}, dropout={self.dropout.p})"


@contextmanager
def evaluating(model: Layer) -> Iterator[None]:
    """Switch all layers to inference, and each back to what it was."""
    before = [(layer, layer.training) for layer in layers_of(model)]
    model.eval()
    try:
        yield
    finally:
        for layer, training in before:
            layer.training = training
