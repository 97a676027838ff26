"""A language model that writes fast: its steps of one token as one call of compiled code."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.autograd import no_grad
from tinytorch.core.generation import as_prompt, write_on
from tinytorch.core.kv_cache import KVCache
from tinytorch.core.sampling import Sampler
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT
from tinytorch.errors import DTypeError, RangeError, ShapeError, explain
from tinytorch.perf.graph import inference
from tinytorch.perf.kernels import forms
from tinytorch.perf.kernels.decoding import CompiledStep, Int8, step_by_numpy
from tinytorch.perf.memoization.doors import disable_kv_cache, make_cache
from tinytorch.perf.memoization.weights import decoder_of
from tinytorch.perf.techniques import Technique

__all__ = ["DECODE", "FastDecoder", "fast_decoder"]

ROWS_AT_ONCE = 96  # tokens that share the weights while they are near; as in `dense`
EXACT, ROUGH = 1e-5, 0.05  # of the largest logit, or of 1
MOST_CHECKED = 16

Array = NDArray[Any]
Floats = NDArray[np.float32]


def fast_decoder(model: GPT, *, dtype: str = "float32") -> FastDecoder:
    """Make a copy of a language model that writes faster, and writes the same.

    A token costs one call of a compiled kernel that does all layers, and so do 96 of a prompt; without Numba, NumPy's
    few calls a layer. Logits differ from the model's by rounding; those of a model that `quantize` made by a
    step of an activation now and then, where a rounding decides about it.

    Args:
        model: A `GPT` of float32, or one that `quantize` made of it. It is left alone, and later changes of its weights
            are not seen.
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
        self.dtype = dtype
        self._model = deepcopy(model)
        self.decoder = decoder_of(self._model)
        self._model.eval()
        disable_kv_cache(self._model)
        compiled = forms.form() != "numpy"
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
        window = tokens[:, -self._model.max_seq_len :]
        if tokens.shape[1] > self._model.max_seq_len:  # each token moves to another position
            cache.reset()
        return self.step(window[:, cache.seq_pos :], cache)

    def step(self, tokens: Array, cache: KVCache) -> Floats:
        """Read more tokens of each sequence, and give the logits of the next.

        Args:
            tokens: (B,), one of each; or (B, T).
            cache: Holds the tokens before, and advances.

        Returns:
            (B, V).

        Raises:
            RangeError: If a token is out of range, or the cache has no room.
            ShapeError: If the cache is not of this model, or not for B sequences.
            DTypeError: If the cache is of the other kind.
        """
        ids = np.asarray(tokens, np.int64)
        ids = ids[:, None] if ids.ndim == 1 else ids
        self._require_fitting(ids, cache)
        span = max(1, ROWS_AT_ONCE // len(ids))
        for start in range(0, ids.shape[1], span):
            part = ids[:, start : start + span]
            logits = self._step(part, cache)
            cache.advance(part.shape[1])
        return logits

    def _require_fitting(self, tokens: NDArray[np.int64], cache: KVCache) -> None:
        own, shape = self._model, cache.keys.shape
        if tokens.ndim != 2 or tokens.size == 0:
            raise ShapeError(explain("tokens", "of shape (B,) or (B, T), not empty", f"the shape {tokens.shape}"))
        wanted = (own.num_layers, len(tokens), own.num_heads, shape[3], own.embed_dim // own.num_heads)
        if shape != wanted:
            rule, got = f"for {len(tokens)} sequences of this model, {wanted}", f"the shape {shape}"
            raise ShapeError(explain("the cache", rule, got, remedy="Make it with `cache(rows, length)`."))
        if (cache.dtype == np.int8) != (self.dtype == "int8"):
            raise DTypeError(explain("the cache", self.dtype, cache.dtype.name))
        room = min(shape[3], own.max_seq_len)
        if cache.seq_pos + tokens.shape[1] > room:
            got = f"{cache.seq_pos} + {tokens.shape[1]}"
            raise RangeError(explain("the tokens of a cache", f"at most {room}", got))
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
    exact = model.dtype == "float32" and not isinstance(model.decoder.layers[0], Int8)
    limit = (EXACT if exact else ROUGH) * max(1.0, float(np.abs(expected).max()))
    largest = float(np.abs(found - expected).max())
    if largest <= limit:  # NaN fails this too
        return []
    return [explain("the logits of steps", f"within {limit:.3g} of the model's", f"a difference of {largest:.3g}")]


DECODE = Technique(
    "compile.decode.v1",
    fast_decoder,
    "Steps of one token give the logits that the model gave, to 1e-5, or to 5 % of the largest with int8 in it.",
    _check,
)
