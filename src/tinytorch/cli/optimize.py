"""`tinytorch optimize`: try techniques and their combinations on a model, and keep what nothing else beats."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinytorch.cli import output
from tinytorch.cli.progress import shown

if TYPE_CHECKING:
    from rich.table import Table

    from tinytorch.benchmarking.statistics import Estimate, Verdict
    from tinytorch.capstone.search import Finalist, Findings
    from tinytorch.capstone.search.judging import Judged

__all__ = ["execute"]

INTERRUPTED = 130
PICTURE = "pareto.png"


def execute(options: Namespace) -> int:
    """Search, keep the files and print; return 1 if no finalist is shown to be as accurate as asked for."""
    folder = Path(options.output or f"optimized-{options.model.rpartition(':')[2]}")
    folder.mkdir(parents=True, exist_ok=True)
    found = _searched(options, folder)
    kept = _kept(found, folder)
    if options.json:
        output.print_json(found.to_dict() | {"folder": str(folder), "files": kept})
    else:
        _print(found, folder, kept)
    if not found.complete:
        return INTERRUPTED
    return int(found.chosen is None)


def _searched(options: Namespace, folder: Path) -> Findings:
    from tinytorch.benchmarking import Hooks
    from tinytorch.capstone.search import SearchSettings, search
    from tinytorch.capstone.search.given import task_of
    from tinytorch.capstone.search.known import Preparation, models_folder

    settings = SearchSettings(
        max_accuracy_drop=options.max_accuracy_drop,
        min_compression=options.min_compression,
        goal=options.goal,
        budget_seconds=float(options.budget),
        preset=options.preset,
        finalists=options.finalists,
        folder=folder,
        kept=None if options.smoke else models_folder() / "taught",
        seed=options.seed,
    )
    with shown() as tell:
        how = Preparation(options.seed, options.batch, options.smoke, models_folder(), options.data, tell)
        return search(task_of(options.model, how), settings, Hooks(on_progress=tell))


def _kept(found: Findings, folder: Path) -> list[str]:
    """Leave the files of the baseline and the finalists, name the chosen one's, and write record and picture."""
    from tinytorch.files import write_atomically

    finalists = [one.built.path.name for one in found.finalists]
    for one in found.screened:
        if one.built.path.name not in finalists:
            one.built.path.unlink(missing_ok=True)
    kept = [found.baseline.path.name, *finalists]
    if found.chosen is not None:
        shutil.copyfile(found.chosen.built.path, folder / "chosen.safetensors")
        kept.insert(0, "chosen.safetensors")
    record = json.dumps(found.to_dict(raw=True), indent=1, allow_nan=False).encode()
    write_atomically(folder / "search.json", record + b"\n")
    return [*kept, "search.json", *_drawn(found, folder)]


def _drawn(found: Findings, folder: Path) -> list[str]:
    if not any(one.speed for one in found.finalists):
        return []
    try:
        from tinytorch.capstone.search.picture import picture
    except ImportError:  # the extra is not installed; the note below the table says so
        return []
    picture(found).savefig(folder / PICTURE, dpi=150)
    return [PICTURE]


def _print(found: Findings, folder: Path, kept: list[str]) -> None:
    from rich.text import Text

    console = output.console()
    console.print(_table(found))
    for one in (one for one in found.screened if one.passed_over):
        console.print(Text(f"- {one.built.recipe}: passed over; {one.passed_over}.", style="dim"))
    for failed in found.failed:
        console.print(Text(f"- {failed.recipe}: no candidate; {failed.reason}", style="dim"))
    for note in filter(None, (*found.notes, found.advice)):
        console.print(Text(f"Note: {note}", style="dim"))
    if PICTURE not in kept:
        console.print(Text("Note: there is no picture: pip install 'tinytorch[plots]' draws one.", style="dim"))
    console.print(Text(f"It took {found.seconds:.0f} s of the {found.budget_seconds:g} s it had.", style="dim"))
    console.print(Text.assemble(*_chosen(found)))
    console.print(Text.assemble("The files are in ", (str(folder), "bold"), f": {', '.join(kept)}."), soft_wrap=True)


def _chosen(found: Findings) -> list[Any]:
    if found.chosen is None:
        reason = "no finalist is shown to lose no more accuracy than allowed"
        return [("NONE CHOSEN: ", output.VERDICTS["undecided"]), f"{reason}."]
    one = found.chosen
    told = f"{one.name}: {found.compression(one.built):.2f} times smaller"
    if one.speed is not None:
        eager, compiled = one.speed.to_eager.ratio.value, one.speed.to_compiled.ratio.value
        told += f", {eager:.2f} times as fast as the baseline as it is, {compiled:.2f} times as the compiled one"
    return [("CHOSEN: ", output.VERDICTS["faster"]), f"{told}."]


def _table(found: Findings) -> Table:
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "size", "smaller", "accuracy", "difference, points", "beside eager", "beside compiled"):
        made.add_column(name, justify="left" if not name else "right", overflow="fold")
    made.add_row(*_baseline(found))
    for one, is_on_front in zip(found.finalists, found.on_front(), strict=True):
        made.add_row(*_finalist(found, one), style="bold" if one is found.chosen else "" if is_on_front else "dim")
    return made


def _baseline(found: Findings) -> list[str]:
    speed = found.baseline_speed
    test = output.MISSING if found.baseline_test is None else _accuracy(found.baseline_test)
    eager = output.MISSING if speed is None else _ratio(speed.to_eager)
    return ["baseline,\ncompiled", output.bytes_(found.baseline.size), test, "", eager, "1"]


def _finalist(found: Findings, one: Finalist) -> list[str]:
    ratios = [output.MISSING] * 2
    if one.speed is not None:
        ratios = [_ratio(one.speed.to_eager), _ratio(one.speed.to_compiled)]
    size = f"{output.bytes_(one.built.size)}\n{found.compression(one.built):.2f}× smaller"
    return [
        one.name.replace(" > compiled", ",\ncompiled"),
        size,
        _accuracy(one.test),
        _difference(one),
        *ratios,
    ]


def _accuracy(test: Judged) -> str:
    return f"{output.percent(test.accuracy.value)}\n{_ends(test.accuracy)}"


def _difference(one: Finalist) -> str:
    if one.test.beside is None:
        return ""
    found = one.test.beside.difference
    mark = "" if one.is_shown else " (not shown)"
    return f"{100 * (found.value or 0.0):+.2f}{mark}\n{_ends(found, signed=True)}"


def _ends(found: Estimate, *, signed: bool = False) -> str:
    if found.low is None or found.high is None:
        return "(not bounded)"
    low, high = 100 * found.low, 100 * found.high
    return f"[{low:+.2f}, {high:+.2f}]" if signed else f"[{low:.2f}, {high:.2f}]"


def _ratio(verdict: Verdict) -> str:
    ratio = verdict.ratio
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.2f}×\n(not bounded)"
    return f"{ratio.value:.2f}×\n[{ratio.low:.2f}, {ratio.high:.2f}]"
