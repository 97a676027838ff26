"""The twin of `attention`: one kernel without a mask; with one, all that is done to scores between NumPy's products."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tinytorch.core.ops import OPS
from tinytorch.core.ops.op import Array, Value, together
from tinytorch.core.ops.queries import Look, Odds, Piece
from tinytorch.perf.acceleration.arrays import plain
from tinytorch.perf.kernels.crew import share
from tinytorch.perf.kernels.forms import vector_layout
from tinytorch.perf.kernels.threads import thread_count

__all__ = ["attention"]

FEWEST = 4_096  # scores; with fewer, the kernel's call costs what NumPy's calls do
SHARED = 16_384  # scores from which on a second thread pays
QUERIES = 48  # that the kernel does at a time
LINE = 16  # floats


def attention(q: Array, k: Array, v: Array, *, mask: Array | None = None, causal: bool = False) -> Value:
    """Do what the op `attention` does: float32, of 4,096 scores or more."""
    kinds = {x.dtype for x in (q, k, v)} == {np.dtype(np.float32)} and (mask is None or mask.dtype != np.float64)
    if not kinds or min(q.ndim, k.ndim) < 2 or q.size // max(q.shape[-1], 1) * k.shape[-2] < FEWEST:
        return OPS["attention"].run(q, k, v, mask=mask, causal=causal)
    look = FusedLook.of(q, k, v, mask=mask, causal=causal)
    return _by_tiles(look) if mask is None and all(map(_has_tiles, (look.q, look.k, look.v))) else look.attended()


def _has_tiles(x: Array) -> bool:
    """Say whether the vectors of heads fill those of the machine, and lie as the kernel takes them."""
    full = x.ndim == 4 and x.shape[-1] % (2 * vector_layout().itemsize) == 0
    return full and min(map(abs, x.strides)) == x.strides[-1] == 4 and x.flags.writeable


def _by_tiles(look: Look) -> Value:
    """Do a sequence of one head at a time, all in one kernel."""
    q, k, v = look.q, look.k, look.v
    value = np.empty_like(q) if v.shape[-1] == q.shape[-1] else np.empty((*q.shape[:-1], v.shape[-1]), np.float32)
    wide, tall, layout = k.shape[-2] + 2 * LINE, q.shape[-1] + v.shape[-1], vector_layout()
    floats = (tall + 2 * QUERIES) * wide + (2 * wide + QUERIES) * tall + 16 * LINE
    alone = q.size // q.shape[-1] * k.shape[-2] < SHARED

    def run(name: str, heads: tuple[Array, ...], results: Any) -> None:
        memory, how = np.empty((thread_count(), floats), np.float32), (np.float32(look.scale), look.causal)
        kernel = _of_heads(name, layout.itemsize)
        share(kernel, q.shape[0] * q.shape[1], heads, how, layout, memory, results, alone=alone)

    def backprop(g: Array) -> tuple[Array, ...]:
        given = g if g.strides[-1] == 4 and g.flags.writeable and g.dtype == np.float32 else plain(g)
        gradients = np.empty_like(q), np.empty_like(k), np.empty_like(v)
        run("back", (q, k, v, value, given), gradients)
        return gradients

    run("there", (q, k, v), value)
    return value, together(backprop, 3)


class FusedLook(Look):
    """A look whose scores become odds, and whose odds' gradients become scores', in one pass."""

    def odds(self, piece: Piece, room: Array | None = None) -> Odds:
        """Give `exp(scores - largest)` of a piece, and its sums."""
        scores = plain(self.scores(piece, room))  # without room they lie as the queries do
        total = np.empty((*scores.shape[:-1], 1), np.float32)
        pieces = scores.reshape(-1, *scores.shape[-2:])
        kernel, sums = _of_rows("odds_there"), total.reshape(pieces.shape[:2])
        share(kernel, len(pieces), pieces, sums, self.causal, alone=pieces.size < SHARED)
        return scores, total

    def slope_of_scores(self, slope: Array, odds: Array, pull: Array) -> None:
        """Write `(slope - pull) * odds` to `slope`."""
        arrays = _as_rows(slope), _as_rows(odds), pull.reshape(-1)
        share(_of_rows("odds_back"), len(arrays[2]), *arrays, alone=slope.size < SHARED)


def _as_rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


@cache
def _of_heads(name: str, index_bytes: int) -> Callable[..., Any]:
    from tinytorch.perf.kernels import compiled_attention

    return compiled_attention.kernel(name, index_bytes)


@cache
def _of_rows(name: str) -> Callable[..., Any]:
    from tinytorch.perf.kernels import compiled_rows

    return compiled_rows.kernel(name)
