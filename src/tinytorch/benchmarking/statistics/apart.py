"""Two reports measured apart, on another day or by other hands: worth less than a paired ratio, and marked so."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinytorch.benchmarking.statistics.distributions import student_quantile
from tinytorch.benchmarking.statistics.estimates import CONFIDENCE, mean, sample_std
from tinytorch.benchmarking.statistics.inputs import require_confidence, require_positive, require_values
from tinytorch.benchmarking.statistics.ratios import Ratio

__all__ = ["sequential_ratio", "speedup_change"]


def sequential_ratio(
    baseline_medians: Sequence[float], candidate_medians: Sequence[float], confidence: float = CONFIDENCE
) -> Ratio:
    """Estimate the speed-up from the median times of the sessions of two runs, with Fieller's interval.

    The degrees of freedom are Welch's, since two runs need not spread alike. Where the candidate's mean time cannot be
    told from 0, no upper end exists; where the baseline's cannot, no lower one: such an end is none, and `reason` says
    so.

    Args:
        baseline_medians: One a session, in seconds or any unit that both share, above 0; at least two.
        candidate_medians: The same of the candidate.
        confidence: How often the interval holds the true ratio of mean times.

    Raises:
        RangeError: If a run has fewer than two sessions, or a time is not a finite number above 0.

    Example:
        >>> ratio = sequential_ratio([2.0, 2.1, 1.9], [1.0, 1.1, 0.9])
        >>> f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}] {ratio.protocol}"
        '2.00 [1.64, 2.50] sequential'

    Source:
        E. C. Fieller (1954), Some Problems in Interval Estimation.
        B. L. Welch (1947), The Generalization of 'Student's' Problem when Several Different Population Variances Are
        Involved.
    """
    before = require_positive(baseline_medians, "the baseline's medians", 2)
    after = require_positive(candidate_medians, "the candidate's medians", 2)
    require_confidence(confidence)
    low, high = _fieller(before, after, confidence)
    return Ratio(
        value=mean(before) / mean(after),
        low=low,
        high=high,
        confidence=confidence,
        sessions=min(len(before), len(after)),
        rounds=0,
        session_sd=math.hypot(_log_sd(before), _log_sd(after)),
        autocorrelation=0.0,
        rounds_per_block=1,
        protocol="sequential",
        reason=_reason(low, high),
    )


def speedup_change(
    first_log_ratios: Sequence[float], second_log_ratios: Sequence[float], confidence: float = CONFIDENCE
) -> Ratio:
    """Estimate by what factor a second speed-up differs from a first one, each over a baseline of its own.

    The ratio is that of the two geometric means; its interval is Welch's, on logarithms.

    Args:
        first_log_ratios: The median of ln(t_baseline / t_candidate) of each session; at least two.
        second_log_ratios: The same of the other comparison.
        confidence: How often the interval holds the true factor.

    Raises:
        RangeError: If a comparison has fewer than two sessions, or a value is not a finite number.

    Example:
        >>> change = speedup_change([0.69, 0.70, 0.71], [1.09, 1.10, 1.11])
        >>> f"{change.value:.2f} [{change.low:.2f}, {change.high:.2f}] {change.protocol}"
        '1.49 [1.46, 1.53] sequential'

    Source:
        B. L. Welch (1947), The Generalization of 'Student's' Problem when Several Different Population Variances Are
        Involved.
    """
    first = require_values(first_log_ratios, "the first comparison's sessions", 2)
    second = require_values(second_log_ratios, "the second comparison's sessions", 2)
    require_confidence(confidence)
    v_first, v_second = (sample_std(run) ** 2 / len(run) for run in (first, second))
    freedom = _welch(v_first, v_second, len(first) - 1, len(second) - 1)
    half = student_quantile((1 + confidence) / 2, freedom) * math.sqrt(v_first + v_second)
    centre = mean(second) - mean(first)
    return Ratio(
        value=math.exp(centre),
        low=math.exp(centre - half),
        high=math.exp(centre + half),
        confidence=confidence,
        sessions=min(len(first), len(second)),
        rounds=0,
        session_sd=math.hypot(sample_std(first), sample_std(second)),
        autocorrelation=0.0,
        rounds_per_block=1,
        protocol="sequential",
    )


def _fieller(before: Sequence[float], after: Sequence[float], confidence: float) -> tuple[float | None, float | None]:
    """Collect the ratios R > 0 with (b - R c)² ≤ t² (v_b + R² v_c): where a parabola lies below 0."""
    b, c = mean(before), mean(after)
    v_b, v_c = (sample_std(run) ** 2 / len(run) for run in (before, after))
    ratio = b / c
    freedom = _welch(v_b, ratio**2 * v_c, len(before) - 1, len(after) - 1)
    t = student_quantile((1 + confidence) / 2, freedom)
    square, constant = c * c - t * t * v_c, b * b - t * t * v_b  # each above 0 where a mean can be told from 0
    root = math.sqrt(max((b * c) ** 2 - square * constant, 0.0))
    # The small root is constant / (bc + root), which does not cancel and stands when the parabola turns over.
    low = constant / (b * c + root) if constant > 0 else None
    high = (b * c + root) / square if square > 0 else None
    return low, high


def _welch(first: float, second: float, first_freedom: int, second_freedom: int) -> float:
    """Say how many degrees of freedom the sum of two variances of means has."""
    if first + second == 0:
        return float(first_freedom + second_freedom)
    share = first / (first + second)
    return 1 / (share**2 / first_freedom + (1 - share) ** 2 / second_freedom)


def _log_sd(values: Sequence[float]) -> float:
    return sample_std([math.log(value) for value in values])


def _reason(low: float | None, high: float | None) -> str | None:
    unknown = [run for run, bound in (("baseline", low), ("candidate", high)) if bound is None]
    return f"the mean time of the {' and of the '.join(unknown)} cannot be told from 0" if unknown else None
