"""Shares of right answers, and the difference of two models that were asked the same questions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tinytorch.benchmarking.statistics.distributions import beta_quantile, binomial_at_most, normal_quantile
from tinytorch.benchmarking.statistics.estimates import CONFIDENCE, Estimate
from tinytorch.benchmarking.statistics.inputs import require_confidence, require_count
from tinytorch.errors import RangeError, explain

__all__ = [
    "MARGIN",
    "NonInferiority",
    "Side",
    "Standing",
    "clopper_pearson",
    "mcnemar",
    "non_inferiority",
    "paired_difference",
    "wilson",
]

MARGIN = 0.01  # one point of accuracy
BISECTIONS = 60  # 2 / 2**60 is below what a float near 1 can tell


class Side(StrEnum):
    """Which ends an interval has."""

    BOTH = "both"
    LOWER = "lower"
    UPPER = "upper"


class Standing(StrEnum):
    """How a candidate's accuracy stands to the baseline's."""

    NON_INFERIOR = "non-inferior"
    INFERIOR = "inferior"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Whether a candidate loses no more than a margin of accuracy.

    Attributes:
        standing: Non-inferior where the interval lies above -margin, inferior where it lies below, else undecided.
        difference: The candidate's accuracy less the baseline's, as a ratio in [-1, 1].
        margin: The loss that is allowed, in (0, 1).
        p_value: Of exact McNemar: how easily two models of equal accuracy differ this much.
    """

    standing: Standing
    difference: Estimate
    margin: float
    p_value: float


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Estimate:
    """Estimate a probability from `successes` out of `trials`, with Wilson's score interval.

    Raises:
        RangeError: If there are no trials, or more successes than trials, or fewer than none.

    Example:
        >>> wilson(350, 359)
        Estimate(value=0.974..., low=0.953..., high=0.986..., confidence=0.95, reason=None)

    Source:
        E. B. Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference.
    """
    _require_counts(successes, trials)
    z = normal_quantile((1 + require_confidence(confidence)) / 2)
    share = successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    # At 0 and at 1 the formula is exact, but its rounding may step over the end.
    return Estimate(share, max(centre - half, 0.0), min(centre + half, 1.0), confidence)


def clopper_pearson(
    successes: int, trials: int, confidence: float = CONFIDENCE, side: Side | str = Side.BOTH
) -> Estimate:
    """Estimate a probability with the exact interval, or with one exact bound: the other end is then 0 or 1.

    It covers with at least `confidence` for every probability, and with more for most.

    Raises:
        RangeError: If there are no trials, or more successes than trials, or `side` is not one of both, lower, upper.

    Example:
        >>> clopper_pearson(0, 368).high
        0.0099...
        >>> clopper_pearson(0, 299, side="upper").high
        0.0099...

    Source:
        C. J. Clopper, E. S. Pearson (1934), The Use of Confidence or Fiducial Limits Illustrated in the Case
        of the Binomial.
    """
    _require_counts(successes, trials)
    wanted, alpha = _side(side), 1 - require_confidence(confidence)
    tail = alpha / 2 if wanted is Side.BOTH else alpha
    failures, low, high = trials - successes, 0.0, 1.0
    if successes and wanted is not Side.UPPER:
        low = beta_quantile(tail, successes, failures + 1)
    if failures and wanted is not Side.LOWER:
        high = beta_quantile(1 - tail, successes + 1, failures)
    return Estimate(successes / trials, low, high, confidence)


def mcnemar(only_baseline: int, only_candidate: int) -> float:
    """Say how easily two models of equal accuracy disagree this one-sidedly: the exact two-sided p-value.

    Args:
        only_baseline: Samples that only the baseline got right.
        only_candidate: Samples that only the candidate got right.

    Raises:
        RangeError: If a count is negative or not whole.

    Example:
        >>> mcnemar(1, 9)
        0.021484375

    Source:
        Q. McNemar (1947), Note on the Sampling Error of the Difference Between Correlated Proportions or Percentages.
    """
    first = require_count("only_baseline", only_baseline)
    second = require_count("only_candidate", only_candidate)
    return min(1.0, 2 * binomial_at_most(min(first, second), first + second))


