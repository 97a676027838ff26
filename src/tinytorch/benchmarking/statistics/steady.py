"""Where warming up ends: the cut that leaves the best-known mean, or the finding that there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinytorch.benchmarking.statistics.inputs import require_values

__all__ = ["BATCH", "FEWEST_STEADY", "SteadyState", "steady_state"]

BATCH = 5
FEWEST_BATCHES = 10
FEWEST_STEADY = BATCH * FEWEST_BATCHES
NO_STEADY_STATE = "no steady state"


@dataclass(frozen=True, slots=True)
class SteadyState:
    """Where a series of times settles.

    Attributes:
        is_steady: Whether it does, in its first half.
        cut: How many values of the beginning to leave out, a multiple of five; none where it does not settle.
        values: How many there were.
        reason: Why no cut is given; none where one is.
    """

    is_steady: bool
    cut: int | None
    values: int
    reason: str | None = None


def steady_state(values: Sequence[float]) -> SteadyState:
    """Find where `values` settle, by MSER-5: the cut, in batches of five, whose rest has the smallest standard error.

    MSER(d) = Σ_{j>d} (Y_j - Ȳ_d)² / (n - d)², Y the means of batches. With few batches left it is small by chance, and
    would then find a cut at the very end of any series. So the last quarter is not searched, nor less than five batches
    left: a series that has not settled still has its best cut past half, where the verdict is `no steady state`.

    Raises:
        RangeError: If there are no values, or one is NaN or infinite.

    Example:
        >>> steady_state([9.0] * 10 + [1.0, 1.1] * 45).cut
        10

    Source:
        K. P. White (1997), An Effective Truncation Heuristic for Bias Reduction in Simulation Output.
        K. Hoad, S. Robinson, R. Davies (2010), Automating Warm-Up Length Estimation: on the end of the series.
    """
    series = np.asarray(require_values(values), dtype=float)
    batches = series[: len(series) // BATCH * BATCH].reshape(-1, BATCH).mean(axis=1)  # (n,)
    if len(batches) < FEWEST_BATCHES:
        return SteadyState(is_steady=False, cut=None, values=len(series), reason=f"fewer than {FEWEST_STEADY} values")
    searched = min(len(batches) * 3 // 4, len(batches) - BATCH)
    cut = int(np.argmin(_standard_errors(batches)[: searched + 1]))
    if cut > len(batches) / 2:
        return SteadyState(is_steady=False, cut=None, values=len(series), reason=NO_STEADY_STATE)
    return SteadyState(is_steady=True, cut=cut * BATCH, values=len(series))


def _standard_errors(batches: np.ndarray) -> np.ndarray:
    """Compute MSER(d) for every number d of batches left out, from the end on: one pass."""
    centred = batches - batches.mean()  # sums of squares of what is far from 0 would cancel
    left = np.arange(len(centred), 0, -1)
    sums = np.cumsum(centred[::-1])[::-1]
    squares = np.cumsum(centred[::-1] ** 2)[::-1]
    return np.maximum(squares - sums**2 / left, 0.0) / left**2
