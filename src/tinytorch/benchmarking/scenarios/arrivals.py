"""When the queries of an open loop are due: drawn before the first one is sent, from a seed that is recorded."""

from __future__ import annotations

import math

import numpy as np

from tinytorch.errors import RangeError, explain

__all__ = ["poisson_arrivals"]


def poisson_arrivals(rate: float, count: int, seed: int) -> tuple[int, ...]:
    """Draw the instants at which queries of a Poisson process are due; a longer schedule begins with the shorter one.

    Args:
        rate: Queries a second, on average.
        count: How many.
        seed: The same seed gives the same instants; the global random state is neither read nor set.

    Returns:
        Nanoseconds from the start, never falling.

    Raises:
        RangeError: If the rate is not a finite number above 0, or `count` not a whole one of at least 1.

    Example:
        >>> poisson_arrivals(1000.0, 5, seed=1)[:3] == poisson_arrivals(1000.0, 3, seed=1)
        True

    Source:
        W. Feller (1968), An Introduction to Probability Theory and Its Applications, vol. 1, XVII.2: the gaps of a
        Poisson process are independent and exponential.
    """
    if not 0 < rate < math.inf:
        raise RangeError(explain("the rate", "a finite number above 0", rate))
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise RangeError(explain("the number of queries", "a whole number of at least 1", count))
    gaps = np.random.default_rng(seed).exponential(1e9 / rate, count)
    return tuple(int(instant) for instant in np.cumsum(gaps))
