"""How right a model is, and whether a candidate loses no more than is allowed, on the same samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.statistics import (
    Estimate,
    NonInferiority,
    Standing,
    mean,
    non_inferiority,
    sample_std,
    t_interval,
    wilson,
)
from tinytorch.benchmarking.statistics.distributions import student_at_most
from tinytorch.capstone.labelled import Labelled
from tinytorch.core.autograd import no_grad
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, ShapeError, explain
from tinytorch.perf.graph import inference

__all__ = ["ALPHA", "Judged", "Right", "holding", "judged", "right"]

Right = NDArray[np.bool_]  # (N,), or (N, T)
TOGETHER = 256
PLACES_TOGETHER = 4096  # of sequences, so many places: attention is quadratic
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Judged:
    """How right a model was on some samples, beside the baseline.

    Attributes:
        correct: What it got right.
        total: Out of how many.
        accuracy: The share, with its interval: Wilson's; for sequences that of the mean over sequences, whose places
            depend on each other.
        beside: How it stands to the baseline; none for the baseline itself.
    """

    correct: int
    total: int
    accuracy: Estimate
    beside: NonInferiority | None = None


def right(model: Any, data: Labelled) -> Right:
    """Say of each sample, or of each place in it, whether the largest score is that of the label.

    Raises:
        ShapeError: If there is not one row of scores a label.
        DataError: If a score is not finite.
    """
    size = TOGETHER if data.labels.ndim == 1 else max(1, PLACES_TOGETHER // data.labels.shape[1])
    forward = getattr(model, "forward", model)
    with inference(model), no_grad():
        found = [_right(forward, data, slice(start, start + size)) for start in range(0, len(data), size)]
    return np.concatenate(found)


def judged(own: Right, baseline: Right | None = None, margin: float = 0.01, confidence: float = 1 - ALPHA) -> Judged:
    """Estimate the accuracy, and how it stands to the baseline's on the same samples.

    Args:
        own: What the model got right.
        baseline: What the baseline got right; none if this is the baseline.
        margin: The loss that is allowed, in (0, 1).
        confidence: Of the interval of the difference.

    Example:
        >>> before, after = np.ones(400, bool), np.arange(400) > 0
        >>> judged(after, before).beside.difference.value
        -0.0025
    """
    beside = None if baseline is None else _beside(baseline, own, margin, confidence)
    share = wilson(int(own.sum()), own.size) if own.ndim == 1 else _of_rows(own.mean(axis=1), 1 - ALPHA)
    return Judged(int(own.sum()), own.size, share, beside)


def holding(candidates: Sequence[Right], baseline: Right, margin: float) -> list[bool]:
    """Say which candidates are non-inferior, all of them together at 5 % (Holm's procedure, in intervals).

    Of k that are not shown yet, each is asked for an interval of confidence 1 - 5 %/k; whoever is shown leaves, which
    lowers k for the others.

    Source:
        S. Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure.
    """
    shown, left = [False] * len(candidates), set(range(len(candidates)))
    while left:
        confidence = 1 - ALPHA / len(left)
        fresh = {
            n for n in left if _beside(baseline, candidates[n], margin, confidence).standing is Standing.NON_INFERIOR
        }
        if not fresh:
            break
        left -= fresh
        for n in fresh:
            shown[n] = True
    return shown


def _right(forward: Any, data: Labelled, part: slice) -> Right:
    rows, labels = data.inputs[part], data.labels[part]
    scores = forward(Tensor(np.ascontiguousarray(rows), dtype=rows.dtype)).data
    if scores.shape[:-1] != labels.shape:
        rule = f"of shape {(*labels.shape, 'C')}".replace("'", "")
        raise ShapeError(explain("the scores", rule, f"the shape {scores.shape}"))
    if not np.isfinite(scores).all():
        raise DataError(explain("a score", "finite", "NaN or infinity"))
    found: Right = scores.argmax(axis=-1) == labels
    return found


def _beside(baseline: Right, own: Right, margin: float, confidence: float) -> NonInferiority:
    if own.ndim == 1:
        lost, gained = int((baseline & ~own).sum()), int((own & ~baseline).sum())
        both = int((own & baseline).sum())
        return non_inferiority(both, lost, gained, own.size - both - lost - gained, margin, confidence)
    return _beside_rows(own.mean(axis=1) - baseline.mean(axis=1), margin, confidence)


def _beside_rows(differences: NDArray[Any], margin: float, confidence: float) -> NonInferiority:
    """Judge by sequences: each is one observation, however long."""
    found = _of_rows(differences, confidence)
    standing = Standing.UNDECIDED
    if found.low is not None and found.low > -margin:
        standing = Standing.NON_INFERIOR
    if found.high is not None and found.high < -margin:
        standing = Standing.INFERIOR
    return NonInferiority(standing, found, margin, _p_value(differences))


def _of_rows(values: NDArray[Any], confidence: float) -> Estimate:
    return t_interval(values.tolist(), confidence)


def _p_value(differences: NDArray[Any]) -> float:
    values = differences.tolist()
    spread = sample_std(values)
    if not spread:
        return 0.0 if values[0] else 1.0
    return 2 * (1 - student_at_most(abs(mean(values)) / spread * math.sqrt(len(values)), len(values) - 1))
