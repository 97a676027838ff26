"""`tinytorch run`: train, optimize, measure, and write a submission."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinytorch.cli import output
from tinytorch.cli.progress import shown
from tinytorch.cli.table import table

if TYPE_CHECKING:
    from tinytorch.capstone.workflow import WorkflowResult

__all__ = ["execute"]


def execute(options: Namespace) -> int:
    """Run the workflow and print what came out; return 1 if the optimized model is the worse one."""
    result = _run(options)
    if options.json:
        output.print_json({"filepath": result.filepath, "notes": list(result.notes), "submission": result.submission})
    else:
        _print(result)
    return int(_regressed(result.submission))


def _run(options: Namespace) -> WorkflowResult:
    from tinytorch.capstone.workflow import WorkflowSettings, run_workflow

    settings = WorkflowSettings(
        seed=options.seed,
        epochs=options.epochs,
        num_runs=options.runs,
        filepath=options.output,
        student_name=options.student_name,
    )
    with shown() as on_progress:
        return run_workflow(settings, on_progress)


def _regressed(submission: Mapping[str, Any]) -> bool:
    """Say whether the optimized model is both slower and larger: one of the two can be a fair trade."""
    change = submission.get("improvements")
    return change is not None and change["speedup"] < 1 and change["compression_ratio"] < 1


def _print(result: WorkflowResult) -> None:
    from rich.text import Text

    console = output.console()
    console.print(table(result.submission))
    for note in result.notes:
        console.print(Text(f"Note: {note}", style="dim"))
    if _regressed(result.submission):
        console.print(Text("The optimized model is slower and larger than the baseline.", style="bold red"))
    console.print(Text.assemble("Written to ", (result.filepath, "bold"), "."), soft_wrap=True)
    console.print(Text(f"Check it with: tinytorch validate {result.filepath}", style="dim"), soft_wrap=True)
