"""What a search found: finalists with their figures, the one chosen, and what became of all others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tinytorch.benchmarking import Comparison
from tinytorch.benchmarking.statistics import Verdict
from tinytorch.capstone.search.candidates import Built, Failed
from tinytorch.capstone.search.front import front
from tinytorch.capstone.search.judging import Judged
from tinytorch.capstone.search.speeds import Speed

__all__ = ["Finalist", "Findings", "Screened"]


@dataclass(frozen=True, slots=True, eq=False)
class Screened:
    """A candidate with what it was chosen or passed over by.

    Attributes:
        built: The candidate, with its size and its accuracy on the validation samples.
        speed: How fast it seemed beside the compiled baseline, in a short comparison; none if it was not measured.
        passed_over: Why it is no finalist; nothing if it is one.
    """

    built: Built
    speed: Verdict | None
    passed_over: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Finalist:
    """A candidate with figures that its choice did not depend on.

    Attributes:
        built: The candidate.
        test: How right it is on the test samples, which no choice saw, beside the baseline.
        is_shown: Whether it is shown to lose no more accuracy than allowed, all finalists together at 5 %.
        speed: As measured in a comparison of its own, in fresh processes; none where there was none.
    """

    built: Built
    test: Judged
    is_shown: bool
    speed: Speed | None

    @property
    def name(self) -> str:
        """What it was made by."""
        return str(self.built.recipe)


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What a search found.

    Attributes:
        task: The name of the task.
        goal: `latency` or `size`.
        margin: The loss of accuracy that was allowed, as a ratio.
        baseline: The baseline, compiled.
        baseline_test: How right it is on the test samples.
        baseline_speed: How fast it is beside itself as it is; none where nothing was measured.
        finalists: In order of preference, as it was before they were measured.
        chosen: The first finalist that is shown to lose no more than allowed; none if none is.
        screened: All candidates that were made.
        failed: The recipes that gave none, and why.
        comparison: The raw comparison of the finalists; none where there was none.
        complete: Whether it came to its end.
        seconds: What it took.
        budget_seconds: What it had.
        notes: What a reader should know.
    """

    task: str
    goal: str
    margin: float
    baseline: Built
    baseline_test: Judged | None
    baseline_speed: Speed | None
    finalists: tuple[Finalist, ...]
    chosen: Finalist | None
    screened: tuple[Screened, ...]
    failed: tuple[Failed, ...]
    comparison: Comparison | None
    complete: bool
    seconds: float
    budget_seconds: float
    notes: tuple[str, ...]

    @property
    def advice(self) -> str:
        """Say what could not be shown, and why; nothing where something was chosen, or there was nothing to choose."""
        if self.chosen is not None or not self.finalists:
            return ""
        count = self.finalists[0].test.total
        return f"{count} test samples do not show of any finalist that it loses at most {100 * self.margin:g} points."

    def compression(self, built: Built) -> float:
        """Say how many times smaller a candidate's file is than the baseline's."""
        return self.baseline.size / built.size

    def on_front(self) -> list[bool]:
        """Say which finalists neither another one nor the baseline beats in latency, size and accuracy at once."""
        measured = [one for one in self.finalists if one.speed is not None]
        base = (
            1.0,
            float(self.baseline.size),
            -(self.baseline_test.accuracy.value or 0.0) if self.baseline_test else 0.0,
        )
        found = front([_point(one) for one in measured] + [base])
        on = {id(one) for one, is_on in zip(measured, found, strict=False) if is_on}
        return [id(one) in on for one in self.finalists]

    def to_dict(self, *, raw: bool = False) -> dict[str, Any]:
        """Give everything by name, as it travels in a file.

        Args:
            raw: Whether to give the comparison with all its samples too.
        """
        plain = ("task", "goal", "margin", "complete", "seconds", "budget_seconds")
        found: dict[str, Any] = {name: getattr(self, name) for name in plain}
        found["baseline"] = _built(self, self.baseline) | {
            "test": _judged(self.baseline_test),
            "speed": _speed(self.baseline_speed),
        }
        found["finalists"] = [_finalist(self, *pair) for pair in zip(self.finalists, self.on_front(), strict=True)]
        found["chosen"] = None if self.chosen is None else self.chosen.name
        found["screened"] = [_screened(self, one) for one in self.screened]
        found["failed"] = [{"recipe": str(one.recipe), "reason": one.reason} for one in self.failed]
        found["notes"] = [*self.notes, *([self.advice] if self.advice else [])]
        if raw:
            found["comparison"] = None if self.comparison is None else self.comparison.to_dict()
        return found


def _point(one: Finalist) -> tuple[float, float, float]:
    """Give what is better when smaller: time, size, and accuracy with its sign turned."""
    speed = one.speed.to_compiled.ratio.value if one.speed else 0.0
    return 1 / speed, float(one.built.size), -(one.test.accuracy.value or 0.0)


def _finalist(findings: Findings, one: Finalist, is_on_front: bool) -> dict[str, Any]:
    shown = {"is_shown": one.is_shown, "on_front": is_on_front}
    return _built(findings, one.built) | {"test": _judged(one.test), "speed": _speed(one.speed)} | shown


def _built(findings: Findings, built: Built) -> dict[str, Any]:
    return {
        "recipe": str(built.recipe),
        "techniques": [{"name": step.technique, "options": dict(step.options)} for step in built.recipe.steps],
        "file": os.fspath(built.path.name),
        "size_bytes": built.size,
        "compression": findings.compression(built),
        "validation": _judged(built.validation),
        "seconds_to_make": built.seconds,
    }


def _screened(findings: Findings, one: Screened) -> dict[str, Any]:
    speed = None if one.speed is None else _verdict(one.speed)
    return _built(findings, one.built) | {"screening_speed": speed, "passed_over": one.passed_over or None}


def _judged(found: Judged | None) -> Mapping[str, Any] | None:
    return None if found is None else asdict(found)


def _speed(found: Speed | None) -> dict[str, Any] | None:
    if found is None:
        return None
    verdicts = {"to_eager": _verdict(found.to_eager), "to_compiled": _verdict(found.to_compiled)}
    return {"seconds": asdict(found.seconds)} | verdicts


def _verdict(found: Verdict) -> dict[str, Any]:
    ratio = found.ratio
    ends = {"speedup": ratio.value, "low": ratio.low, "high": ratio.high, "confidence": ratio.confidence}
    return {"outcome": str(found.outcome)} | ends | {"sessions": ratio.sessions, "rounds": ratio.rounds}
