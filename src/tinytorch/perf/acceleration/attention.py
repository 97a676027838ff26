"""The twin of `attention`: the products are NumPy's, all that is done to the scores between them is one pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tinytorch.core.ops import OPS
from tinytorch.core.ops.op import Array, Value
from tinytorch.core.ops.queries import Look, Odds, Piece
from tinytorch.perf.acceleration.arrays import plain
from tinytorch.perf.kernels.threads import in_parts

__all__ = ["attention"]

FEWEST = 4_096  # scores; with fewer, the kernel's call costs what NumPy's calls do
SHARED = 65_536  # scores of a piece from which on a second thread pays


def attention(q: Array, k: Array, v: Array, *, mask: Array | None = None, causal: bool = False) -> Value:
    """Do what the op `attention` does: float32, of 4,096 scores or more."""
    kinds = {x.dtype for x in (q, k, v)} == {np.dtype(np.float32)} and (mask is None or mask.dtype != np.float64)
    if not kinds or min(q.ndim, k.ndim) < 2 or q.size // max(q.shape[-1], 1) * k.shape[-2] < FEWEST:
        return OPS["attention"].run(q, k, v, mask=mask, causal=causal)
    return FusedLook.of(q, k, v, mask=mask, causal=causal).attended()


class FusedLook(Look):
    """A look whose scores become odds, and whose odds' gradients become scores', in one pass."""

    def odds(self, piece: Piece, room: Array | None = None) -> Odds:
        """Give `exp(scores - largest)` of a piece, and its sums."""
        scores = plain(self.scores(piece, room))  # without room they lie as the queries do
        total = np.empty((*scores.shape[:-1], 1), np.float32)
        rows, sums, height = _as_rows(scores), total.reshape(-1), scores.shape[-2]
        kernel = _compiled("odds_there")

        def work(_: int, start: int, stop: int) -> None:
            part = slice(start * height, stop * height)
            kernel(rows[part], sums[part], height, self.causal)

        in_parts(work, len(rows) // max(height, 1), None if rows.size >= SHARED else 1)
        return scores, total

    def slope_of_scores(self, slope: Array, odds: Array, pull: Array) -> None:
        """Write `(slope - pull) * odds` to `slope`."""
        arrays = _as_rows(slope), _as_rows(odds), pull.reshape(-1)
        kernel = _compiled("odds_back")
        in_parts(
            lambda _, start, stop: kernel(*(x[start:stop] for x in arrays)),
            len(arrays[2]),
            None if slope.size >= SHARED else 1,
        )


def _as_rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


@cache
def _compiled(name: str) -> Callable[..., Any]:
    from tinytorch.perf.kernels import compiled_rows

    return compiled_rows.kernel(name)
