"""Whether a machine has one speed or two: then one latency would be neither."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tinytorch.benchmarking.statistics.inputs import require_positive

__all__ = ["Mode", "Regimes", "Shape", "find_regimes"]

FEWEST = 16
SMALLEST_SHARE = 0.1
CLEAR_SEPARATION = 5.0
DOUBTFUL_SEPARATION = 4.0


class Shape(StrEnum):
    """How many speeds there are."""

    ONE = "one"
    TWO = "two"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Mode:
    """One speed.

    Attributes:
        location: Its median time, in the unit given.
        share: The part of the medians that belong to it, in (0, 1].
    """

    location: float
    share: float


@dataclass(frozen=True, slots=True)
class Regimes:
    """The speeds a machine showed.

    Attributes:
        shape: One, two, or unclear.
        modes: One of each speed, the faster first; where unclear, the one that all make together.
        separation: The distance of the two best groups in their common standard deviation, in logarithms; none where
            too few medians were given.
        reason: Why it is unclear; none where it is not.
    """

    shape: Shape
    modes: tuple[Mode, ...]
    separation: float | None
    reason: str | None = None


def find_regimes(medians: Sequence[float]) -> Regimes:
    """Tell one speed from two, given the median times of equal stretches of a run, such as half seconds.

    The logarithms, in order, are split at every place that leaves a tenth, and three, on either side, each value nearer
    to its own group's mean; the best split has the least sum of squares within. Two groups are two speeds where their
    means lie 5 of their common standard deviations apart: halves of a normal distribution lie 2.65 apart, those of a
    flat one 3.46. Fewer than 16 medians can look like anything.

    Raises:
        RangeError: If there are no medians, or one is not a finite number above 0.

    Example:
        >>> found = find_regimes([5.3, 5.2, 8.3, 8.2, 5.4, 8.4, 5.3, 8.3] * 2)
        >>> found.shape.value, [mode.location for mode in found.modes]
        ('two', [5.3, 8.3])

    Source:
        W. D. Fisher (1958), On Grouping for Maximum Homogeneity: the split.
        T. W. Ashman, C. M. Bird, S. E. Zepf (1994), Detecting Bimodality in Astronomical Datasets: the separation.
    """
    ordered = np.sort(np.asarray(require_positive(medians, "the medians"), dtype=float))
    if len(ordered) < FEWEST:
        return Regimes(Shape.UNCLEAR, _modes(ordered), None, f"fewer than {FEWEST} medians")
    split, separation = _best_split(np.log(ordered))
    if separation >= CLEAR_SEPARATION:
        return Regimes(Shape.TWO, _modes(ordered, split), separation)
    if separation >= DOUBTFUL_SEPARATION:
        return Regimes(Shape.UNCLEAR, _modes(ordered), separation, "two groups lie close together")
    return Regimes(Shape.ONE, _modes(ordered), separation)


def _best_split(logs: np.ndarray) -> tuple[int, float]:
    """Find the size of the first group of the tightest split, and how far apart the groups lie; 0.0 where none is fair.

    A split is fair where every value lies nearer to its own group's mean: otherwise a few outliers have taken ordinary
    values along to make up a tenth.
    """
    n, centred = len(logs), logs - logs[0]  # exact zeros where nothing varies, which a rounded mean would not give
    centred = centred - centred.mean()
    fewest = max(math.ceil(n * SMALLEST_SHARE), 3)
    sizes = np.arange(fewest, n - fewest + 1)
    sums = np.cumsum(centred)[sizes - 1]
    low, high = sums / sizes, -sums / (n - sizes)  # the means of both groups
    middle = (low + high) / 2
    fair = (centred[sizes - 1] <= middle) & (middle <= centred[sizes])
    between = np.where(fair, sums**2 * n / (sizes * (n - sizes)), 0.0)  # the part of the squares that a split explains
    best = int(np.argmax(between))
    within = max(float(centred @ centred - between[best]), 0.0) / (n - 2)
    return int(sizes[best]), _separation(float(high[best] - low[best]) if fair[best] else 0.0, within)


def _separation(distance: float, variance: float) -> float:
    if distance == 0:
        return 0.0
    return distance / math.sqrt(variance) if variance else math.inf


def _modes(ordered: np.ndarray, *splits: int) -> tuple[Mode, ...]:
    groups = np.split(ordered, splits)
    return tuple(Mode(float(np.median(group)), len(group) / len(ordered)) for group in groups)
