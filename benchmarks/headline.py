"""How much smaller and faster models become at what loss: on digits, MNIST with a perceptron and LeNet, a small GPT.

python -m benchmarks.headline --train-only [--only NAME ...] [--cache DIR] [--seconds N]
python -m benchmarks.headline [--only NAME ...] [--cache DIR] [--seconds N] [--output FILE [--resume]] [--smoke]

Baselines, and the smaller models that they teach, are trained once and kept in the cache, after each epoch too:
`--train-only` does that and no more, and exits with 75 once the seconds are over and something is left. Each model is
then searched as `tinytorch optimize` does, for latency, among candidates that are at least 4.1 times smaller on the
validation samples; what was chosen is judged on the test samples. Its speed is measured again, in comparisons of its
own, beside the baseline as it is and compiled: at batch 1 and 64; for the GPT on 1 and 8 windows of 128 letters, and
writing 1 and 8 texts. `--resume` goes on with what FILE lacks.

The goals: at least 4.1 times smaller and 2.3 times as fast, at a loss of accuracy of at most a point that is shown. A
goal of speed is reached if the lower end of the interval reaches it. With --smoke the figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch import no_grad
from tinytorch.benchmarking import Design, Hooks, Subject, collect_environment, compare
from tinytorch.benchmarking.adapters.tinytorch_files import load_model
from tinytorch.benchmarking.clock import utc_now
from tinytorch.benchmarking.statistics import t_interval
from tinytorch.capstone.labelled import Labelled
from tinytorch.capstone.search import SearchSettings, Task, search
from tinytorch.capstone.search.budget import Budget
from tinytorch.capstone.search.candidates import Failed, Place, Workshop
from tinytorch.capstone.search.judging import right
from tinytorch.capstone.search.known import KNOWN, Preparation, known_task, models_folder
from tinytorch.core import ops
from tinytorch.core.tensor import Tensor
from tinytorch.files import write_atomically

SMALLER, FASTER, MARGIN = 4.1, 2.3, 0.01
LEFT = 75  # the exit status that says: call again
SEARCHED_AT = {"digits": 64}  # a call on one image is overhead
DESIGN = Design(sessions=10, rounds=24, budget_seconds=40.0)
SMOKE = Design(sessions=2, rounds=4, budget_seconds=5.0)
FORWARD = "benchmarks.headline_subjects:forward"
WRITING = "benchmarks.headline_subjects:writing"
HERE = str(Path(__file__).parents[1])


class OutOfTimeError(Exception):
    """The seconds are over."""


@dataclass(frozen=True)
class Plan:
    """What was asked for, and until when there is time."""

    options: argparse.Namespace
    end: float

    @property
    def folder(self) -> Path:
        """Where baselines are kept."""
        return self.options.cache

    def go_on(self) -> None:
        """Do so while there is time."""
        if time.monotonic() > self.end:
            raise OutOfTimeError

    def tell(self, progress: Any) -> None:
        """Say on stderr what is being done; training ends here when time is over."""
        show(progress)
        if progress.stage in {"training the baseline", "trying recipes"}:
            self.go_on()


def show(progress: Any) -> None:
    """Say on stderr what is being done."""
    print(f"\r{progress.stage} {progress.step}/{progress.total} {progress.detail:<50.50}", end="", file=sys.stderr)


def main(arguments: list[str]) -> int:
    """Do what is asked for."""
    options = parsed(arguments)
    plan = Plan(options, time.monotonic() + options.seconds)
    try:
        if options.train_only:
            for name in options.only:
                train(name, plan)
        else:
            measure(plan)
    except OutOfTimeError:
        return LEFT
    return 0


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(KNOWN), default=list(KNOWN))
    parser.add_argument("--cache", type=Path, default=models_folder())
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--train-only", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args(arguments)


def prepared(name: str, plan: Plan) -> Task:
    """Give the task, its baseline trained."""
    batch = 1 if plan.options.smoke else SEARCHED_AT.get(name, 1)
    how = Preparation(batch=batch, smoke=plan.options.smoke, folder=plan.folder, tell=plan.tell)
    return known_task(name, how)


def train(name: str, plan: Plan) -> None:
    """Train the baseline and what it teaches, and keep all of it; say how each candidate does on validation samples."""
    task = prepared(name, plan)
    place = Place(scratch(plan, name), plan.folder / "taught")
    baseline = right(task.model, task.validation)
    print(f"\n{name}: {baseline.mean():.2%} of the validation samples", flush=True)
    shop = Workshop(task, place, Budget(1e6), MARGIN, baseline, plan.tell)
    for found in shop.candidates(task.recipes):
        if isinstance(found, Failed):
            plan.go_on()
            print(f"\n  {found.recipe}: {found.reason}", flush=True)
        else:
            print(f"\n  {found.recipe}: {found.size} bytes, {found.validation.accuracy.value:.2%}", flush=True)


def scratch(plan: Plan, name: str) -> Path:
    """Make the folder where files of candidates are written."""
    folder: Path = plan.folder / ("headline-smoke" if plan.options.smoke else "headline") / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def measure(plan: Plan) -> None:
    """Search and judge each model, write the record after each step, and print what came out."""
    record = begun(plan.options)
    for name in plan.options.only:
        plan.go_on()
        task = prepared(name, plan)
        model = record["models"].setdefault(name, {})
        for step, make in steps(task, plan, model):
            if step not in model:
                plan.go_on()
                model[step] = make()
                keep(record, plan.options)
        model["reached"] = reached(model)
        keep(record, plan.options)
        print(told(name, model), flush=True)


def begun(options: argparse.Namespace) -> dict[str, Any]:
    """Give the record to go on with, or a new one."""
    if options.resume and options.output and options.output.is_file():
        found: dict[str, Any] = json.loads(options.output.read_text(encoding="utf-8"))
        return found
    goals = {"smaller": SMALLER, "faster": FASTER, "margin": MARGIN}
    return {"smoke": options.smoke, "goals": goals, "models": {}}


def keep(record: dict[str, Any], options: argparse.Namespace) -> None:
    """Write the record."""
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(options.output, json.dumps(record, indent=1, allow_nan=False).encode() + b"\n")


def steps(task: Task, plan: Plan, model: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name what there is to find out of a model, with what finds it."""
    yield "search", lambda: searched(task, plan)
    chosen = model["search"]["chosen"]
    if chosen is None:
        return
    path = scratch(plan, task.name) / "chosen.safetensors"
    if task.name == "gpt":
        yield "text", lambda: read_alike(task, load_model(path))
    for title, factory, arguments in speeds_of(task.name):
        yield title, lambda factory=factory, arguments=arguments: timed(task.name, factory, arguments, plan)


