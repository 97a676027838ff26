"""Asking several fresh processes the same, one after another: for what a process can tell only once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tinytorch.benchmarking.case import Case, Process
from tinytorch.benchmarking.statistics import Estimate, sign_interval

__all__ = ["ask_fresh", "estimates", "values_of"]

SECONDS = 60.0
Answer = dict[str, Any]
Question = tuple[str, dict[str, Any]]


def ask_fresh(case: Case, processes: int, *questions: Question) -> list[list[Answer]]:
    """Ask each of so many fresh processes some questions, in order: each a word and its arguments.

    Returns:
        The answers of each process.

    Raises:
        WorkerError: If the model raised, or a process died or gave no answer in time.
    """
    if case.start is None:
        return []
    return [list(_answers(case.start(), questions)) for _ in range(processes)]


def values_of(answers: Sequence[Mapping[str, Any]], name: str, scale: float = 1.0) -> list[float]:
    """Collect one number of each answer, scaled; empty where a process could not give it."""
    found = [answer.get(name) for answer in answers]
    return [] if any(value is None for value in found) else [value * scale for value in found if value is not None]


def estimates(columns: Mapping[str, Sequence[float]], confidence: float) -> dict[str, Estimate]:
    """Give the median of each column with its sign-test interval; a column without values is left out."""
    return {name: sign_interval(values, confidence) for name, values in columns.items() if values}


def _answers(process: Process, questions: Sequence[Question]) -> Iterator[Answer]:
    try:
        for do, arguments in questions:
            yield process.ask(do, SECONDS, **arguments)
    finally:
        process.close()
