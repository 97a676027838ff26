"""`tinytorch milestone`: do again what the field once could not, and say how well it went."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinytorch.cli import output
from tinytorch.cli.progress import shown

if TYPE_CHECKING:
    from tinytorch.capstone.milestones import Goal, Milestone, Result

__all__ = ["execute"]

USAGE = 2


def execute(options: Namespace) -> int:
    """Run a milestone and print its figures; return 1 if it missed its goal. Without a name, list them all."""
    from tinytorch.capstone.milestones import LISTED, MILESTONES

    if options.list or options.name is None:
        _print_list(LISTED, as_json=options.json)
        return 0
    if options.name not in MILESTONES:
        print(f"tinytorch: no milestone {options.name!r}; there are {', '.join(MILESTONES)}", file=sys.stderr)
        return USAGE
    result, threads = _run(MILESTONES[options.name], options)
    if options.json:
        output.print_json(_document(result, threads))
    else:
        _print(result)
    return int(result.reached is False)


def _run(milestone: Milestone, options: Namespace) -> tuple[Result, int | None]:
    from tinytorch.benchmarking.blas import pinned_blas
    from tinytorch.capstone.milestones import Run, run_milestone

    with pinned_blas(options.threads) as threads, shown() as on_progress:
        run = Run(seed=options.seed, smoke=options.smoke, on_progress=on_progress, path=options.data)
        return run_milestone(milestone, run), threads


def _document(result: Result, threads: int | None) -> dict[str, Any]:
    outcome, goal = result.outcome, result.milestone.goal
    return {
        "milestone": result.milestone.name,
        "seed": result.run.seed,
        "smoke": result.run.smoke,
        "threads": threads,
        "figures": [{"name": one.name, "value": one.value, "unit": one.unit} for one in outcome.figures],
        "goal": {"better": goal.better, "threshold": goal.threshold, "unit": goal.unit, "reached": result.reached},
        "seconds": result.seconds,
        "settings": outcome.settings,
        "sample": outcome.sample,
    }


def _print(result: Result) -> None:
    from rich.text import Text

    console, milestone, figures = output.console(), result.milestone, result.outcome.figures
    console.print(Text.assemble((f"{milestone.name} ({milestone.year}): ", "bold"), milestone.title))
    console.print(_table([[figure.name, _number(figure.value, figure.unit)] for figure in figures], header=False))
    if result.outcome.sample:
        console.print(Text(result.outcome.sample), soft_wrap=True)
    console.print(Text.assemble(_verdict(result), f" It took {output.duration(1000 * result.seconds)}."))
    console.print(Text(f"First: {milestone.source}.", style="dim"), soft_wrap=True)


def _verdict(result: Result) -> tuple[str, str]:
    wanted = _wanted(result.milestone.goal)
    if result.reached is None:
        return (f"A smoke run proves nothing; the full form wants {wanted}.", "yellow")
    if result.reached:
        return (f"Reached: {wanted} was wanted.", "bold green")
    return (f"Missed: {wanted} was wanted.", "bold red")


def _wanted(goal: Goal) -> str:
    return f"{'≥' if goal.better == 'more' else '≤'} {_number(goal.threshold, goal.unit)}"


def _number(value: float, unit: str) -> str:
    if unit == "ratio":
        return output.percent(value)
    return f"{value:,.4g} {unit}" if isinstance(value, float) else f"{value:,} {unit}"


def _print_list(milestones: Sequence[Milestone], *, as_json: bool) -> None:
    if as_json:
        fields = ("name", "year", "title", "source")
        output.print_json([{field: getattr(one, field) for field in fields} for one in milestones])
        return
    rows = [[one.name, str(one.year), one.title, _wanted(one.goal)] for one in milestones]
    output.console().print(_table(rows, header=True))


def _table(rows: Sequence[Sequence[str]], *, header: bool) -> Any:
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD if header else None, pad_edge=False, show_header=header)
    for name in ("name", "year", "what", "goal")[: len(rows[0])]:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made
