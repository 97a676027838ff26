"""Fresh processes, one after another: for what a process can tell only once, or has its own luck in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from tinytorch.benchmarking.case import Case, Process
from tinytorch.benchmarking.statistics import Estimate, sign_interval

__all__ = ["SECONDS", "Answer", "estimates", "in_fresh", "values_of"]

SECONDS = 60.0
Answer = dict[str, Any]
T = TypeVar("T")


def in_fresh(case: Case, processes: int, converse: Callable[[Process, Answer], T]) -> list[T]:
    """Load the model in each of so many fresh processes, one at a time, and talk with each.

    Args:
        case: What is measured; without `start` there are no processes.
        processes: How many.
        converse: Is given a process and what it answered to `load`.

    Raises:
        WorkerError: If the model raised, or a process died or gave no answer in time.
    """
    return [] if case.start is None else [_conversed(case.start(), converse) for _ in range(processes)]


def values_of(answers: Sequence[Mapping[str, Any]], name: str, scale: float = 1.0) -> list[float]:
    """Collect one number of each answer, scaled; empty where a process could not give it."""
    found = [answer.get(name) for answer in answers]
    return [] if any(value is None for value in found) else [value * scale for value in found if value is not None]


def estimates(columns: Mapping[str, Sequence[float]], confidence: float) -> dict[str, Estimate]:
    """Give the median of each column with its sign-test interval; a column without values is left out."""
    return {name: sign_interval(values, confidence) for name, values in columns.items() if values}


def _conversed(process: Process, converse: Callable[[Process, Answer], T]) -> T:
    try:
        return converse(process, process.ask("load", SECONDS))
    finally:
        process.close()
