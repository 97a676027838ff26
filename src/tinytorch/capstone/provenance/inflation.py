"""What choosing the best of several tries adds: equal things differ by chance, and the best of them looks better."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinytorch.benchmarking.statistics import paired_ratio
from tinytorch.errors import RangeError, explain

__all__ = ["best_of_inflation", "expected_best", "inflation_sentence", "standard_error"]

FARTHEST = 40.0  # standard deviations: the best of no number of tries that anybody makes comes near


def expected_best(tries: int) -> float:
    """Compute the mean of the largest of so many independent standard normal numbers.

    Of a number that is never negative the mean is the integral of P(it is larger than x); the largest of k is larger
    than x with probability 1 - F(x)^k, and its negative part is larger than x with F(-x)^k.

    Raises:
        RangeError: If `tries` is no whole number of at least 1.

    Example:
        >>> [round(expected_best(tries), 4) for tries in (1, 2, 5, 100)]
        [0.0, 0.5642, 1.163, 2.5076]

    Source:
        H. A. David, H. N. Nagaraja (2003), Order Statistics, 3rd edition, chapter 3.
    """
    if isinstance(tries, bool) or not isinstance(tries, int) or tries < 1:
        raise RangeError(explain("tries", "a whole number of at least 1", tries))
    if tries == 1:
        return 0.0
    from scipy.integrate import quad
    from scipy.special import log_ndtr

    likely = math.sqrt(2 * math.log(tries))  # where the first integrand falls
    above = (-quad(lambda x: math.expm1(tries * log_ndtr(x)), *ends, epsabs=1e-12)[0] for ends in _parts(likely))
    below = quad(lambda x: math.exp(tries * log_ndtr(-x)), 0, FARTHEST, epsabs=1e-12)[0]
    return sum(above) - below


def best_of_inflation(tries: int, standard_error: float) -> float:
    """Compute by how much the best of equal tries is too good on average, in logarithms of the ratio.

    Args:
        tries: How many, at least 1.
        standard_error: Of the log ratio of one try, at least 0.

    Raises:
        RangeError: If one of them is out of range.

    Example:
        >>> round(best_of_inflation(5, 0.01), 5)
        0.01163
    """
    if not 0 <= standard_error < math.inf:
        raise RangeError(explain("standard_error", "a finite number of at least 0", standard_error))
    return expected_best(tries) * standard_error


def standard_error(log_ratios: Sequence[Sequence[float]]) -> float | None:
    """Estimate the standard error of a comparison's log ratio from its sessions; none from a single one.

    Example:
        >>> standard_error([[0.0], [0.5]]), standard_error([[0.1]])
        (0.25, None)
    """
    ratio = paired_ratio(log_ratios)
    return None if ratio.sessions < 2 else ratio.session_sd / math.sqrt(ratio.sessions)


def inflation_sentence(tries: int, inflation: float | None) -> str:
    """Say what choosing would have added, in plain words.

    Example:
        >>> inflation_sentence(5, 0.013)
        'the best of 5 tries of the very same thing would come out 1.3 % too good'
    """
    if tries == 1:
        return "nothing was there to choose from"
    if inflation is None:
        return "how much choosing the best would add is not known, as nothing tells how much tries differ"
    share = f"{100 * math.expm1(inflation):.2g} %"
    return f"the best of {tries} tries of the very same thing would come out {share} too good"


def _parts(likely: float) -> list[tuple[float, float]]:
    near, far = max(likely - 4, 0.0), likely + 4
    return [ends for ends in ((0.0, near), (near, far), (far, FARTHEST)) if ends[0] < ends[1]]