def speeds_of(name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """List the comparisons of a model: a title, the factory, and its arguments."""
    unit = "windows" if name == "gpt" else "samples"
    for batch in (1, 8) if name == "gpt" else (1, 64):
        yield f"{unit} {batch}", FORWARD, {"shape": name, "batch": batch}
    if name == "gpt":
        for rows in (1, 8):
            yield f"texts {rows}", WRITING, {"rows": rows}


def searched(task: Task, plan: Plan) -> dict[str, Any]:
    """Search as `tinytorch optimize` does; the files of baseline and chosen one stay."""
    folder = scratch(plan, task.name)
    smoke = plan.options.smoke
    settings = SearchSettings(
        max_accuracy_drop=0.5 if smoke else MARGIN,
        min_compression=0.0 if smoke else SMALLER,
        budget_seconds=600.0,
        preset=SMOKE if smoke else "quick",
        recipes=task.recipes[:1] if smoke else None,
        folder=folder,
        kept=plan.folder / "taught",
    )
    (folder / "baseline.safetensors").unlink(missing_ok=True)  # it may be of an earlier training
    started = utc_now()
    found = search(task, settings, Hooks(on_progress=show))
    if found.chosen is not None:
        write_atomically(folder / "chosen.safetensors", found.chosen.built.path.read_bytes())
    return found.to_dict() | {"started": started, "batch": task.batch, "environment": dict(collect_environment())}


def timed(name: str, factory: str, arguments: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """Compare the chosen model with the baseline as it is and compiled, in fresh processes."""
    folder = scratch(plan, name)
    form = "compiled" if factory == FORWARD else "fast"
    variants = [("baseline, eager", "baseline", False), ("baseline, compiled", "baseline", True)]
    subjects = [
        Subject(title, factory, {"path": str(folder / f"{file}.safetensors"), form: fast, **arguments}, paths=(HERE,))
        for title, file, fast in [*variants, ("chosen", "chosen", True)]
    ]
    started, design = utc_now(), SMOKE if plan.options.smoke else DESIGN
    found = compare(*subjects, preset=design, seed=0, hooks=Hooks(on_progress=show))
    return {
        "started": started,
        "seconds": [found.latency(place).value for place in range(3)],
        "to_eager": ratio(found.verdict_of(2)),
        "to_compiled": ratio(found.verdict_of(2, 1)),
        "compiled_to_eager": ratio(found.verdict_of(1)),
        "warnings": [*found.notes, *found.warnings()],
    }


def ratio(verdict: Any) -> dict[str, Any]:
    """Give a speed-up by name."""
    found = verdict.ratio
    return {"speedup": found.value, "low": found.low, "high": found.high, "outcome": str(verdict.outcome)}


def read_alike(task: Task, chosen: Any) -> dict[str, Any]:
    """Compare how well both predict the test text: nats a letter, and how often they would write the same letter."""
    baseline, found = (predicted(model, task.test) for model in (task.model, chosen))
    alike = (baseline[1] == found[1]).mean(axis=1)  # (N,): one number a window
    nats = {"baseline": baseline[0], "chosen": found[0], "difference": found[0] - baseline[0]}
    return {
        "nats": {name: interval(values) for name, values in nats.items()},
        "perplexity": {name: math.exp(nats[name].mean()) for name in ("baseline", "chosen")},
        "agreement": interval(alike),
        "windows": len(alike),
    }


def predicted(model: Any, data: Labelled) -> tuple[Any, Any]:
    """Give the mean loss of each window (N,), and the likeliest letter at each place (N, T)."""
    losses, letters = [], []
    for start in range(0, len(data), 32):
        rows, labels = data.inputs[start : start + 32], data.labels[start : start + 32]
        with no_grad():
            logs = ops.log_softmax(model.forward(Tensor(rows, dtype=rows.dtype))).data
        losses.append(-np.take_along_axis(logs, labels[..., None], axis=-1)[..., 0].mean(axis=1, dtype=np.float64))
        letters.append(logs.argmax(axis=-1))
    return np.concatenate(losses), np.concatenate(letters)


def interval(values: Any) -> dict[str, Any]:
    """Estimate the mean over windows."""
    found = t_interval(values.tolist(), 0.95)
    return {"value": found.value, "low": found.low, "high": found.high}


def finalist(model: dict[str, Any]) -> dict[str, Any] | None:
    """Give the figures of the chosen one."""
    found: dict[str, Any] = model["search"]
    return next((one for one in found["finalists"] if one["recipe"] == found["chosen"]), None)


def reached(model: dict[str, Any]) -> dict[str, bool]:
    """Say which goals are reached; those of speed by the lower ends of the intervals."""
    chosen = finalist(model)
    if chosen is None:
        return {}
    found = {"smaller": chosen["compression"] >= SMALLER, "as accurate": chosen["is_shown"]}
    for title, speed in speeds_in(model):
        for beside in ("eager", "compiled"):
            found[f"{title}, beside {beside}"] = (speed[f"to_{beside}"]["low"] or 0.0) >= FASTER
    return found


def speeds_in(model: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Find the comparisons in what is known of a model."""
    return ((title, part) for title, part in model.items() if isinstance(part, dict) and "to_eager" in part)


def told(name: str, model: dict[str, Any]) -> str:
    """Say in lines what came out."""
    chosen = finalist(model)
    if chosen is None:
        return f"\n{name}: nothing was chosen"
    change = chosen["test"]["beside"]["difference"]
    points = "{:+.2f} [{:+.2f}, {:+.2f}] points".format(*(100 * change[end] for end in ("value", "low", "high")))
    lines = [f"\n{name}: {chosen['recipe']}; {chosen['compression']:.2f}x smaller; {points}"]
    for title, speed in speeds_in(model):
        ratios = (
            "{speedup:.2f} [{low:.2f}, {high:.2f}]".format(**speed[f"to_{side}"]) for side in ("eager", "compiled")
        )
        lines.append(f"  {title}: {' eager, '.join(ratios)} compiled")
    missed = [goal for goal, is_reached in model["reached"].items() if not is_reached]
    return "\n".join([*lines, f"  not reached: {', '.join(missed) or 'nothing'}"])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
