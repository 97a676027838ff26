"""Whether a server keeps up: violations of a latency objective, and the balance of what comes and what waits."""

from __future__ import annotations

import math
from enum import StrEnum

from tinytorch.benchmarking.statistics.estimates import CONFIDENCE
from tinytorch.benchmarking.statistics.proportions import clopper_pearson
from tinytorch.errors import RangeError, explain

__all__ = ["RateVerdict", "littles_law_gap", "rate_verdict"]


class RateVerdict(StrEnum):
    """Whether a rate of arrivals is served in time; continue where the calls so far do not tell."""

    PASS = "pass"  # noqa: S105  not a password
    FAIL = "fail"
    CONTINUE = "continue"


def rate_verdict(violations: int, calls: int, percentile: float = 99.0, confidence: float = CONFIDENCE) -> RateVerdict:
    """Judge whether the `percentile` of the latency keeps its objective, which `violations` of `calls` broke.

    It passes if the upper end of the exact interval of P(violation) is at most 1 - percentile/100, fails if the lower
    end is above it.

    Raises:
        RangeError: If there are no calls, or more violations than calls, or `percentile` is not in (0, 100).

    Example:
        >>> [rate_verdict(violations, 400).value for violations in (0, 4, 12)]
        ['pass', 'continue', 'fail']

    Source:
        C. J. Clopper, E. S. Pearson (1934), The Use of Confidence or Fiducial Limits Illustrated in the Case
        of the Binomial.
    """
    if not 0 < percentile < 100:
        raise RangeError(explain("percentile", "in (0, 100)", percentile))
    share = clopper_pearson(violations, calls, confidence)
    allowed = (100 - percentile) / 100
    if share.high is not None and share.high <= allowed:
        return RateVerdict.PASS
    if share.low is not None and share.low > allowed:
        return RateVerdict.FAIL
    return RateVerdict.CONTINUE


def littles_law_gap(in_system: float, arrival_rate: float, time_in_system: float) -> float:
    """Say by what share L differs from λ W; a run in balance has nearly none.

    Args:
        in_system: L, the mean number of calls waiting or served, above 0.
        arrival_rate: λ, in calls a second, at least 0.
        time_in_system: W, the mean time from arrival to answer, in seconds, at least 0.

    Raises:
        RangeError: If `in_system` is not above 0, another is negative, or one is no number.

    Example:
        >>> littles_law_gap(2.0, 100.0, 0.019)
        0.05...

    Source:
        J. D. C. Little (1961), A Proof for the Queuing Formula: L = λW.
    """
    given = {"in_system": in_system, "arrival_rate": arrival_rate, "time_in_system": time_in_system}
    for name, value in given.items():
        if not 0 <= value < math.inf:
            raise RangeError(explain(name, "a number of at least 0", value))
    if in_system == 0:
        raise RangeError(explain("in_system", "above 0", in_system))
    return abs(in_system - arrival_rate * time_in_system) / in_system
