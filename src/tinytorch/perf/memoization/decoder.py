"""A language model that writes fast: its steps of one token as one call of compiled code."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.activations import GELU
from tinytorch.core.autograd import no_grad
from tinytorch.core.generation import as_prompt, write_on
from tinytorch.core.kv_cache import KVCache
from tinytorch.core.layers import Linear
from tinytorch.core.sampling import Sampler
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT, MLP, LayerNorm, TiedHead, TransformerBlock
from tinytorch.errors import DTypeError, RangeError, ShapeError, explain
from tinytorch.perf.graph import inference
from tinytorch.perf.kernels import forms
from tinytorch.perf.kernels.decoding import CompiledStep, Decoder, step_by_numpy
from tinytorch.perf.kernels.dense import Dense
from tinytorch.perf.memoization.doors import disable_kv_cache, make_cache
from tinytorch.perf.techniques import Technique

__all__ = ["DECODE", "FastDecoder", "fast_decoder"]

TOLERANCES = {"float32": 1e-5, "int8": 0.05}  # of the largest logit, or of 1
MOST_CHECKED = 16

Array = NDArray[Any]
Floats = NDArray[np.float32]


def fast_decoder(model: GPT, *, dtype: str = "float32") -> FastDecoder:
    """Make a copy of a language model that writes faster, and writes the same.

    A token costs one call of a compiled kernel that does all layers; without Numba, NumPy's few calls a layer. Prompts
    are read by the copy itself. Logits differ from the model's by rounding.

    Args:
        model: A `GPT` of float32. It is left alone, and later changes of its weights are not seen.
        dtype: What keys and values are kept as: `float32`, or `int8` to keep them as bytes, as `Int8KVCache` does.

    Raises:
        DTypeError: If the model is no `GPT` of float32, or has parts of other kinds.
        RangeError: If `dtype` is neither.

    Example:
        >>> model = GPT(vocab_size=16, embed_dim=32, num_layers=2, num_heads=4, max_seq_len=64)
        >>> fast = fast_decoder(model)
        >>> bool((fast.generate([[1, 2]], 20, seed=0).data == model.generate([[1, 2]], 20, seed=0).data).all())
        True
    """
    if dtype not in {"float32", "int8"}:
        raise RangeError(explain("dtype", "float32 or int8", dtype))
    return FastDecoder(model, dtype)


class FastDecoder:
    """A copy of a language model for writing; made by `fast_decoder`.

    Attributes:
        dtype: What keys and values are kept as.
        decoder: The weights of a step.
    """

    def __init__(self, model: GPT, dtype: str) -> None:
        _require_usual(model)
        self.dtype = dtype
        self._model = deepcopy(model).eval()
        disable_kv_cache(self._model)
        self.decoder = decoder_of(self._model)
        compiled = forms.form() != "numpy" and dtype == "float32"
        self._step = CompiledStep(self.decoder).run if compiled else partial(step_by_numpy, self.decoder)

    def __call__(self, tokens: Any) -> Tensor:
        return self.forward(tokens)

    def forward(self, tokens: Any) -> Tensor:
        """Give the logits after each of the tokens (B, T): (B, T, V)."""
        with no_grad():
            return self._model.forward(tokens)

    def generate(
        self,
        prompt_tokens: Any,
        max_new_tokens: int = 50,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> Tensor:
        """Continue each row of the prompt as `GPT.generate` does."""
        prompt = as_prompt(prompt_tokens, max_new_tokens)
        sampler = Sampler(temperature, top_k, top_p)
        memory = self.cache(len(prompt), prompt.shape[1] + max_new_tokens)
        return write_on(prompt, max_new_tokens, partial(self.next_logits, cache=memory), sampler, seed)

    def cache(self, rows: int, length: int) -> KVCache:
        """Make an empty cache for so many sequences of up to `length` tokens, if the model can see as many."""
        return make_cache(self._model, rows, min(length, self._model.max_seq_len), self.dtype)

    def next_logits(self, tokens: Array, cache: KVCache) -> Array:
        """Give the logits (B, V) of the token after the last of (B, T), as `GPT.next_logits` does."""
        if tokens.shape[1] == cache.seq_pos + 1 <= self._model.max_seq_len and cache.seq_pos:
            return self.step(tokens[:, -1], cache)
        with no_grad():
            return self._model.next_logits(tokens, cache)

    def step(self, tokens: Array, cache: KVCache) -> Floats:
        """Read one more token of each sequence, and give the logits of the next.

        Args:
            tokens: (B,).
            cache: Holds the tokens before, and advances.

        Returns:
            (B, V).

        Raises:
            RangeError: If a token is out of range, or the cache is full.
            ShapeError: If the cache is not of this model, or not for B sequences.
        """
        ids = np.ascontiguousarray(tokens, np.int64)
        self._require_fitting(ids, cache)
        logits = self._step(ids, cache)
        cache.advance()
        return logits

    def _require_fitting(self, tokens: NDArray[np.int64], cache: KVCache) -> None:
        own, shape = self._model, cache.keys.shape
        wanted = (own.num_layers, len(tokens), own.num_heads, shape[3], own.embed_dim // own.num_heads)
        if shape != wanted or tokens.ndim != 1:
            rule, got = f"for {len(tokens)} sequences of this model, {wanted}", f"the shape {shape}"
            raise ShapeError(explain("the cache", rule, got, remedy="Make it with `cache(rows, length)`."))
        if (cache.dtype == np.int8) != (self.dtype == "int8"):
            raise DTypeError(explain("the cache", self.dtype, cache.dtype.name))
        if cache.seq_pos >= min(shape[3], own.max_seq_len):
            raise RangeError(explain("the tokens of a cache", f"at most {min(shape[3], own.max_seq_len)}", "one more"))
        if not 0 <= tokens.min() <= tokens.max() < own.vocab_size:
            raise RangeError(explain("a token", f"in [0, {own.vocab_size})", tokens))

    def parameters(self) -> list[Tensor]:
        """Give none: what is compiled is not trained."""
        return []

    def state_dict(self) -> dict[str, Array]:
        """Give the arrays of the copy."""
        return self._model.state_dict()

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a copy, in another process or not, be made anew where it is."""
        return FastDecoder, (self._model, self.dtype)

    def __repr__(self) -> str:
        return f"FastDecoder({self._model!r}, dtype={self.dtype!r})"


