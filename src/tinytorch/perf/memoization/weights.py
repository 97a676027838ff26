"""A language model's weights in the order in which a step of one token needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.activations import GELU
from tinytorch.core.attention import MultiHeadAttention
from tinytorch.core.embeddings import Embedding
from tinytorch.core.layers import Linear
from tinytorch.core.transformers import GPT, MLP, LayerNorm, TiedHead, TransformerBlock
from tinytorch.errors import DTypeError, explain
from tinytorch.perf.kernels.decoding import Decoder, Int8
from tinytorch.perf.kernels.dense import Dense
from tinytorch.perf.kernels.int8 import pack_linear
from tinytorch.perf.quantization import QuantizedEmbedding, QuantizedHead, QuantizedLinear

__all__ = ["decoder_of"]

Array = NDArray[Any]
Rows = Callable[[Array], Array]
Part = tuple[str, tuple[type, ...], Any]  # a path, what may stand there, and what does

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")


def decoder_of(model: Any) -> Decoder:
    """Put a model's weights into the order of a step; those that need no other shape are shared.

    Raises:
        DTypeError: If the model is no `GPT` of float32, or has parts of other kinds: they would be computed wrongly.
    """
    _require_usual(model)
    norms = [norm for block in model.blocks for norm in (block.ln1, block.ln2)] + [model.ln_f]
    tokens, places = _rows_of(model.token_embedding), _rows_of(model.position_embedding)
    tied = isinstance(model.lm_head, TiedHead)
    return Decoder(
        embed=lambda ids, position: embedded(ids, position, tokens, places),
        norms=np.array([[norm.gamma.data, norm.beta.data] for norm in norms]),
        eps=np.array([norm.eps for norm in norms], np.float32),
        heads=model.num_heads,
        layers=tuple(layer for block in model.blocks for layer in _layers_of(block)),
        head=Dense(model.token_embedding.weight.data.T) if tied else _together([model.lm_head]),
    )


def embedded(ids: Array, position: int, tokens: Rows, places: Rows) -> Array:
    """Give what stands for tokens (B, T) from a position on: (B T, E)."""
    found = tokens(ids)
    found += places(np.arange(position, position + ids.shape[1]))
    return found.reshape(ids.size, -1)


def _rows_of(embedding: Any) -> Rows:
    if isinstance(embedding, QuantizedEmbedding):
        return embedding.rows
    table: Array = embedding.weight.data
    return lambda places: table.take(places, axis=0)


def _layers_of(block: TransformerBlock) -> Iterator[Dense | Int8]:
    own = block.attention
    yield _together([own.q_proj, own.k_proj, own.v_proj])
    yield _together([own.out_proj])
    yield _together([block.mlp.linear1], "gelu")
    yield _together([block.mlp.linear2])


def _together(parts: Sequence[Any], curve: str = "none") -> Dense | Int8:
    """Make one layer of some that read the same: their results stand side by side."""
    if isinstance(parts[0], Linear):
        biases = [np.zeros(part.out_features, np.float32) if part.bias is None else part.bias.data for part in parts]
        return Dense(np.hstack([part.weight.data for part in parts]), np.hstack(biases), curve)
    packed, fixed = [part.packed for part in parts], parts[0].input_scale
    if any(part.input_scale != fixed for part in parts):
        got = ", ".join(str(part.input_scale) for part in parts)
        raise DTypeError(explain("layers that read the same", "calibrated alike", got))
    if len(packed) == 1:
        return Int8(packed[0], fixed or 0.0, curve)
    q, scales = np.hstack([part.matrix() for part in packed]), np.hstack([part.scales for part in packed])
    return Int8(pack_linear(q, scales, np.hstack([part.bias for part in packed])), fixed or 0.0, curve)


def _require_usual(model: Any) -> None:
    if type(model) is not GPT:
        raise DTypeError(explain("the model", "a GPT", type(model).__name__))
    for path, kinds, part in _parts(model):
        if type(part) not in kinds:
            rule = f"a {' or '.join(kind.__name__ for kind in kinds)}"
            raise DTypeError(explain("a part of the model", rule, type(part).__name__, at=path))
    found = {str(tensor.dtype) for tensor in model.parameters()}
    if found - {"float32"}:
        raise DTypeError(explain("the weights", "float32", ", ".join(sorted(found)), remedy="Use astype('float32')."))


def _parts(model: GPT) -> Iterator[Part]:
    """Give every part with what may stand in its place; layers of floats and of bytes do not mix in blocks."""
    yield "token_embedding", (Embedding, QuantizedEmbedding), model.token_embedding
    yield "position_embedding", (Embedding, QuantizedEmbedding), model.position_embedding
    yield "ln_f", (LayerNorm,), model.ln_f
    yield "lm_head", (TiedHead, Linear, QuantizedLinear, QuantizedHead), model.lm_head
    first: Any = model.blocks[0]
    quantized = isinstance(getattr(getattr(first, "attention", None), "q_proj", None), QuantizedLinear)
    for index, block in enumerate(model.blocks):
        yield f"blocks.{index}", (TransformerBlock,), block
        yield from _parts_of(block, f"blocks.{index}", QuantizedLinear if quantized else Linear)


def _parts_of(block: TransformerBlock, at: str, linear: type) -> Iterator[Part]:
    attention, mlp = block.attention, block.mlp
    yield f"{at}.attention", (MultiHeadAttention,), attention
    yield f"{at}.mlp", (MLP,), mlp
    yield f"{at}.mlp.gelu", (GELU,), mlp.gelu
    yield f"{at}.ln1", (LayerNorm,), block.ln1
    yield f"{at}.ln2", (LayerNorm,), block.ln2
    yield from ((f"{at}.attention.{name}", (linear,), getattr(attention, name)) for name in PROJECTIONS)
    yield from ((f"{at}.mlp.{name}", (linear,), getattr(mlp, name)) for name in ("linear1", "linear2"))
