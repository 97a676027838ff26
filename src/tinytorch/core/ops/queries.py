"""Scaled dot-product attention, fused, with its own backprop.

The work is cut into pieces: some sequences, a block of queries, and the keys these may look at. So causal attention
leaves out the keys that come after the block instead of computing and masking them; a piece's scores stay in the cache
while softmax goes over them; and where they are not kept for backprop no more than one piece of them is alive at once.

Source:
    A. Vaswani et al. (2017), Attention Is All You Need, section 3.2.1. The backprop that needs no gradient of the
    normalization: T. Dao et al. (2022), FlashAttention, appendix B.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Self

import numpy as np

from tinytorch.core.ops.op import Array, Value, op, together
from tinytorch.errors import ShapeError, explain

__all__ = ["attention", "attention_weights"]

# Processor time of causal attention, forward and back, on one thread; 4 heads of 32 in 16 sequences:
BLOCK = 64  # queries at a time. Of 128: 6.1 ms with 64, 7.2 with 128
ROOM = 2**18  # scores at a time, 1 MiB of them. Of 512: one sequence at a time 91 ms, four 95, all sixteen 112
KEPT = (
    4  # odds are kept for backprop while a row of them is no longer than so many rows of queries. Again: 6.1 to 8.2 ms
)


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
    return Look.of(q, k, v, mask=mask, causal=causal).attended()


@op("AttentionWeights")
def attention_weights(q: Array, k: Array, *, mask: Array | None = None, causal: bool = False) -> Value:
    """`softmax(q @ kᵀ / sqrt(D))`, (..., T, S): what `attention` multiplies the values by, with the same options."""
    look = Look.of(q, k, k, mask=mask, causal=causal)
    weights, total = look.odds(Piece((), slice(0, q.shape[-2]), slice(0, k.shape[-2])))
    weights /= total

    def backprop(g: Array) -> tuple[Array, Array]:
        slope = g - _dots(g, weights)
        slope *= weights
        slope *= look.scale
        return slope @ look.k, slope.swapaxes(-1, -2) @ look.q

    return weights, together(backprop, 2)


class Piece(NamedTuple):
    """A part of the work: an index of sequences, some queries of each, and the keys they look at."""

    sequences: tuple[slice, ...]
    queries: slice
    keys: slice

    def rows(self, x: Array) -> Array:
        """Give the part of queries, or of what goes with them."""
        index: Any = (*self.sequences, ..., self.queries, slice(None))
        return x[index]

    def columns(self, x: Array) -> Array:
        """Give the part of keys, or of what goes with them."""
        index: Any = (*self.sequences, ..., self.keys, slice(None))
        return x[index]


Odds = tuple[Array, Array]  # exp(scores - largest), and its sum along each row


@dataclass(frozen=True)
class Look:
    """Who looks at what: queries (..., T, D), keys (..., S, D) and values (..., S, E), and what is hidden."""

    q: Array
    k: Array
    v: Array
    mask: Array | None
    causal: bool

    @classmethod
    def of(cls, q: Array, k: Array, v: Array, *, mask: Array | None, causal: bool) -> Self:
        """Check the shapes, and give queries, keys and values the same leading axes."""
        return cls(*_stretched(q, k, v, causal=causal), mask, causal)

    def attended(self) -> Value:
        """Give what attention gives, and its rules."""
        q, v = self.q, self.v
        value = np.empty_like(q) if v.shape[-1] == q.shape[-1] else np.empty(_rows_of(q, v), v.dtype)
        room = None if self.keeps else self.room()
        kept = [self.attend(piece, value, room) for piece in self.pieces()]
        return value, together(lambda g: self.backprop(g, value, kept), 3)

    @property
    def scale(self) -> float:
        return 1 / math.sqrt(self.q.shape[-1])

    @property
    def keeps(self) -> bool:
        """Whether backprop finds the odds kept, instead of computing them again."""
        return self.k.shape[-2] <= KEPT * self.q.shape[-1]

    @cached_property
    def hidden(self) -> Array | None:
        """Booleans that hide, or floats that are added, (..., T, S) without the memory of it."""
        if self.mask is None:
            return None
        hidden = ~self.mask if self.mask.dtype.kind == "b" else self.mask
        return np.broadcast_to(hidden, (*self.q.shape[:-1], self.k.shape[-2]))

    def pieces(self) -> Iterator[Piece]:
        """Cut the work so that a piece has no more than `ROOM` scores, where one sequence's block has not."""
        queries, keys = self.q.shape[-2], self.k.shape[-2]
        for sequences in self._groups():
            # the last block first: it sees all keys, so that it writes gradients to which the others add
            for stop in range(queries, 0, -BLOCK):
                seen = keys - queries + stop if self.causal else keys
                yield Piece(sequences, slice(max(stop - BLOCK, 0), stop), slice(0, seen))

    def _groups(self) -> Iterator[tuple[slice, ...]]:
        if self.q.ndim == 2:
            yield ()
            return
        scores = math.prod(self.q.shape[1:-2]) * BLOCK * self.k.shape[-2]
        count = max(ROOM // max(scores, 1), 1)
        for first in range(0, len(self.q), count):
            yield (slice(first, first + count),)

    def room(self) -> Array:
        """Give memory for the scores of any piece, used over and over: fresh memory costs more than the arithmetic."""
        first = next(self.pieces(), None)  # none is larger
        size = 0 if first is None else math.prod(_rows_of(first.rows(self.q), first.columns(self.k).mT))
        return np.empty(size, np.result_type(self.q, self.k))

    def attend(self, piece: Piece, value: Array, room: Array | None) -> Odds | None:
        """Write a piece of the value; give its odds if they are kept."""
        odds, total = self.odds(piece, room)
        part = piece.rows(value)
        np.matmul(odds, piece.columns(self.v), out=part)
        part /= total  # dividing the rows of the result, not of the odds, spares a pass over the scores
        return (odds, total) if room is None else None

    def odds(self, piece: Piece, room: Array | None = None) -> Odds:
        """Give `exp(scores - largest)` of a piece, (..., t, s), in `room` if there is any, and its sums, (..., t, 1).

        A row with nothing to look at has the sum 1, so that dividing by it leaves its zeros.
        """
        scores = self.scores(piece, room)
        if self.causal:
            rows = scores.shape[-2]
            np.copyto(scores[..., scores.shape[-1] - rows :], -np.inf, where=later(rows))
        scores -= scores.max(axis=-1, keepdims=True, initial=np.finfo(scores.dtype).min)
        np.exp(scores, out=scores)
        total = scores.sum(axis=-1, keepdims=True)
        return scores, np.maximum(total, 1, out=total)  # the largest gives 1 itself

    def scores(self, piece: Piece, room: Array | None = None) -> Array:
        """Give the scores of a piece, (..., t, s), in `room` if there is any, with what the mask hides at -inf."""
        scores = _product(piece.rows(self.q) * self.scale, piece.columns(self.k).mT, room)
        if self.hidden is not None:
            hidden = piece.rows(self.hidden)[..., piece.keys]
            if hidden.dtype.kind == "b":
                np.copyto(scores, -np.inf, where=hidden)
            else:
                scores += hidden
        return scores

    def backprop(self, g: Array, value: Array, kept: list[Odds | None]) -> tuple[Array, Array, Array]:
        """Give the gradients of queries, keys and values."""
        fresh = np.empty_like if self.q.shape[-2] else np.zeros_like  # without queries nobody writes to them
        gradients = fresh(self.q), fresh(self.k), fresh(self.v)
        slopes, room = self.room(), None if self.keeps else self.room()
        for piece, odds in zip(self.pieces(), kept, strict=True):
            self._backprop_piece(piece, odds or self.odds(piece, room), (g, value), slopes, gradients)
        for gradient in gradients[:2]:
            np.multiply(gradient, self.scale, out=gradient)
        return gradients

    def _backprop_piece(
        self, piece: Piece, odds: Odds, result: tuple[Array, Array], slopes: Array, gradients: tuple[Array, ...]
    ) -> None:
        """Write the gradient of the piece's queries; write or add to those of its keys and values."""
        g, value = map(piece.rows, result)
        part = g / odds[1]  # `odds * part` stands for `weights * g`: the sums divide the smaller array
        slope = _product(part, piece.columns(self.v).mT, slopes)
        self.slope_of_scores(slope, odds[0], _dots(part, value))
        dq, dk, dv = gradients
        np.matmul(slope, piece.columns(self.k), out=piece.rows(dq))
        put = _write if piece.queries.stop == self.q.shape[-2] else _add
        put(slope.mT, piece.rows(self.q), piece.columns(dk))
        put(odds[0].mT, part, piece.columns(dv))

    def slope_of_scores(self, slope: Array, odds: Array, pull: Array) -> None:
        """Make gradients of scores, (..., t, s), of those of odds, in place: `(slope - pull) * odds`."""
        slope -= pull
        slope *= odds


def _write(a: Array, b: Array, out: Array) -> None:
    np.matmul(a, b, out=out)


def _add(a: Array, b: Array, out: Array) -> None:
    out += np.matmul(a, b)


def _product(a: Array, b: Array, room: Array | None) -> Array:
    """Multiply, in given memory if there is any."""
    if room is None:
        return np.matmul(a, b)
    shape = _rows_of(a, b)
    return np.matmul(a, b, out=room[: math.prod(shape)].reshape(shape))


def _dots(a: Array, b: Array) -> Array:
    """Multiply row by row and add up: (..., t, 1)."""
    return np.asarray(np.einsum("...e,...e->...", a, b))[..., None]


def _rows_of(a: Array, b: Array) -> tuple[int, ...]:
    """Give the shape of `a` with rows as long as those of `b`."""
    return (*a.shape[:-1], b.shape[-1])


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
