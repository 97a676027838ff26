"""The search: try recipes, screen what they make, and measure the best again, on data and in runs of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tinytorch.benchmarking import Comparison, Design, Hooks
from tinytorch.benchmarking.sessions import Progress
from tinytorch.benchmarking.statistics import Verdict
from tinytorch.capstone.search.budget import Budget
from tinytorch.capstone.search.candidates import Built, Failed, Place, Workshop, built_baseline
from tinytorch.capstone.search.findings import Finalist, Findings, Screened
from tinytorch.capstone.search.front import front
from tinytorch.capstone.search.judging import Judged, holding, judged, right
from tinytorch.capstone.search.recipes import Recipe
from tinytorch.capstone.search.speeds import COMPILED_PLACE, FIRST_FINALIST, measured, planned, screened, speed_of
from tinytorch.capstone.search.tasks import Task
from tinytorch.errors import RangeError, TinyTorchError, explain

__all__ = ["GOALS", "SearchSettings", "search"]

GOALS = ("latency", "size")
PROTOCOL = (
    "Finalists were chosen by the validation samples and a short comparison; accuracy is that on the test samples, "
    "which no choice saw, and speed was measured again in fresh processes."
)


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How to search.

    Attributes:
        max_accuracy_drop: The loss of accuracy that is allowed, as a ratio in (0, 1).
        min_compression: How many times smaller than the baseline's a candidate's file must be; 0 asks for nothing.
        goal: What the first choice is made by: `latency` or `size`.
        budget_seconds: What the search may take, above 0; the training of the baseline does not count.
        preset: How much is measured in the end, as far as the budget reaches.
        finalists: How many candidates are measured in the end, at least 1.
        recipes: What is tried; none tries the task's own.
        folder: Where the files of candidates are written; none takes a temporary folder, which goes in the end.
        kept: Where models that were taught are kept, for the next search to take again; none keeps nothing.
        seed: What the comparisons' orders follow from.

    Raises:
        RangeError: If a setting is out of range.
    """

    max_accuracy_drop: float = 0.01
    min_compression: float = 0.0
    goal: str = "latency"
    budget_seconds: float = 300.0
    preset: str | Design = "standard"
    finalists: int = 3
    recipes: tuple[Recipe, ...] | None = None
    folder: Path | None = None
    kept: Path | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.max_accuracy_drop < 1:
            remedy = "One point of accuracy is 0.01."
            raise RangeError(explain("max_accuracy_drop", "in (0, 1)", self.max_accuracy_drop, remedy=remedy))
        if not 0 <= self.min_compression < float("inf"):
            raise RangeError(explain("min_compression", "a finite number of at least 0", self.min_compression))
        if self.goal not in GOALS:
            raise RangeError(explain("goal", f"one of {', '.join(GOALS)}", self.goal))
        if isinstance(self.finalists, bool) or not isinstance(self.finalists, int) or self.finalists < 1:
            raise RangeError(explain("finalists", "a whole number of at least 1", self.finalists))


def search(task: Task, settings: SearchSettings | None = None, hooks: Hooks | None = None) -> Findings:
    """Find smaller and faster models that are as right, and measure them.

    Every recipe is tried; a candidate that loses too much on the validation samples is passed over, the others are
    screened for speed. The best few of those that no other one beats are the finalists. They are judged on the test
    samples, and measured beside the baseline, eager and compiled. The chosen one is the first of them, in the order of
    the screening, that is shown to lose no more accuracy than allowed; that all finalists are asked is corrected for.

    An interrupt from the keyboard ends it early; what was found up to then comes back, with `complete` false.

    Args:
        task: The trained model and its data.
        settings: How.
        hooks: What is told of progress, and what stands in for processes and clocks in tests.

    Raises:
        RangeError, DataError, DTypeError: If the baseline cannot be saved, read and judged.
    """
    settings, hooks = settings or SearchSettings(), hooks or Hooks()
    with tempfile.TemporaryDirectory(prefix="tinytorch-search-") as temporary:
        folder = Path(temporary) if settings.folder is None else settings.folder
        return _Search(task, settings, hooks, folder).run()


