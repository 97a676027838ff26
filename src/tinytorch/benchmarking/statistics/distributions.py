"""The distributions that intervals rest on, from scipy.special: scipy.stats says the same and takes longer to load."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = [
    "beta_quantile",
    "binomial_at_most",
    "binomial_quantile",
    "normal_quantile",
    "sign_rank",
    "student_at_most",
    "student_quantile",
]


@lru_cache(maxsize=1024)
def student_quantile(probability: float, freedom: float) -> float:
    """Invert the distribution function of Student's t.

    Example:
        >>> round(student_quantile(0.975, 5), 3)
        2.571
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def student_at_most(value: float, freedom: float) -> float:
    """Say how likely Student's t is to lie at or below `value`."""
    from scipy.special import stdtr

    return float(stdtr(freedom, value))


@lru_cache(maxsize=64)
def normal_quantile(probability: float) -> float:
    """Invert the distribution function of the standard normal.

    Example:
        >>> round(normal_quantile(0.975), 2)
        1.96
    """
    from scipy.special import ndtri

    return float(ndtri(probability))


def beta_quantile(probability: float, successes: float, failures: float) -> float:
    """Invert the distribution function of the beta distribution with these two shapes."""
    from scipy.special import betaincinv

    return float(betaincinv(successes, failures, probability))


def binomial_at_most(count: int, n: int, probability: float = 0.5) -> float:
    """Say how likely `n` trials are to succeed at most `count` times; 0.0 for a negative count.

    Example:
        >>> binomial_at_most(1, 4)
        0.3125
    """
    from scipy.special import bdtr

    return float(bdtr(float(count), n, probability)) if count >= 0 else 0.0


@lru_cache(maxsize=1024)
def binomial_quantile(probability: float, n: int, success: float) -> int:
    """Find the smallest count whose distribution function reaches `probability`.

    Example:
        >>> binomial_quantile(0.025, 6, 0.5)
        1
    """
    return int(np.searchsorted(_cumulative(n, success), probability))


@lru_cache(maxsize=1024)
def sign_rank(n: int, confidence: float) -> int:
    """Find the largest rank from either end whose two values bound the median of `n`; 0 where none does.

    It is the largest k with Σ_{i<k} C(n, i) 2⁻ⁿ ≤ (1 - confidence) / 2.

    Example:
        >>> [sign_rank(n, 0.95) for n in (5, 6, 8, 9, 20)]
        [0, 1, 1, 2, 6]

    Source:
        W. J. Dixon, A. M. Mood (1946), The Statistical Sign Test.
    """
    return int(np.searchsorted(_cumulative(n, 0.5), (1 - confidence) / 2, side="right"))


def _cumulative(n: int, success: float) -> np.ndarray:
    from scipy.special import bdtr

    return bdtr(np.arange(n + 1, dtype=float), n, success)
