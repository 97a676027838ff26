"""`tinytorch validate`: is each file a submission, and if not, what are all its problems?"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tinytorch.cli import output
from tinytorch.errors import TinyTorchError

__all__ = ["execute"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One file and its problems, each one line; no problems means it is valid."""

    file: str
    problems: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Say the same in JSON's types."""
        return {"file": self.file, "valid": not self.problems, "problems": list(self.problems)}


def execute(options: Namespace) -> int:
    """Check every file and print what is wrong with it; return 1 if anything is."""
    outcomes = [_check(file) for file in _distinct(options.files)]
    invalid = any(outcome.problems for outcome in outcomes)
    if options.json:
        output.print_json({"valid": not invalid, "files": [outcome.as_json() for outcome in outcomes]})
    else:
        _print(outcomes)
    return int(invalid)


def _check(file: str) -> Outcome:
    from tinytorch.capstone.submission import load_submission
    from tinytorch.capstone.validation import problems

    try:
        found = problems(load_submission(file))
    except TinyTorchError as error:
        return Outcome(file, tuple(str(error).splitlines()))
    return Outcome(file, tuple(str(problem) for problem in found))


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
