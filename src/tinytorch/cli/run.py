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
    if options.ledger and not options.campaign:
        return output.misused("--ledger must come with --campaign; got none.")
    result = _run(options)
    if options.json:
        output.print_json(_document(result))
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
        preset=options.preset,
        campaign=options.campaign,
        ledger=options.ledger,
        command=_command(options),
    )
    with shown() as on_progress:
        return run_workflow(settings, on_progress)


def _command(options: Namespace) -> tuple[str, ...]:
    """Give the command line that does the same again, wherever its files go and whoever calls it."""
    asked = {"seed": options.seed, "epochs": options.epochs, "runs": options.runs, "preset": options.preset}
    return ("tinytorch", "run", *(word for name, value in asked.items() for word in (f"--{name}", str(value))))


def _document(result: WorkflowResult) -> dict[str, Any]:
    verdict = _sentence(result.submission) or None
    return {
        "filepath": result.filepath,
        "artifacts": list(result.artifacts),
        "notes": list(result.notes),
        "verdict": verdict,
        "submission": result.submission,
    }


def _regressed(submission: Mapping[str, Any]) -> bool:
    """Say whether the optimized model is slower and not smaller: one of the two can be a fair trade.

    Slower is what the comparison in fresh processes found. Without one, the ratio of two means has to do; it is hardly
    ever exactly 1, so that only a model that is larger too is worse then.
    """
    change = submission.get("improvements")
    if change is None:
        return False
    if "comparison" in submission:
        return submission["comparison"]["outcome"] == "slower" and change["compression_ratio"] <= 1
    return change["speedup"] < 1 and change["compression_ratio"] < 1


def _sentence(submission: Mapping[str, Any]) -> str:
    """Say in one sentence what the comparison found; nothing where there was none."""
    if "comparison" not in submission:
        return ""
    from tinytorch.capstone.verdicts import verdict_of

    return verdict_of(submission["comparison"]).sentence().replace("The candidate", "The optimized model")


def _price(comparison: Mapping[str, Any]) -> str:
    """Say what the verdict rests on, and what it could have found."""
    told = [f"{comparison['rounds']} rounds in {comparison['sessions']} pairs of fresh processes"]
    if (effect := comparison.get("minimum_detectable_effect")) is not None:
        told.append(f"a change of {100 * effect:.2g} % would be seen in four of five such comparisons")
    if certificate := comparison.get("certificate"):
        told.append(f"two copies of the baseline came out within {100 * certificate['half_width']:.2g} % of each other")
    return "; ".join(told) + "."


def _print(result: WorkflowResult) -> None:
    from rich.text import Text

    console = output.console()
    console.print(table(result.submission))
    if sentence := _sentence(result.submission):
        comparison = result.submission["comparison"]
        outcome = comparison["outcome"]
        console.print(Text.assemble((f"{outcome}: ".upper(), output.VERDICTS[outcome]), sentence))
        console.print(Text(_price(comparison), style="dim"))
    for note in result.notes:
        console.print(Text(f"Note: {note}", style="dim"))
    if _regressed(result.submission):
        console.print(Text("The optimized model is slower than the baseline, and not smaller.", style="bold red"))
    console.print(Text.assemble("Written to ", (result.filepath, "bold"), "."), soft_wrap=True)
    if result.artifacts:
        console.print(Text(f"The models are in {' and '.join(result.artifacts)}.", style="dim"), soft_wrap=True)
    console.print(Text(f"Check it with: tinytorch validate {result.filepath}", style="dim"), soft_wrap=True)
