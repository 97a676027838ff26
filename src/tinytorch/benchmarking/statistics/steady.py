"""Where warming up ends: the cut that leaves the best-known mean, or the finding that there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinytorch.benchmarking.statistics.inputs import require_values

__all__ = ["BATCH", "FEWEST_STEADY", "SteadyState", "never_settle", "steady_state"]

BATCH = 5
FEWEST_LEFT = 10  # batches; fewer have a small spread by chance
FEWEST_STEADY = 125  # values: of fewer, one settled series in twenty would be called unsteady
NEARLY_BEST = 1.2
CLEARLY_WORSE = 1.75
SHORT_END = 0.05
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

    @property
    def never_settles(self) -> bool:
        """Whether it was seen not to settle; too few values do not show it."""
        return self.reason == NO_STEADY_STATE


def steady_state(values: Sequence[float]) -> SteadyState:
    """Find where `values` settle, by MSER-5: the cut, in batches of five, whose rest has the smallest standard error.

    MSER(d) = Σ_{j>d} (Y_j - Ȳ_d)² / (n - d)² for batches Y. Four things differ from the original, each for a reason
    that `benchmarks/coverage.py` shows:

    - Y is a batch's median, not its mean: one slow call in a hundred made every fifth settled series unsteady.
    - The last quarter is not searched, nor fewer than ten batches left: by chance those few lie close together, and
      the best cut would be at the end of any series. One that does not settle still has its best cut past half.
    - Of the cuts in the first half whose MSER is within a fifth of the best, the first is taken: noise moves the best.
    - What is left is read backwards too. If more than a twentieth of its end is better left out, by a factor of 1.75,
      the series changed late, where no cut of its beginning could show it: `no steady state`.

    A median does not see one slow first call; so where nothing else is cut, and the means say so, the first batch is.

    Raises:
        RangeError: If there are no values, or one is NaN or infinite.

    Example:
        >>> steady_state([9.0] * 10 + [1.0, 1.1] * 60).cut
        10

    Source:
        K. P. White (1997), An Effective Truncation Heuristic for Bias Reduction in Simulation Output.
        K. Hoad, S. Robinson, R. Davies (2010), Automating Warm-Up Length Estimation: on the end of the series.
    """
    series = np.asarray(require_values(values), dtype=float)
    if len(series) < FEWEST_STEADY:
        return SteadyState(is_steady=False, cut=None, values=len(series), reason=f"fewer than {FEWEST_STEADY} values")
    batches = series[: len(series) // BATCH * BATCH].reshape(-1, BATCH)  # (n, 5)
    cut = _settled(np.median(batches, axis=1))
    if cut is None:
        return SteadyState(is_steady=False, cut=None, values=len(series), reason=NO_STEADY_STATE)
    return SteadyState(is_steady=True, cut=(cut or _cold_batches(batches)) * BATCH, values=len(series))


def never_settle(series: Sequence[Sequence[float]]) -> bool:
    """Say whether most of several series were seen not to settle: `no steady state`.

    A series of fewer than 125 values shows nothing, and counts as settled; so does an empty one.

    Example:
        >>> never_settle([range(200), range(200), [1.0, 1.1] * 100])
        True
    """
    found = [steady_state(values).never_settles for values in series if len(values)]
    return 2 * sum(found) > len(series)


def _settled(batches: np.ndarray) -> int | None:
    """Find how many batches to leave out, if half of them will do, and if the end is like the rest."""
    errors, half = _squared_errors(batches), len(batches) // 2
    searched = min(len(batches) * 3 // 4, len(batches) - FEWEST_LEFT)
    if int(np.argmin(errors[: searched + 1])) > half:
        return None
    cut = int(np.argmax(errors <= NEARLY_BEST * errors[: half + 1].min()))
    return None if _changes_late(batches[cut:]) else cut


def _changes_late(batches: np.ndarray) -> bool:
    backwards = _squared_errors(batches[::-1])
    end = int(np.argmin(backwards[: len(batches) // 2 + 1]))
    return end > SHORT_END * len(batches) and bool(backwards[0] > CLEARLY_WORSE * backwards[end])


def _cold_batches(batches: np.ndarray) -> int:
    """Say whether the first batch holds a call so slow that the mean is better known without it."""
    errors = _squared_errors(batches.mean(axis=1))
    return int(NEARLY_BEST * errors[1] < errors[0])


def _squared_errors(batches: np.ndarray) -> np.ndarray:
    """Compute MSER(d) for every number d of batches left out, from the end on: one pass."""
    centred = batches - np.median(batches)  # far from 0, the squares would cancel
    left = np.arange(len(centred), 0, -1)
    sums = np.cumsum(centred[::-1])[::-1]
    squares = np.cumsum(centred[::-1] ** 2)[::-1]
    return np.maximum(squares - sums**2 / left, 0.0) / left**2