def decoder_of(model: GPT) -> Decoder:
    """Put a model's weights into the order of a step."""
    norms = [norm for block in model.blocks for norm in (block.ln1, block.ln2)] + [model.ln_f]
    layers = [dense for block in model.blocks for dense in _dense_of(block)]
    head = model.token_embedding.weight.data.T if isinstance(model.lm_head, TiedHead) else model.lm_head.weight.data
    return Decoder(
        tokens=np.ascontiguousarray(model.token_embedding.weight.data),
        places=np.ascontiguousarray(model.position_embedding.weight.data),
        norms=np.array([[norm.gamma.data, norm.beta.data] for norm in norms]),
        eps=np.array([norm.eps for norm in norms], np.float32),
        heads=model.num_heads,
        layers=(*layers, Dense(head)),
    )


def _dense_of(block: TransformerBlock) -> tuple[Dense, ...]:
    own, mlp = block.attention, block.mlp
    parts = [_dense(layer) for layer in (own.q_proj, own.k_proj, own.v_proj)]
    biases = [np.zeros(own.embed_dim, np.float32) if part.bias is None else part.bias for part in parts]
    together = Dense(np.hstack([part.weight for part in parts]), np.hstack(biases))
    return together, _dense(own.out_proj), _dense(mlp.linear1, "gelu"), _dense(mlp.linear2)


def _dense(layer: Linear, curve: str = "none") -> Dense:
    return Dense(layer.weight.data, None if layer.bias is None else layer.bias.data, curve)


def _require_usual(model: Any) -> None:
    """Refuse what a step would compute differently."""
    if type(model) is not GPT:
        raise DTypeError(explain("the model", "a GPT", type(model).__name__))
    for path, kind, part in _parts(model):
        if type(part) is not kind:
            raise DTypeError(explain("a part of the model", f"a {kind.__name__}", type(part).__name__, at=path))
    kinds = {str(tensor.dtype) for tensor in model.parameters()}
    if kinds - {"float32"}:
        raise DTypeError(explain("the weights", "float32", ", ".join(sorted(kinds)), remedy="Use astype('float32')."))


def _parts(model: GPT) -> list[tuple[str, type, Any]]:
    found: list[tuple[str, type, Any]] = [("ln_f", LayerNorm, model.ln_f)]
    found.append(("lm_head", TiedHead if model.tie_weights else Linear, model.lm_head))
    for index, block in enumerate(model.blocks):
        at = f"blocks.{index}"
        found += [
            (at, TransformerBlock, block),
            (f"{at}.mlp", MLP, block.mlp),
            (f"{at}.mlp.gelu", GELU, block.mlp.gelu),
        ]
        linear = {name: getattr(block.attention, name) for name in ("q_proj", "k_proj", "v_proj", "out_proj")}
        linear |= {"mlp.linear1": block.mlp.linear1, "mlp.linear2": block.mlp.linear2}
        found += [(f"{at}.{name}", Linear, layer) for name, layer in linear.items()]
        found += [(f"{at}.ln1", LayerNorm, block.ln1), (f"{at}.ln2", LayerNorm, block.ln2)]
    return found


def _check(model: Any, original: Any = None, dtype: str | None = None) -> list[str]:
    """Read some tokens one by one, and compare with the copy, or with the original."""
    if not isinstance(model, FastDecoder):
        return [explain("the model", "a FastDecoder", type(model).__name__)]
    if dtype not in {None, model.dtype}:
        return [explain("the cache", f"of {dtype}", model.dtype)]
    own = model._model  # noqa: SLF001  its own file
    reference, length = own if original is None else original, min(own.max_seq_len, MOST_CHECKED)
    tokens = (np.arange(2 * length).reshape(2, length) * 7 + 1) % own.vocab_size
    with inference(reference), no_grad():
        expected = reference.forward(tokens).data
    memory = model.cache(2, length)
    if memory.dtype != model.dtype:
        return [explain("the cache", f"of {model.dtype}", memory.dtype.name)]
    found = np.stack([model.step(tokens[:, place], memory) for place in range(length)], axis=1)
    limit = TOLERANCES[model.dtype] * max(1.0, float(np.abs(expected).max()))
    largest = float(np.abs(found - expected).max())
    if largest <= limit:  # NaN fails this too
        return []
    return [explain("the logits of steps", f"within {limit:.3g} of the model's", f"a difference of {largest:.3g}")]


DECODE = Technique(
    "compile.decode.v1",
    fast_decoder,
    "Steps of one token give the logits that the model gave, to 1e-5, or with a cache of int8 to 5 % of the largest.",
    _check,
)
