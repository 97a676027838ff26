"""The optimized model of the workflow: the best that a short search finds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tinytorch.benchmarking.adapters.tinytorch_files import load_model
from tinytorch.benchmarking.sessions import Hooks
from tinytorch.benchmarking.statistics import Standing
from tinytorch.capstone.search import Finalist, Findings, Lesson, Recipe, SearchSettings, Step, Task, search
from tinytorch.capstone.search.recipes import COMPILED, DISTIL
from tinytorch.capstone.search.speeds import FIRST_FINALIST
from tinytorch.capstone.workflow import NO_VERDICT, Optimized, Parts, WorkflowSettings
from tinytorch.core.layers import Sequential
from tinytorch.perf import TECHNIQUES

__all__ = ["RECIPES", "optimized"]

EPOCHS_OF_TEACHING = 1.5  # for each epoch of training
SECONDS = 600.0
# Bytes are left to `tinytorch optimize`: in so small a model they are slower than floats, and their kernels take some
# seconds to compile at the very first run.
RECIPES = tuple(
    Recipe((Step("prune.units.v1", (("keep_ratio", share),)), Step(DISTIL), Step(COMPILED))) for share in (0.5, 0.2)
)


class _Running:
    """A compiled model that counts what is stored, once: the weights of the model that it was made of."""

    def __init__(self, stored: Sequential, compiled: Any) -> None:
        self.stored = stored
        self.forward = compiled.forward

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stored, name)


def optimized(baseline: Sequential, parts: Parts, settings: WorkflowSettings, hooks: Hooks) -> Optimized:
    """Search for a model that is as right as the baseline, and faster.

    Raises:
        KeyboardInterrupt: If it was broken off.
    """
    lesson = Lesson(epochs=max(1, round(EPOCHS_OF_TEACHING * settings.epochs)))
    task = Task("digits", baseline, *parts, lesson=lesson, seed=settings.seed)
    with tempfile.TemporaryDirectory(prefix="tinytorch-") as folder:
        how = SearchSettings(
            budget_seconds=SECONDS, preset=settings.preset, finalists=1, recipes=RECIPES, folder=Path(folder)
        )
        found = search(task, how, hooks)
        if not found.complete:
            raise KeyboardInterrupt
        if not found.finalists:
            return Optimized(notes=(_nothing(found),))
        one = found.finalists[0]
        stored = load_model(one.built.path)
    return Optimized(
        model=_Running(stored, one.built.model),
        name=f"digits-mlp-{stored[0].out_features}-compiled",
        stored=stored,
        techniques=tuple(_applied(step) for step in one.built.recipe.steps),
        comparison=found.comparison,
        place=FIRST_FINALIST,
        notes=(_made(found, one), _accuracy(found, one), *_speed(one), *_others(found)),
    )


def _applied(step: Step) -> dict[str, Any]:
    """Write a step as a record keeps it; what a teacher claims cannot be tested, and so is not said."""
    claim = TECHNIQUES[step.technique].claim if step.technique in TECHNIQUES else None
    return {"name": step.technique, "claim": claim, "options": dict(step.options)}


def _nothing(found: Findings) -> str:
    reasons = [one.reason for one in found.failed]
    reasons += [f"{one.built.recipe}: {one.passed_over}" for one in found.screened]
    return f"There is no optimized model: {'; '.join(reasons).rstrip('.')}."


def _made(found: Findings, one: Finalist) -> str:
    made = f"The optimized model is the baseline after these steps: {str(one.built.recipe).replace(' > ', ', ')}."
    count = found.baseline.validation.total
    return f"{made} Of {len(found.screened)} candidates it came first on {count} images kept from training and test."


def _accuracy(found: Findings, one: Finalist) -> str:
    beside = one.test.beside
    if beside is None or beside.difference.low is None or beside.difference.high is None:
        return ""
    ends = f"{100 * beside.difference.low:+.2f} to {100 * beside.difference.high:+.2f}"
    told = f"Its accuracy differs by {100 * (beside.difference.value or 0.0):+.2f} points, 95 % interval {ends}"
    allowed = f"a loss of more than {100 * found.margin:g} point"
    standings = {
        Standing.NON_INFERIOR: f"{allowed} is ruled out",
        Standing.INFERIOR: f"{allowed} is shown",
        Standing.UNDECIDED: f"{one.test.total} test images cannot rule out {allowed}",
    }
    return f"{told}: {standings[beside.standing]}."


def _speed(one: Finalist) -> list[str]:
    if one.speed is None:
        return []
    ratio = one.speed.to_compiled.ratio
    ends = "" if ratio.low is None or ratio.high is None else f", 95 % interval {ratio.low:.3f} to {ratio.high:.3f}"
    return [
        f"The baseline can be compiled too; beside that, the optimized model is {ratio.value:.3f} times as fast{ends}."
    ]


def _others(found: Findings) -> list[str]:
    """Give the notes of the comparison, or why there was none."""
    told = [*found.notes[1:], *(f"{one.recipe}: no candidate; {one.reason}" for one in found.failed)]
    return told if found.comparison is not None else [*told[:-1], f"{told[-1]} {NO_VERDICT}"]
