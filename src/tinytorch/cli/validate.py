"""`tinytorch validate`: is each file a submission, and if not, what are all its problems?"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tinytorch.cli import output
from tinytorch.errors import TinyTorchError

__all__ = ["execute"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found of one file.

    Attributes:
        file: Its name.
        problems: Each one line; none means that it is valid.
        artifacts: The files beside it that were checked too.
        declared: The paths of numbers that nothing in it shows.
    """

    file: str
    problems: tuple[str, ...]
    artifacts: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Say the same in JSON's types."""
        found = {"file": self.file, "valid": not self.problems, "problems": list(self.problems)}
        return found | {"artifacts": list(self.artifacts), "declared": list(self.declared)}


def execute(options: Namespace) -> int:
    """Check every file and print what is wrong with it; return 1 if anything is."""
    outcomes = [_check(file, options.artifacts) for file in _distinct(options.files)]
    invalid = any(outcome.problems for outcome in outcomes)
    if options.json:
        output.print_json({"valid": not invalid, "files": [outcome.as_json() for outcome in outcomes]})
    else:
        _print(outcomes)
    return int(invalid)


def _check(file: str, folder: str | None) -> Outcome:
    from tinytorch.capstone.rules import declared_paths
    from tinytorch.capstone.rules.artifacts import artifact_problems
    from tinytorch.capstone.submission import load_submission
    from tinytorch.capstone.validation import problems

    try:
        submission = load_submission(file)
    except TinyTorchError as error:
        return Outcome(file, tuple(str(error).splitlines()))
    found, checked = problems(submission), list[str]()
    if not found:
        found, checked = artifact_problems(submission, folder or Path(file).parent, needed=folder is not None)
    told = tuple(declared_paths(submission)) if not found else ()
    return Outcome(file, tuple(str(problem) for problem in found), tuple(checked), told)


def _distinct(files: Iterable[str]) -> list[str]:
    """Keep the first of the names that lead to the same file, and say which were left out."""
    seen: dict[Path, str] = {}
    for file in files:
        path = Path(file).resolve()
        if path in seen:
            print(f"tinytorch: {file} is the same file as {seen[path]}; it is checked once.", file=sys.stderr)
        seen.setdefault(path, file)
    return list(seen.values())


def _print(outcomes: list[Outcome]) -> None:
    from rich.text import Text

    console = output.console()
    for outcome in outcomes:
        mark = ("INVALID", "bold red") if outcome.problems else ("OK", "bold green")
        console.print(Text.assemble(mark, f"  {outcome.file}"), soft_wrap=True)
        for problem in outcome.problems:
            console.print(Text(f"  - {problem}"), soft_wrap=True)
        for line in _notes(outcome):
            console.print(Text(f"  {line}", style="dim"), soft_wrap=True)


def _notes(outcome: Outcome) -> Iterator[str]:
    if outcome.artifacts:
        yield f"checked beside it: {', '.join(outcome.artifacts)}"
    if outcome.declared:
        yield f"declared, and shown by nothing in it: {', '.join(outcome.declared)}"
