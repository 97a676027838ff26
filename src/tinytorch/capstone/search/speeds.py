"""How fast candidates are: screened side by side in forks, then measured again in fresh processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinytorch.benchmarking import Comparison, Design, Estimate, Hooks, Subject, Workload, compare
from tinytorch.benchmarking.design import PRESETS
from tinytorch.benchmarking.saved import SAVED
from tinytorch.benchmarking.statistics import Verdict
from tinytorch.capstone.search.candidates import Built
from tinytorch.capstone.search.tasks import Task

__all__ = ["COMPILED_PLACE", "FIRST_FINALIST", "SCREENING", "Speed", "measured", "planned", "screened", "speed_of"]

SCREENING = Design(sessions=3, rounds=20, budget_seconds=20.0)
START_SECONDS = 0.5  # what starting a worker takes, on a slow machine of two cores
CERTIFICATE_SECONDS = 8.0
FEWEST_SESSIONS = 3
COMPILED_PLACE, FIRST_FINALIST = 1, 2


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a model is, beside both forms of the baseline.

    Attributes:
        seconds: Of one call; on a shared machine worth a quarter either way, whatever the interval says.
        to_eager: Beside the baseline as it is.
        to_compiled: Beside the baseline, compiled.
    """

    seconds: Estimate
    to_eager: Verdict
    to_compiled: Verdict


def screened(task: Task, baseline: Built, candidates: Sequence[Built], seed: int, hooks: Hooks) -> list[Verdict | None]:
    """Measure all candidates beside the compiled baseline, briefly; none for one that never finished a round."""
    live = [Subject(str(built.recipe), live=_workload(task, built)) for built in (baseline, *candidates)]
    found = compare(*live, preset=SCREENING, seed=seed, certified=False, hooks=hooks)
    if not found.complete:
        raise KeyboardInterrupt
    numbers = range(1, len(live))
    return [found.verdict_of(number) if found.log_ratios(number) else None for number in numbers]


def planned(preset: str | Design, variants: int, seconds: float) -> str | Design:
    """Cut a design to what fits the time: fewer sessions, but three at least.

    Args:
        preset: What is wanted.
        variants: How many models take turns.
        seconds: The time there is.

    Returns:
        The preset as it was given, where all of it fits.

    Example:
        >>> planned("standard", variants=4, seconds=40.0).sessions
        8
    """
    design = preset if isinstance(preset, Design) else PRESETS[preset]
    a_session = variants * START_SECONDS
    sessions = int((seconds - CERTIFICATE_SECONDS) / (a_session + 2.0))
    sessions = min(design.sessions, max(sessions, FEWEST_SESSIONS))
    epochs = max(seconds - CERTIFICATE_SECONDS - sessions * a_session, 2.0)
    cut = replace(design, sessions=sessions, budget_seconds=min(design.budget_seconds, epochs))
    return preset if cut == design else cut


def measured(
    eager: Built, compiled: Built, finalists: Sequence[Built], design: str | Design, seed: int, hooks: Hooks
) -> Comparison:
    """Measure the finalists beside both forms of the baseline, in fresh processes that read them from their files.

    Raises:
        TinyTorchError, OSError: If no process can be started, or no round be finished.
    """
    names = ("baseline, eager", "baseline, compiled", *(str(built.recipe) for built in finalists))
    subjects = [_subject(built, name) for built, name in zip((eager, compiled, *finalists), names, strict=True)]
    return compare(*subjects, preset=design, seed=seed, hooks=hooks)


def speed_of(found: Comparison, place: int) -> Speed | None:
    """Give the speed of a variant: 1 is the compiled baseline, from 2 on they are the finalists.

    Returns:
        None if it never finished a round with both baselines.
    """
    if not found.log_ratios(place) or not found.log_ratios(place, COMPILED_PLACE):
        return None
    return Speed(found.latency(place), found.verdict_of(place), found.verdict_of(place, COMPILED_PLACE))


def _workload(task: Task, built: Built) -> Workload:
    forward, sample = built.model.forward, task.sample
    return Workload(lambda: forward(sample), built.model, sample, quiet=True)


def _subject(built: Built, name: str) -> Subject:
    arguments = {"path": str(built.path.absolute()), "compiled": built.recipe.is_compiled}
    return Subject(name, SAVED[".safetensors"], arguments)
