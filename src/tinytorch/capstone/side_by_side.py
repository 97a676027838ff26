"""The optimized model beside the baseline, as a submission keeps it."""

from __future__ import annotations

from typing import Any

from tinytorch.benchmarking.certificate import Certificate
from tinytorch.benchmarking.comparison import Comparison
from tinytorch.capstone.verdicts import derived_certificate, derived_comparison

__all__ = ["section"]


def section(found: Comparison, candidate: int = 1) -> dict[str, Any]:
    """Write a comparison as a submission keeps it: raw log ratios, and all that follows from them.

    Args:
        found: The comparison; its first variant is the baseline.
        candidate: Which of its variants is the optimized model.
    """
    raw = {
        "preset": found.preset,
        "seed": found.seed,
        "margin": found.margin,
        "calls_per_epoch": found.sessions[0].calls,
        "certificate": None if found.certificate is None else _certificate(found.certificate),
        "log_ratios": found.log_ratios(candidate),
    }
    return derived_comparison(raw) | raw


def _certificate(certificate: Certificate) -> dict[str, Any]:
    rounds = [list(session) for session in certificate.log_ratios]
    return derived_certificate({"log_ratios": rounds}) | {"worker_kind": certificate.worker_kind, "log_ratios": rounds}
