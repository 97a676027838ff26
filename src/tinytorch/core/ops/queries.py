"""Scaled dot-product attention, fused, with its own backprop.

Queries are taken a block at a time, so that causal attention leaves out the keys that come after the block instead of
computing and masking them, and so that no more than a block of scores is alive at once where they are not kept.

Source:
    A. Vaswani et al. (2017), Attention Is All You Need, section 3.2.1. The backprop that needs no gradient of the
    normalization: T. Dao et al. (2022), FlashAttention, appendix B.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from tinytorch.core.ops.op import Array, Value, op, together
from tinytorch.errors import ShapeError, explain

__all__ = ["attention", "attention_weights"]

BLOCK = 64  # queries at a time
KEPT = 4  # weights are kept for backprop while a row of them is no longer than so many rows of queries

Span = tuple[int, int, int]  # first query, query after the last, number of keys they may look at


@op("Attention")
def attention(q: Array, k: Array, v: Array, *, mask: Array | None = None, causal: bool = False) -> Value:
    """`softmax(q @ kᵀ / sqrt(D)) @ v`; a query that may look at nothing gets 0.

    Args:
        q: (..., T, D).
        k: (..., S, D).
        v: (..., S, E).
        mask: Broadcast to (..., T, S). Of booleans: True where a query may look. Of floats: added to the scores.
        causal: Whether query i may look at keys up to i + S - T only, so that the last query sees all.
    """
    look = Look(*_stretched(q, k, v, causal=causal), mask, causal)
    value = (
        np.empty_like(look.q) if v.shape[-1] == q.shape[-1] else np.empty((*look.q.shape[:-1], v.shape[-1]), v.dtype)
    )
    kept = {}
    for span in look.spans():
        odds, total = look.odds(span)
        part = value[..., span[0] : span[1], :]
        np.matmul(odds, look.v[..., : span[2], :], out=part)
        part /= total  # dividing the rows of the result, not of the odds, spares a pass over (T, S)
        if look.keeps:
            kept[span] = odds, total
    return value, together(lambda g: look.backprop(g, value, kept), 3)


@op("AttentionWeights")
def attention_weights(q: Array, k: Array, *, mask: Array | None = None, causal: bool = False) -> Value:
    """`softmax(q @ kᵀ / sqrt(D))`, (..., T, S): what `attention` multiplies the values by, with the same options."""
    look = Look(*_stretched(q, k, k, causal=causal), mask, causal)
    weights, total = look.odds((0, q.shape[-2], k.shape[-2]))
    weights /= total

    def backprop(g: Array) -> tuple[Array, Array]:
        slope = g - np.einsum("...s,...s->...", g, weights)[..., None]
        slope *= weights
        slope *= look.scale
        return slope @ look.k, slope.swapaxes(-1, -2) @ look.q

    return weights, together(backprop, 2)


@dataclass(frozen=True)
class Look:
    """Who looks at what: queries (..., T, D), keys (..., S, D) and values (..., S, E), and what is hidden."""

    q: Array
    k: Array
    v: Array
    mask: Array | None
    causal: bool

    @property
    def scale(self) -> float:
        return 1 / math.sqrt(self.q.shape[-1])

    @property
    def keeps(self) -> bool:
        """Whether backprop finds the weights kept, instead of computing them again."""
        return self.k.shape[-2] <= KEPT * self.q.shape[-1]

    @cached_property
    def hidden(self) -> Array | None:
        """Booleans that hide, or floats that are added, (..., T, S) without the memory of it."""
        if self.mask is None:
            return None
        hidden = ~self.mask if self.mask.dtype.kind == "b" else self.mask
        return np.broadcast_to(hidden, (*self.q.shape[:-1], self.k.shape[-2]))

    def spans(self) -> Iterator[Span]:
        """Cut the queries into blocks."""
        queries, keys = self.q.shape[-2], self.k.shape[-2]
        for start in range(0, queries, BLOCK):
            stop = min(start + BLOCK, queries)
            yield start, stop, keys - queries + stop if self.causal else keys

    def odds(self, span: Span) -> tuple[Array, Array]:
        """Give `exp(scores - largest)` of a block, (..., t, s), and its sum along each row, (..., t, 1).

        A row with nothing to look at has the sum 1, so that dividing by it leaves its zeros.
        """
        start, stop, keys = span
        scores = np.matmul(self.q[..., start:stop, :] * self.scale, self.k[..., :keys, :].swapaxes(-1, -2))
        self._hide(scores, span)
        scores -= scores.max(axis=-1, keepdims=True, initial=np.finfo(scores.dtype).min)
        np.exp(scores, out=scores)
        total = scores.sum(axis=-1, keepdims=True)
        return scores, np.maximum(total, 1, out=total)  # the largest gives 1 itself

    def _hide(self, scores: Array, span: Span) -> None:
        start, stop, keys = span
        if self.hidden is not None:
            hidden = self.hidden[..., start:stop, :keys]
            if hidden.dtype.kind == "b":
                np.copyto(scores, -np.inf, where=hidden)
            else:
                scores += hidden
        if self.causal:
            np.copyto(scores[..., start - stop :], -np.inf, where=later(stop - start))

    def backprop(self, g: Array, value: Array, kept: dict[Span, tuple[Array, Array]]) -> tuple[Array, Array, Array]:
        """Give the gradients of queries, keys and values."""
        dq, dk, dv = (np.zeros_like(array) for array in (self.q, self.k, self.v))
        for span in self.spans():
            start, stop, keys = span
            odds, total = kept.get(span) or self.odds(span)
            part = g[..., start:stop, :] / total
            # `odds * part` stands for `weights * g`: the division by the sum is done once, on the smaller array
            slope = np.matmul(part, self.v[..., :keys, :].swapaxes(-1, -2))
            slope -= np.einsum("...e,...e->...", part, value[..., start:stop, :])[..., None]
            slope *= odds
            np.matmul(slope, self.k[..., :keys, :] * self.scale, out=dq[..., start:stop, :])
            dk[..., :keys, :] += slope.swapaxes(-1, -2) @ (self.q[..., start:stop, :] * self.scale)
            dv[..., :keys, :] += odds.swapaxes(-1, -2) @ part
        return dq, dk, dv


@lru_cache(maxsize=8)
def later(size: int) -> Array:
    """Say which keys come after which query, in a square on the diagonal."""
    return np.triu(np.ones((size, size), dtype=bool), 1)


def _stretched(q: Array, k: Array, v: Array, *, causal: bool) -> tuple[Array, Array, Array]:
    """Check the shapes and give all three the same leading axes, without copying."""
    matched = min(q.ndim, k.ndim, v.ndim) >= 2 and q.shape[-1] == k.shape[-1] > 0 and k.shape[-2] == v.shape[-2]
    if not matched:
        rule = "of shapes (..., T, D), (..., S, D) and (..., S, E), D above 0"
        raise ShapeError(explain("queries, keys and values", rule, f"{q.shape}, {k.shape} and {v.shape}"))
    if causal and k.shape[-2] < q.shape[-2]:
        rule, got = "at least as many keys as queries where causal", f"{q.shape[-2]} queries and {k.shape[-2]} keys"
        raise ShapeError(explain("attention", f"over {rule}", got))
    if q.shape[:-2] == k.shape[:-2] == v.shape[:-2]:
        return q, k, v
    leading = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    return _stretch(q, leading), _stretch(k, leading), _stretch(v, leading)


def _stretch(x: Array, leading: tuple[int, ...]) -> Array:
    return np.broadcast_to(x, (*leading, *x.shape[-2:]))
