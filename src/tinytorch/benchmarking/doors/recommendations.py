"""Which model to take for what, as far as the measurements say."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tinytorch.benchmarking.doors.result import BenchmarkResult
from tinytorch.benchmarking.statistics import sign_interval, wilson

__all__ = ["balanced_scores", "interval", "recommendations", "told_apart"]

Results = Mapping[str, BenchmarkResult]
NEEDS = {
    "for_latency_critical": ("latency", "Where latency is critical"),
    "for_memory_constrained": ("memory", "Where memory is constrained"),
    "for_accuracy_preservation": ("accuracy", "Where accuracy must be preserved"),
}
MORE = frozenset({"accuracy"})


def recommendations(results: Mapping[str, Results]) -> dict[str, str]:
    """Say for each need which model is best, and whether the measurement can tell it from the next.

    Args:
        results: By metric and then by model.

    Returns:
        A sentence by need: `for_latency_critical`, `for_memory_constrained`, `for_accuracy_preservation` and
        `for_balanced_deployment`.

    Example:
        >>> fast, slow = BenchmarkResult("ms", [1.0, 1.1]), BenchmarkResult("ms", [9.0, 9.1])
        >>> print(recommendations({"latency": {"slow": slow, "fast": fast}})["for_latency_critical"])
        Where latency is critical: fast; no other comes close.
    """
    said = {need: f"{words}: {_best(metric, results.get(metric, {}))}" for need, (metric, words) in NEEDS.items()}
    return said | {"for_balanced_deployment": f"For a balance of all: {_balanced(results)}"}


def balanced_scores(results: Mapping[str, Results]) -> dict[str, float]:
    """Give each model the product of its ratios to the best, over the metrics that were measured of all models.

    Returns:
        In (0, 1], by model; empty if no metric was measured of all.
    """
    scores: dict[str, float] = {}
    for metric, found in results.items():
        levels = {name: _level(metric, result) for name, result in found.items() if result.is_measured}
        if len(levels) < len(found) or min(levels.values(), default=0.0) <= 0:
            continue
        best = max(levels.values()) if metric in MORE else min(levels.values())
        for name, value in levels.items():
            scores[name] = scores.get(name, 1.0) * (value / best if metric in MORE else best / value)
    return scores


def told_apart(one: BenchmarkResult, other: BenchmarkResult) -> bool:
    """Say whether two results differ by more than chance.

    Timed in turns, they are compared round by round, with the interval of the sign test; counted, by the intervals of
    their shares; else by those of their means. Of a value without an interval nothing can be said.

    Example:
        >>> notes = {"datasets": [{"correct": 9, "total": 10}]}
        >>> told_apart(BenchmarkResult("a", [0.9], notes), BenchmarkResult("a", [0.8], {"datasets": notes["datasets"]}))
        False
    """
    if _in_turns(one) and _in_turns(other) and one.count == other.count:
        rounds = zip(one.values, other.values, strict=True)
        logs = sign_interval([math.log(first / second) for first, second in rounds])
        return logs.low is not None and logs.high is not None and (logs.low > 0 or logs.high < 0)
    first, second = interval(one), interval(other)
    return first is not None and second is not None and (first[0] > second[1] or second[0] > first[1])


def interval(result: BenchmarkResult) -> tuple[float, float] | None:
    """Give the 95 % interval of a result: Wilson's of a share that was counted, else Student's; none of one value."""
    counts = [(found.get("correct"), found.get("total")) for found in result.metadata.get("datasets", ())]
    if counts and all(correct is not None and total for correct, total in counts):
        share = wilson(sum(correct for correct, _ in counts), sum(total for _, total in counts))
        return (share.low, share.high) if share.low is not None and share.high is not None else None
    return (result.ci_lower, result.ci_upper) if result.count > 1 else None


def _best(metric: str, results: Results) -> str:
    measured = {name: result for name, result in results.items() if result.is_measured}
    if not measured:
        return f"unknown, because {metric} was measured of no model."
    best, *rest = sorted(measured, key=lambda name: _level(metric, measured[name]), reverse=metric in MORE)
    close = [name for name in rest if not told_apart(measured[best], measured[name])]
    if not rest:
        return f"{best}, the only one measured."
    return f"{best}; {'not to be told from ' + ', '.join(close) if close else 'no other comes close'}."


def _level(metric: str, result: BenchmarkResult) -> float:
    """Give what models are ranked by; of latency the median, which one interrupted call does not move."""
    return result.median if metric == "latency" else result.mean


def _in_turns(result: BenchmarkResult) -> bool:
    return result.metadata.get("protocol") == "interleaved"


def _balanced(results: Mapping[str, Results]) -> str:
    scores = balanced_scores(results)
    if not scores:
        return "unknown, because no metric was measured of every model."
    best = max(scores, key=lambda name: scores[name])
    return f"{best}, by the product of its ratios to the best in each metric, {scores[best]:.2f}."
