"""The optimized model beside the baseline, in fresh processes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tinytorch.benchmarking.adapters.tinytorch_files import save_model
from tinytorch.benchmarking.campaign import compare
from tinytorch.benchmarking.certificate import Certificate
from tinytorch.benchmarking.comparison import Comparison
from tinytorch.benchmarking.design import Design
from tinytorch.benchmarking.sessions import Hooks
from tinytorch.benchmarking.subjects import subject_of
from tinytorch.capstone.verdicts import derived_certificate, derived_comparison

__all__ = ["compared", "section"]


def compared(
    models: Sequence[Any], names: Sequence[str], sample: NDArray[Any], preset: str | Design, hooks: Hooks
) -> Comparison:
    """Compare two models in fresh processes, each read from a file, on one sample.

    Args:
        models: The baseline and the optimized one.
        names: What readers call them.
        sample: (1, ...), what both work on.
        preset: How much is measured.
        hooks: What is told of progress, and what stands in for processes in tests.

    Raises:
        KeyboardInterrupt: If it was broken off: half of a comparison is none.
        TinyTorchError: If a model cannot be saved, no process be started, or no round be finished.
    """
    with tempfile.TemporaryDirectory(prefix="tinytorch-") as folder:
        paths = [Path(folder) / f"{place}.safetensors" for place in ("baseline", "optimized")]
        for path, model in zip(paths, models, strict=True):
            save_model(model, path, inputs=sample)
        subjects = [subject_of(path, name) for path, name in zip(paths, names, strict=True)]
        found = compare(*subjects, preset=preset, hooks=hooks)
    if not found.complete:
        raise KeyboardInterrupt
    return found


def section(found: Comparison) -> dict[str, Any]:
    """Write a comparison as a submission keeps it: raw log ratios, and all that follows from them."""
    raw = {
        "preset": found.preset,
        "seed": found.seed,
        "margin": found.margin,
        "calls_per_epoch": found.sessions[0].calls,
        "certificate": None if found.certificate is None else _certificate(found.certificate),
        "log_ratios": found.log_ratios(),
    }
    return derived_comparison(raw) | raw


def _certificate(certificate: Certificate) -> dict[str, Any]:
    rounds = [list(session) for session in certificate.log_ratios]
    return derived_certificate({"log_ratios": rounds}) | {"worker_kind": certificate.worker_kind, "log_ratios": rounds}
