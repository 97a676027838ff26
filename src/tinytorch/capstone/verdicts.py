"""What follows from the raw numbers of a comparison: the workflow writes it, the validator computes it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinytorch.benchmarking.statistics import Verdict, judge

__all__ = ["derived_certificate", "derived_comparison", "verdict_of"]


def verdict_of(comparison: Mapping[str, Any]) -> Verdict:
    """Judge a submission's comparison again, from its raw log ratios."""
    return judge(comparison["log_ratios"], comparison["margin"])


def derived_comparison(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Compute again what follows from the log ratios of a submission's comparison.

    Example:
        >>> derived_comparison({"log_ratios": [[0.0, 0.0, 0.0]] * 3, "margin": 0.02})["outcome"]
        'equivalent'
    """
    if not {"log_ratios", "margin"} <= comparison.keys():
        return {}
    verdict = verdict_of(comparison)
    return {
        "outcome": str(verdict.outcome),
        "speedup": verdict.ratio.value,
        "low": verdict.ratio.low,
        "high": verdict.ratio.high,
        "confidence": verdict.ratio.confidence,
        "minimum_detectable_effect": verdict.minimum_detectable_effect,
        "sessions": verdict.ratio.sessions,
        "rounds": verdict.ratio.rounds,
    }


def derived_certificate(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """Compute again what follows from the null run's interval.

    Example:
        >>> f"{derived_certificate({'low': 0.99, 'high': 1.02})['half_width']:.2f}"
        '0.02'
    """
    if not {"low", "high"} <= certificate.keys():
        return {}
    low, high = certificate["low"], certificate["high"]
    width = 1.0 if low is None or high is None else max(high - 1, 1 / low - 1, 0.0)
    return {"half_width": width}
