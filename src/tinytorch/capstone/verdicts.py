"""What follows from the raw numbers of a comparison: the workflow writes it, the validator computes it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tinytorch.benchmarking.certificate import reach
from tinytorch.benchmarking.statistics import Verdict, judge

__all__ = ["derived_certificate", "derived_comparison", "verdict_of"]


def verdict_of(comparison: Mapping[str, Any]) -> Verdict:
    """Judge a submission's comparison again, from its raw log ratios, and beside its certificate where it has one."""
    certificate = comparison.get("certificate") or {}
    width = derived_certificate(certificate).get("half_width", certificate.get("half_width", 0.0))
    return replace(judge(comparison["log_ratios"], comparison["margin"]), null_width=width)


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
        "within_certificate": verdict.is_within_null if comparison.get("certificate") else None,
    }


def derived_certificate(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """Compute again what follows from the null run's rounds, where they were kept, and from its interval.

    Example:
        >>> f"{derived_certificate({'low': 0.99, 'high': 1.02})['half_width']:.2f}"
        '0.02'
    """
    derived: dict[str, float | None] = {}
    if "log_ratios" in certificate:
        null = judge(certificate["log_ratios"]).ratio
        derived = {"ratio": null.value, "low": null.low, "high": null.high}
    ends = derived | dict(certificate)
    if not {"low", "high"} <= ends.keys():
        return {}
    return derived | {"half_width": reach(ends["low"], ends["high"])}