@dataclass(slots=True)
class _Search:
    """One search as it goes."""

    task: Task
    settings: SearchSettings
    hooks: Hooks
    folder: Path
    made: list[Built] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    screened: list[Screened] = field(default_factory=list)
    finalists: list[Finalist] = field(default_factory=list)
    comparison: Comparison | None = None
    baseline_test: Judged | None = None
    notes: list[str] = field(default_factory=lambda: [PROTOCOL])
    budget: Budget = field(init=False)
    eager: Built = field(init=False)
    compiled: Built = field(init=False)

    def run(self) -> Findings:
        self.budget = Budget(self.settings.budget_seconds, self.hooks.clock)
        self.eager, self.compiled = (built_baseline(self.task, self.folder, compiled=form) for form in (False, True))
        complete = True
        try:
            self._make()
            self._screen()
            self._finish()
        except KeyboardInterrupt:
            complete = False
            self.notes.append("It was broken off; what had been found until then is shown.")
        return self._findings(complete=complete)

    def _make(self) -> None:
        baseline = right(self.compiled.model, self.task.validation)
        margin = self.settings.max_accuracy_drop
        place = Place(self.folder, self.settings.kept)
        shop = Workshop(self.task, place, self.budget, margin, baseline, self.hooks.on_progress)
        for found in shop.candidates(self.task.recipes if self.settings.recipes is None else self.settings.recipes):
            if isinstance(found, Built):
                self.made.append(found)
            else:
                self.failed.append(found)

    def _screen(self) -> None:
        kept = [built for built in self.made if not self._fault(built)]
        self.screened += [Screened(built, None, self._fault(built)) for built in self.made if built not in kept]
        if not kept:
            return
        speeds = self._screened(kept)
        chosen, best = _chosen(kept, speeds, self.settings)
        for built, speed in zip(kept, speeds, strict=True):
            self.screened.append(Screened(built, speed, "" if built in chosen else _reason(speed, built in best)))
        self.made = chosen

    def _screened(self, kept: list[Built]) -> list[Verdict | None]:
        """Measure briefly; where nothing can be measured, size and accuracy have to do."""
        hooks = replace(self.hooks, on_progress=self._renamed("screening"))
        try:
            return screened(self.task, self.compiled, kept, self.settings.seed, hooks)
        except (TinyTorchError, OSError) as error:
            self.notes.append(f"The candidates could not be screened for speed: {_first_line(error)}.")
            return [None] * len(kept)

    def _finish(self) -> None:
        built = [one.built for one in self.screened if not one.passed_over]
        order = [one for one in self.made if one in built]
        before = right(self.compiled.model, self.task.test)
        self.baseline_test = judged(before)
        rights = [right(one.model, self.task.test) for one in order]
        shown = holding(rights, before, self.settings.max_accuracy_drop)
        judgements = [judged(own, before, self.settings.max_accuracy_drop) for own in rights]
        self.finalists = [Finalist(*each, None) for each in zip(order, judgements, shown, strict=True)]
        if order:
            self._measure(order)

    def _measure(self, order: list[Built]) -> None:
        design = planned(self.settings.preset, len(order) + 2, self.budget.left)
        hooks = replace(self.hooks, on_progress=self._renamed("measuring the finalists"))
        try:
            found = measured(self.eager, self.compiled, order, design, self.settings.seed + 1, hooks)
        except (TinyTorchError, OSError) as error:
            self.notes.append(f"The finalists could not be compared in fresh processes: {_first_line(error)}.")
            return
        self.comparison = found
        self.notes += [*found.notes, *found.warnings()]
        self.finalists = [
            replace(one, speed=speed_of(found, n)) for n, one in enumerate(self.finalists, FIRST_FINALIST)
        ]
        if not found.complete:
            raise KeyboardInterrupt

    def _findings(self, *, complete: bool) -> Findings:
        return Findings(
            task=self.task.name,
            goal=self.settings.goal,
            margin=self.settings.max_accuracy_drop,
            baseline=self.compiled,
            baseline_test=self.baseline_test,
            baseline_speed=None if self.comparison is None else speed_of(self.comparison, COMPILED_PLACE),
            finalists=tuple(self.finalists),
            chosen=next((one for one in self.finalists if one.is_shown), None),
            screened=tuple(self.screened or [Screened(built, None, "it was not measured") for built in self.made]),
            failed=tuple(self.failed),
            comparison=self.comparison,
            complete=complete,
            seconds=self.budget.spent,
            budget_seconds=self.budget.seconds,
            notes=(*self.task.notes, *self.notes),
        )

    def _fault(self, built: Built) -> str:
        """Say why a candidate is passed over before anything is measured; nothing if it is not."""
        allowed, smaller = self.settings.max_accuracy_drop, self.compiled.size / built.size
        if (lost := _lost(built)) > allowed:
            return f"it loses {100 * lost:.2f} points on the validation samples, and {100 * allowed:g} are allowed"
        if smaller < self.settings.min_compression:
            return f"it is {smaller:.2f} times smaller, and {self.settings.min_compression:g} are asked for"
        return ""

    def _renamed(self, stage: str) -> Callable[[Progress], None]:
        return lambda progress: self.hooks.on_progress(replace(progress, stage=stage))


def _lost(built: Built) -> float:
    beside = built.validation.beside
    return 0.0 if beside is None else -(beside.difference.value or 0.0)


def _chosen(
    kept: Sequence[Built], speeds: Sequence[Verdict | None], settings: SearchSettings
) -> tuple[list[Built], list[Built]]:
    """Choose the finalists, the most preferred first, and list all that none beats; the last place is for accuracy."""
    unmeasured = not any(speeds)
    running = [pair for pair in zip(kept, speeds, strict=True) if pair[1] is not None or unmeasured]
    points = [(_time(speed), float(built.size), _lost(built)) for built, speed in running]
    best = [number for number, is_on in enumerate(front(points)) if is_on]
    best.sort(key=lambda number: points[number][GOALS.index(settings.goal)])
    first, others = best[: settings.finalists], best[settings.finalists :]
    if others and settings.finalists > 1:
        first[-1] = min([first[-1], *others], key=lambda number: points[number][2])
    return [running[number][0] for number in first], [running[number][0] for number in best]


def _time(speed: Verdict | None) -> float:
    """Give the time of a call in units of the compiled baseline's; the same for all where none was measured."""
    return 1.0 if speed is None else 1 / speed.ratio.value


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _reason(speed: Verdict | None, is_best: bool) -> str:
    if speed is None:
        return "it failed while it was measured"
    return "others came first for the goal" if is_best else "another one is as fast, as small and as accurate"
