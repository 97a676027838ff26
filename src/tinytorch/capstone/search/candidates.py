"""Candidates: what a recipe makes of the baseline, written to a file, read again, and judged as it will run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinytorch.benchmarking.adapters.tinytorch_files import load_model, save_model
from tinytorch.benchmarking.sessions import Progress
from tinytorch.capstone.search.budget import Budget
from tinytorch.capstone.search.judging import Judged, Right, judged, right
from tinytorch.capstone.search.recipes import AWARE, COMPILED, DISTIL, INT8, Recipe, Step
from tinytorch.capstone.search.tasks import Task
from tinytorch.capstone.search.teaching import Lessons, rehearsal, taught
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, StateError, explain
from tinytorch.perf import TECHNIQUES

__all__ = ["COSTLY", "SHARE_FOR_BUILDING", "Built", "Failed", "Place", "Workshop", "built_baseline"]

SHARE_FOR_BUILDING = 0.6  # of the time; what is left is for measuring
CALIBRATED = "quantize.int8.static.v1"
FOLLOWING = ("prune.units.v1", "prune.blocks.v1")
CALIBRATION = 256  # samples
COSTLY = 0.005  # of accuracy: what rounding must cost for fine-tuning to be tried


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A candidate that is there.

    Attributes:
        recipe: What it was made by.
        path: The file that it is kept in.
        size: Bytes of that file.
        model: As it runs: read from the file, and compiled where the recipe says so.
        validation: How right it is on the validation samples.
        seconds: What making it took; a step that another recipe had taken before counts there.
    """

    recipe: Recipe
    path: Path
    size: int
    model: Any
    validation: Judged
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Failed:
    """A recipe that gave no candidate, or one that was lost later.

    Attributes:
        recipe: Which.
        reason: Why, in one line.
        seconds: What trying took.
    """

    recipe: Recipe
    reason: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a workshop writes.

    Attributes:
        folder: The files of candidates.
        kept: Models that were taught, by names of all that they follow from; none keeps nothing.
    """

    folder: Path
    kept: Path | None = None

    def file(self, name: str) -> Path | None:
        """Say where a model of that name is kept."""
        if self.kept is None:
            return None
        self.kept.mkdir(parents=True, exist_ok=True)
        return self.kept / f"{name}.safetensors"


@dataclass(slots=True)
class Workshop:
    """Makes candidates of one task, and takes no step twice.

    Attributes:
        task: What they are made of.
        place: Where files are written.
        budget: The time that there is.
        margin: The loss of accuracy that is allowed, in (0, 1).
        baseline: What the baseline gets right of the validation samples.
        tell: Told how far it is.
    """

    task: Task
    place: Place
    budget: Budget
    margin: float
    baseline: Right
    tell: Callable[[Progress], None] = lambda _: None
    _made: dict[tuple[Step, ...], Any] = field(default_factory=dict)
    _told: tuple[int, int] = (0, 1)

    def candidates(self, recipes: Sequence[Recipe]) -> Iterator[Built | Failed]:
        """Make one after the other; whatever goes wrong with one is told of it, and costs no other."""
        for number, recipe in enumerate(recipes):
            self._told = (number, len(recipes))
            start = self.budget.spent
            try:
                made = self._built(recipe, self.place.folder / f"candidate-{number + 1:02d}.safetensors", start)
            except Exception as error:  # noqa: BLE001  whatever is wrong with one technique is told, and costs no other
                yield Failed(recipe, " ".join(f"{type(error).__name__}: {error}".split()), self.budget.spent - start)
            else:
                yield made
        self.tell(Progress("trying recipes", len(recipes), len(recipes)))

    def _built(self, recipe: Recipe, path: Path, start: float) -> Built:
        self._watch(str(recipe))
        save_model(self._applied(recipe.stored), path, self.task.sample.shape)
        running = read_to_run(path, recipe, self.task)
        validation = judged(right(running, self.task.validation), self.baseline, self.margin)
        return Built(recipe, path, path.stat().st_size, running, validation, self.budget.spent - start)

    def _applied(self, steps: tuple[Step, ...]) -> Any:
        if not steps:
            return self.task.model
        if steps not in self._made:
            before = self._applied(steps[:-1])
            self._made[steps] = self._taken(steps[-1], before)
        return self._made[steps]

    def _taken(self, step: Step, model: Any) -> Any:
        """Take one step, and hold the technique to its claim."""
        if step.technique == DISTIL:
            return self._taught(model, str(step))
        if step.technique not in TECHNIQUES:
            raise RangeError(explain("a technique", f"one of {', '.join((*TECHNIQUES, DISTIL))}", step.technique))
        if step.technique == AWARE:
            self._require_costly(model)
        options = dict(step.options)
        made = TECHNIQUES[step.technique].apply(model, **options, **self._data_for(step))
        _require_claim(step.technique, made, model, options)
        return made

    def _taught(self, model: Any, label: str) -> Any:
        lessons = Lessons(self.task.model, self.task.train, self.task.lesson, self.task.seed)
        path = None if self.place.kept is None else self.place.file(lessons.name_for(model))
        if path is not None and path.is_file():
            return load_model(path)
        part = None if path is None else path.with_suffix(".part")
        made = taught(lessons, model, lambda told: self._watch(f"{label}: {told}"), part)
        if path is not None:
            save_model(made, path, self.task.sample.shape)
        return made

    def _require_costly(self, model: Any) -> None:
        """Refuse to fine-tune where rounding alone costs little: what is trained again could only be luckier."""
        before, after = (right(one, self.task.validation) for one in (model, TECHNIQUES[INT8].apply(model)))
        if (cost := float(before.mean() - after.mean())) <= COSTLY:
            rule = f"more than {100 * COSTLY:g} points, to be made good by fine-tuning"
            raise StateError(explain("what rounding costs", rule, f"{100 * cost:.2f}"))

    def _data_for(self, step: Step) -> dict[str, Any]:
        """Give what a technique needs of the task: an input to follow, some to find ranges with, or lessons."""
        task = self.task
        if step.technique in FOLLOWING:
            return {"example": task.sample}
        if step.technique == CALIBRATED:
            rows = task.train.inputs[:CALIBRATION]
            return {"calibration_data": [Tensor(rows, dtype=rows.dtype)]}
        if step.technique == AWARE:
            lessons = Lessons(task.model, task.train, task.lesson, task.seed)
            return rehearsal(lessons, lambda: self._watch(str(step)))
        return {}

    def _watch(self, detail: str) -> None:
        self.tell(Progress("trying recipes", *self._told, detail))
        self.budget.require(SHARE_FOR_BUILDING)


def built_baseline(task: Task, folder: Path, *, compiled: bool) -> Built:
    """Put the baseline into the same form: a file, and what was read from it."""
    recipe = Recipe((Step(COMPILED),) if compiled else ())
    path = folder / "baseline.safetensors"
    if not path.exists():
        save_model(task.model, path, task.sample.shape)
    running = read_to_run(path, recipe, task)
    return Built(recipe, path, path.stat().st_size, running, judged(right(running, task.validation)))


def read_to_run(path: Path, recipe: Recipe, task: Task) -> Any:
    """Read a model as a process that measures it does.

    Raises:
        StateError: If it is compiled, and does not compute what it did.
    """
    model = load_model(path)
    if not recipe.is_compiled:
        return model
    compiled = TECHNIQUES[COMPILED].apply(model, task.sample)
    _require_claim(COMPILED, compiled, model, {})
    return compiled


def _require_claim(name: str, made: Any, original: Any, options: dict[str, Any]) -> None:
    if problems := TECHNIQUES[name].check(made, original, **options):
        raise StateError(explain(f"what {name} claims", "true of the result", " ".join(problems)))
