"""`tinytorch attempts`: every try of a campaign, and whether the ledger is whole."""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinytorch.cli import output
from tinytorch.errors import DataError, explain

if TYPE_CHECKING:
    from tinytorch.capstone.provenance import Entry, Ledger

__all__ = ["execute"]

STYLES = {"finished": "green", "aborted": "yellow", "not ended": "yellow"}


@dataclass(frozen=True, slots=True)
class Row:
    """One attempt."""

    campaign: str
    started: str
    state: str
    said: str

    def as_json(self) -> dict[str, str]:
        """Say the same in JSON's types."""
        return {"campaign": self.campaign, "started": self.started, "state": self.state, "said": self.said}


def execute(options: Namespace) -> int:
    """Show the attempts and what is wrong; return 1 if anything is."""
    from tinytorch.capstone.provenance import Ledger

    ledger = Ledger(options.ledger)
    if options.ledger and not ledger.path.exists():
        raise DataError(explain("the ledger", "a file", "nothing there", at=options.ledger))
    repaired = ledger.repair() is not None if options.repair and ledger.path.exists() else False
    problems = ledger.problems()
    entries = [] if problems else ledger.entries()
    if options.submission and not problems:
        problems = _contradictions(options.submission, entries)
    rows = [row for row in _rows(entries) if options.campaign in {None, row.campaign}]
    if options.json:
        output.print_json(_document(ledger, rows, entries, problems))
    else:
        _print(ledger, rows, entries, problems, repaired=repaired)
    return int(bool(problems))


def _contradictions(path: str, entries: list[Entry]) -> list[str]:
    from tinytorch.capstone.provenance import contradictions, is_envelope
    from tinytorch.capstone.submission import load_submission

    document = load_submission(path)
    if is_envelope(document):
        remedy = "Take it out with `tinytorch verify-signature --output`."
        raise DataError(explain("the file", "a submission", "an envelope", at=path, remedy=remedy))
    return contradictions(document, entries)


def _rows(entries: list[Entry]) -> list[Row]:
    ends = {entry.attempt: entry for entry in entries if entry.event in {"finished", "aborted"}}
    return [_row(entry, ends.get(entry.attempt)) for entry in entries if entry.event == "started"]


def _row(start: Entry, end: Entry | None) -> Row:
    began = start.content["time"]
    if end is None:
        return Row(start.campaign, began, "not ended", "running, or crashed: counts as aborted")
    said = end.content.get("headline" if end.event == "finished" else "reason")
    return Row(start.campaign, began, end.event, str(said or ""))


def _document(ledger: Ledger, rows: list[Row], entries: list[Entry], problems: list[str]) -> dict[str, Any]:
    return {
        "ledger": os.fspath(ledger.path),
        "valid": not problems,
        "problems": problems,
        "head": entries[-1].sha256 if entries else None,
        "attempts": [row.as_json() for row in rows],
    }


def _print(ledger: Ledger, rows: list[Row], entries: list[Entry], problems: list[str], *, repaired: bool) -> None:
    from rich.text import Text

    console = output.console()
    if repaired:
        console.print("The last line was torn; an entry says so now.", markup=False)
    if rows:
        console.print(_table(rows))
    for problem in problems:
        console.print(Text(f"  - {problem}"), soft_wrap=True)
    if problems:
        console.print(Text.assemble(("INVALID", "bold red"), f"  {ledger.path}"), soft_wrap=True)
    elif entries:
        said = f"  {ledger.path}: {len(entries)} entries, head {entries[-1].sha256}"
        console.print(Text.assemble(("WHOLE", "bold green"), said), soft_wrap=True)
    else:
        console.print(f"There are no attempts in {ledger.path}.", markup=False, soft_wrap=True)


def _table(rows: list[Row]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "campaign", "started", "", "what came of it"):
        made.add_column(name, overflow="fold")
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.campaign] = counts.get(row.campaign, 0) + 1
        state = Text(row.state, STYLES[row.state])
        made.add_row(str(counts[row.campaign]), Text(row.campaign), row.started, state, Text(row.said))
    return made
