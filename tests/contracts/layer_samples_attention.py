"""Rows of the layers that language models are made of."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.layer_rows import LayerRow
from contracts.rows import classes, real
from tinytorch.core.attention import MultiHeadAttention
from tinytorch.core.embeddings import Embedding, EmbeddingLayer, PositionalEncoding
from tinytorch.core.transformers import GPT, MLP, LayerNorm, TransformerBlock


def linear(name: str) -> tuple[str, str]:
    return f"{name}.weight", f"{name}.bias"


def heads(prefix: str = "") -> tuple[str, ...]:
    return tuple(name for part in "qkv" for name in linear(f"{prefix}{part}_proj")) + linear(f"{prefix}out_proj")


def block(prefix: str = "") -> tuple[str, ...]:
    norms = tuple(f"{prefix}ln{number}.{part}" for number in (1, 2) for part in ("gamma", "beta"))
    return heads(f"{prefix}attention.") + norms + linear(f"{prefix}mlp.linear1") + linear(f"{prefix}mlp.linear2")


def embeddings() -> Iterator[LayerRow]:
    ids, table, places = classes(5, 2, 3), "token_embedding.weight", "pos_encoding.position_embeddings"
    yield LayerRow(Embedding, "a batch", lambda: Embedding(5, 4), (ids,), ("weight",))
    yield LayerRow(Embedding, "one id", lambda: Embedding(5, 4), (classes(5),), ("weight",))
    yield LayerRow(
        PositionalEncoding,
        "a short sequence",
        lambda: PositionalEncoding(4, 2),
        (real(2, 3, 2),),
        ("position_embeddings",),
    )
    yield LayerRow(EmbeddingLayer, "learned positions", lambda: EmbeddingLayer(5, 4, 6), (ids,), (table, places))
    for kind in ("sinusoidal", None):
        build = lambda kind=kind: EmbeddingLayer(5, 4, 6, kind, scale_embeddings=True)
        yield LayerRow(EmbeddingLayer, f"positions: {kind}", build, (classes(5, 3),), (table,))


def attentions() -> Iterator[LayerRow]:
    build = lambda: MultiHeadAttention(4, 2)
    dropping = lambda: MultiHeadAttention(4, 2, dropout=0.3)
    mask = [[1, 0, 1], [1, 1, 0], [0, 1, 1]]
    yield LayerRow(MultiHeadAttention, "of all", build, (real(2, 3, 4),), heads())
    yield LayerRow(MultiHeadAttention, "causal", build, (real(2, 3, 4),), heads(), {"causal": True})
    yield LayerRow(MultiHeadAttention, "masked", build, (real(2, 3, 4),), heads(), {"mask": mask})
    yield LayerRow(MultiHeadAttention, "with dropout", dropping, (real(2, 3, 4),), heads(), {"causal": True})


def transformers() -> Iterator[LayerRow]:
    yield LayerRow(LayerNorm, "three axes", lambda: LayerNorm(4), (real(2, 3, 4),), ("gamma", "beta"))
    yield LayerRow(
        LayerNorm, "a tuple, another eps", lambda: LayerNorm((4,), eps=0.1), (real(2, 4),), ("gamma", "beta")
    )
    names = linear("linear1") + linear("linear2")
    yield LayerRow(MLP, "four times as wide", lambda: MLP(2), (real(2, 2),), names)
    yield LayerRow(MLP, "of a given width", lambda: MLP(2, 3, dropout_prob=0.0), (real(2, 2),), names)
    build = lambda: TransformerBlock(4, 2, mlp_ratio=1.5, dropout_prob=0.2)
    yield LayerRow(TransformerBlock, "with dropout, causal", build, (real(1, 3, 4),), block(), {"causal": True})
    yield LayerRow(
        TransformerBlock, "without dropout", lambda: TransformerBlock(4, 2, 1, 0.0), (real(2, 2, 4),), block()
    )
    tables = ("token_embedding.weight", "position_embedding.weight")
    names = tables + block("blocks.0.") + ("ln_f.gamma", "ln_f.beta")
    build = lambda: GPT(3, 4, 1, 2, 5, dropout=0.1)
    yield LayerRow(GPT, "with a head of its own", build, (classes(3, 2, 3),), (*names, "lm_head.weight"))
    yield LayerRow(GPT, "tied", lambda: GPT(3, 4, 1, 2, 5, tie_weights=True), (classes(3, 2, 3),), names)


FAMILIES = (embeddings, attentions, transformers)
