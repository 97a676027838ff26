"""The whole way on real data: train, optimize, measure, submit."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinytorch.benchmarking.adapters.tinytorch_files import save_model
from tinytorch.benchmarking.comparison import Comparison
from tinytorch.benchmarking.design import PRESETS, Design
from tinytorch.benchmarking.sessions import Hooks, Progress
from tinytorch.benchmarking.statistics.proportions import MARGIN
from tinytorch.capstone.digits_classifier import Show, digits_classifier, train_on_digits
from tinytorch.capstone.labelled import Labelled, held_back
from tinytorch.capstone.provenance.attempt import Attempt, attempts_section, attempts_sentence
from tinytorch.capstone.provenance.ledger import Ledger
from tinytorch.capstone.record.canonical import document_sha256
from tinytorch.capstone.record.identity import artifact_of
from tinytorch.capstone.record.writing import Circumstances, Measured, data_of, record_of
from tinytorch.capstone.report import BenchmarkReport, benchmark_together
from tinytorch.capstone.side_by_side import section
from tinytorch.capstone.submission import generate_submission, save_submission
from tinytorch.capstone.verdicts import verdict_of
from tinytorch.core.layers import Sequential
from tinytorch.core.training import manual_seed
from tinytorch.datasets import Digits, load_digits
from tinytorch.errors import RangeError, explain

__all__ = [
    "Optimized",
    "Parts",
    "Progress",
    "WorkflowResult",
    "WorkflowSettings",
    "run_example_benchmark",
    "run_optimization_workflow_example",
    "run_workflow",
]

VALIDATION = 0.1  # of the training images: 0.2 points of accuracy lost on average over seeds 0 to 9

TOGETHER = (
    "Both models were timed in turns in one process, one sample at a time: the ratio of their latencies is worth more "
    "than either latency, which another run on a shared machine may find a quarter higher or lower."
)
ALONE = (
    "The model was timed in one process, one sample at a time: another run on a shared machine may find a latency a "
    "quarter higher or lower."
)
NO_VERDICT = "The speed-up is the ratio of two means of one process, without an interval."

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class WorkflowSettings:
    """What a run does.

    Attributes:
        seed: Decides the data's split, the weights and the order of the samples; in [0, 2**32).
        epochs: Passes over the training data, at least 1.
        num_runs: Timed inferences of each model, at least 1; 368 are the fewest that give a p99.
        filepath: Where the submission is written.
        student_name: Whose work it is.
        hidden_size: Hidden units of the baseline, at least 2.
        optimize: Whether there is to be an optimized model.
        preset: How much is measured where the two are compared in fresh processes: `quick`, `standard` or `rigorous`,
            or a design of your own.
        campaign: What the attempt is entered under into the ledger of attempts; none for none.
        ledger: The file of the ledger; the user's own if none is given.
        schema_version: Of the submission, 1 or 2. With 2 both models are kept too, as safetensors beside it.
        command: The command line that asked for the run, for the record.

    Raises:
        RangeError: If a number is out of range.
    """

    seed: int = 0
    epochs: int = 40
    num_runs: int = 1000
    filepath: str = "submission.json"
    student_name: str | None = None
    hidden_size: int = 128
    optimize: bool = True
    preset: str | Design = "standard"
    campaign: str | None = None
    ledger: str | None = None
    schema_version: int = 2
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("epochs", 1), ("num_runs", 1), ("hidden_size", 2)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise RangeError(explain(name, f"a whole number of at least {least}", value))
        if self.seed >= 2**32:
            raise RangeError(explain("seed", "below 2**32, as NumPy's global state takes no more", self.seed))
        if self.schema_version not in {1, 2}:
            raise RangeError(explain("schema_version", "1 or 2", self.schema_version))
        if not isinstance(self.preset, Design) and self.preset not in PRESETS:
            raise RangeError(explain("preset", f"one of {', '.join(PRESETS)}, or a Design", self.preset))


@dataclass(frozen=True, slots=True)
class WorkflowResult:
    """What came of a run.

    Attributes:
        submission: The record, as it was written.
        filepath: Where it was written.
        notes: What a reader should know about the numbers; they are in the record too.
        artifacts: The files that the models were kept in.
    """

    submission: dict[str, Any]
    filepath: str
    notes: tuple[str, ...]
    artifacts: tuple[str, ...] = ()


Parts = tuple[Labelled, Labelled, Labelled]  # to train with, to choose by, to judge by


@dataclass(frozen=True, slots=True, eq=False)
class Optimized:
    """The optimized model with what was found of it; without one, why there is none.

    Attributes:
        model: As it runs.
        stored: As it is stored.
        name: What readers call it.
        techniques: What it was made by, in order: name, claim and options of each.
        comparison: With the baseline, in fresh processes; none where there was none.
        place: Of the model in it.
        notes: What a reader should know.
    """

    model: Any = None
    stored: Any = None
    name: str = ""
    techniques: tuple[dict[str, Any], ...] = ()
    comparison: Comparison | None = None
    place: int = 1
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Everything that a submission is made of.

    Attributes:
        settings: What was asked for.
        data: All of it; the test part is what the models were judged on.
        baseline: The trained model.
        found: The optimized one, or why there is none.
        reports: Of the baseline, and of the optimized model where there is one.
        attempts: `attempts`, as a submission keeps it, where there is a campaign.
    """

    settings: WorkflowSettings
    data: Digits
    baseline: Sequential
    found: Optimized
    reports: list[BenchmarkReport]
    attempts: dict[str, Any]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know."""
        first = TOGETHER if self.found.model else ALONE
        return (first, *self.found.notes, *map(attempts_sentence, self.attempts.values()))

    @property
    def comparison(self) -> dict[str, Any] | None:
        """The two models in fresh processes, as a submission keeps it; none where there was no comparison."""
        return None if self.found.comparison is None else section(self.found.comparison, self.found.place)

    @property
    def applied(self) -> dict[str, tuple[dict[str, Any], ...]]:
        """What each model was made by."""
        return {"baseline": (), "optimized": self.found.techniques}


def run_workflow(
    settings: WorkflowSettings | None = None, on_progress: OnProgress | None = None, hooks: Hooks | None = None
) -> WorkflowResult:
    """Train a classifier of digits, search for a smaller and faster one, measure both, and write the submission.

    The search judges candidates on images that neither training nor test has, and compares the best in fresh processes
    with the baseline, which gives the verdict; both are measured in turns in this process too, which gives the metrics
    of each. Without a working `tinytorch.perf` the baseline stands alone; where no process can be started there is no
    verdict. A note says what was missing and why.

    Args:
        settings: What to do.
        on_progress: Told how far it has come.
        hooks: What the comparison is given from outside; a test gives its own.

    Raises:
        DataError: If the file or the ledger cannot be written.
        KeyboardInterrupt: If the search was broken off: half of a comparison is none.
    """
    settings, tell = settings or WorkflowSettings(), on_progress or (lambda _: None)
    hooks = replace(hooks or Hooks(), on_progress=tell)
    if settings.campaign is None:
        return _carried_out(settings, hooks)
    about = {"command": "run", "seed": settings.seed, "filepath": os.fspath(settings.filepath)}
    with Ledger(settings.ledger).start(settings.campaign, about) as attempt:
        result = _carried_out(settings, hooks, attempt)
        attempt.finish(document_sha256(result.submission), _headline(result.submission))
    return result


def run_example_benchmark() -> dict[str, Any]:
    """Train and measure one small classifier of digits, and write `capstone_submission.json`.

    Returns:
        The submission, of version 1.
    """
    settings = WorkflowSettings(
        epochs=10,
        num_runs=400,
        filepath="capstone_submission.json",
        hidden_size=32,
        optimize=False,
        schema_version=1,
    )
    return run_workflow(settings).submission


def run_optimization_workflow_example() -> dict[str, Any]:
    """Train a classifier of digits, remove half of its hidden units, and write `optimization_submission.json`.

    Returns:
        The submission, of version 1, with what the optimization really gained; without `tinytorch.perf`, the baseline
        alone.
    """
    return run_workflow(
        WorkflowSettings(
            epochs=20, num_runs=400, filepath="optimization_submission.json", preset="quick", schema_version=1
        )
    ).submission


def _carried_out(settings: WorkflowSettings, hooks: Hooks, attempt: Attempt | None = None) -> WorkflowResult:
    tell = hooks.on_progress
    data = load_digits(seed=settings.seed)
    train, validation = held_back(Labelled(data.train_images, data.train_labels), VALIDATION, settings.seed)
    manual_seed(settings.seed)
    baseline, show = digits_classifier(settings.hidden_size), _stage("training the baseline", tell)
    train_on_digits(baseline, train.inputs, train.labels, settings.epochs, settings.seed, show)
    parts = (train, validation, Labelled(data.test_images, data.test_labels))
    found = _optimized(baseline, parts, settings, hooks)
    reports = _benchmarked(baseline, found, parts[-1], settings, tell)
    run = Run(settings, data, baseline, found, reports, _attempts(attempt, found))
    artifacts = _kept(run) if settings.schema_version > 1 else {}
    submission = _second(run, artifacts) if artifacts else _first(run)
    written = save_submission(submission, settings.filepath)
    return WorkflowResult(submission, written, run.notes, tuple(map(str, artifacts.values())))


def _attempts(attempt: Attempt | None, found: Optimized) -> dict[str, Any]:
    if attempt is None:
        return {}
    ratios = None if found.comparison is None else found.comparison.log_ratios(found.place)
    return {"attempts": attempts_section(attempt, ratios)}


def _headline(submission: Mapping[str, Any]) -> str:
    """Say in a sentence what came out."""
    if "comparison" not in submission:
        return "The baseline was measured alone."
    return verdict_of(submission["comparison"]).sentence()


def _stage(name: str, tell: OnProgress) -> Show:
    def show(step: int, total: int, detail: str) -> None:
        tell(Progress(name, step, total, detail))

    return show


def _optimized(baseline: Sequential, parts: Parts, settings: WorkflowSettings, hooks: Hooks) -> Optimized:
    """Search for a better model; whatever is wrong with that part, it must not cost the baseline."""
    if not settings.optimize:
        return Optimized()
    try:
        from tinytorch.capstone.optimization import optimized

        return optimized(baseline, parts, settings, hooks)
    except Exception as error:  # noqa: BLE001  an optional part
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return Optimized(notes=(f"There is no optimized model: tinytorch.perf could not be used ({reason}).",))


def _benchmarked(
    baseline: Sequential, found: Optimized, test: Labelled, settings: WorkflowSettings, tell: OnProgress
) -> list[BenchmarkReport]:
    names = [f"digits-mlp-{settings.hidden_size}", found.name]
    models = [baseline] if found.model is None else [baseline, found.model]
    reports = [BenchmarkReport(name) for name in names[: len(models)]]
    show = _stage("benchmarking", tell)
    show(0, 1, "")
    benchmark_together(reports, models, test.inputs, test.labels, settings.num_runs)
    show(1, 1, "")
    return reports


def _first(run: Run) -> dict[str, Any]:
    """Write the submission as version 1 has it."""
    names = [technique["name"] for technique in run.found.techniques]
    optimized = run.reports[1] if len(run.reports) > 1 else None
    known = {"name": run.data.name, "version": run.data.version, "sha256": run.data.sha256}
    made = generate_submission(run.reports[0], optimized, run.settings.student_name, names)
    made |= {} if run.comparison is None else {"comparison": run.comparison}
    dataset = known | {"split_seed": run.settings.seed}
    return made | run.attempts | {"dataset": dataset, "notes": list(run.notes)}


def _kept(run: Run) -> dict[str, Path]:
    """Write each model with the test samples into a file beside the submission, and say where."""
    models = {"baseline": run.baseline, "optimized": run.found.stored}
    path, paths = Path(run.settings.filepath), {}
    for name in ("baseline", "optimized")[: len(run.reports)]:
        paths[name] = path.with_name(f"{path.stem.lstrip('.') or 'submission'}-{name}.safetensors")
        save_model(models[name], paths[name], inputs=run.data.test_images, labels=run.data.test_labels)
    return paths


def _second(run: Run, artifacts: dict[str, Path]) -> dict[str, Any]:
    """Write the submission as version 2 has it."""
    stored = {"baseline": run.baseline, "optimized": run.found.stored}
    measured = [
        Measured(report, stored[name], report.predictions, run.applied[name], artifact_of(artifacts[name]))
        for name, report in zip(artifacts, run.reports, strict=True)
    ]
    return record_of(measured[0], measured[1] if len(measured) > 1 else None, _circumstances(run))


def _circumstances(run: Run) -> Circumstances:
    data, settings = run.data, run.settings
    known = {"version": data.version, "split": "test", "split_seed": settings.seed, "sha256": data.sha256}
    seeds = dict.fromkeys(("split", "weights", "order", "search"), settings.seed)
    preset = settings.preset if isinstance(settings.preset, str) else "own"
    protocol = {"preset": preset, "seed": settings.seed, "accuracy_margin": MARGIN, "seeds": seeds}
    return Circumstances(
        author=settings.student_name,
        dataset=data_of(data.name, data.test_labels, **known, class_count=int(data.test_labels.max()) + 1),
        protocol=protocol | ({"command": list(settings.command)} if settings.command else {}),
        comparison=run.comparison,
        attempts=run.attempts.get("attempts"),
        notes=run.notes,
    )