def paired_difference(
    both: int, only_baseline: int, only_candidate: int, neither: int, confidence: float = CONFIDENCE
) -> Estimate:
    """Estimate the candidate's accuracy less the baseline's, on the same samples, with Tango's score interval.

    Args:
        both: Samples that both got right.
        only_baseline: Samples that only the baseline got right.
        only_candidate: Samples that only the candidate got right.
        neither: Samples that neither got right.
        confidence: How often the interval holds the true difference.

    Raises:
        RangeError: If a count is negative or not whole, or all are 0.

    Example:
        >>> paired_difference(43, 0, 1, 0)
        Estimate(value=0.022..., low=-0.059..., high=0.118..., confidence=0.95, reason=None)

    Source:
        T. Tango (1998), Equivalence Test and Confidence Interval for the Difference in Proportions for the
        Paired-Sample Design.
    """
    counts = {"both": both, "only_baseline": only_baseline, "only_candidate": only_candidate, "neither": neither}
    total = sum(require_count(name, count) for name, count in counts.items())
    if not total:
        raise RangeError(explain("the samples", "at least one", "none"))
    z = normal_quantile((1 + require_confidence(confidence)) / 2)

    def score(difference: float) -> float:
        return _tango_score(only_candidate, only_baseline, total, difference)

    value = (only_candidate - only_baseline) / total
    low = _fall(lambda difference: score(difference) - z, -1.0, value)
    high = _fall(lambda difference: score(difference) + z, value, 1.0)
    return Estimate(value, low, high, confidence)


def non_inferiority(
    both: int,
    only_baseline: int,
    only_candidate: int,
    neither: int,
    margin: float = MARGIN,
    confidence: float = CONFIDENCE,
) -> NonInferiority:
    """Judge whether the candidate's accuracy is at most `margin` below the baseline's.

    Raises:
        RangeError: If `margin` is not in (0, 1), a count is negative or not whole, or all are 0.

    Example:
        >>> non_inferiority(1700, 4, 6, 87).standing
        <Standing.NON_INFERIOR: 'non-inferior'>
    """
    if not 0 < margin < 1:
        raise RangeError(explain("margin", "in (0, 1)", margin, remedy="One point of accuracy is 0.01."))
    difference = paired_difference(both, only_baseline, only_candidate, neither, confidence)
    return NonInferiority(_standing(difference, margin), difference, margin, mcnemar(only_baseline, only_candidate))


def _standing(difference: Estimate, margin: float) -> Standing:
    if difference.low is not None and difference.low > -margin:
        return Standing.NON_INFERIOR
    if difference.high is not None and difference.high < -margin:
        return Standing.INFERIOR
    return Standing.UNDECIDED


def _tango_score(gained: int, lost: int, total: int, difference: float) -> float:
    """Standardize `gained - lost` under the most likely model whose true difference is `difference`."""
    distance = gained - lost - total * difference
    variance = total * (2 * _likeliest(gained, lost, total, difference) + difference * (1 - difference))
    if variance <= 0:  # only at a difference of -1, 0 or 1, where the model leaves no chance
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def _likeliest(gained: int, lost: int, total: int, difference: float) -> float:
    """Find the most likely probability of a loss, given the true difference: the larger root of Tango's quadratic."""
    a = 2 * total
    b = -gained - lost + (2 * total - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    return (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)


def _fall(function: Callable[[float], float], start: float, stop: float) -> float:
    """Find where a falling function passes 0, by halving."""
    for _ in range(BISECTIONS):
        middle = (start + stop) / 2
        start, stop = (middle, stop) if function(middle) > 0 else (start, middle)
    return (start + stop) / 2


def _side(side: Side | str) -> Side:
    if side not in set(Side):
        raise RangeError(explain("side", "one of both, lower, upper", side))
    return Side(side)


def _require_counts(successes: int, trials: int) -> None:
    if trials < 1 or not 0 <= successes <= trials:
        raise RangeError(explain("successes", "between 0 and the number of trials", f"{successes} of {trials}"))
