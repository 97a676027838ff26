"""How two submissions beside each other are printed, for `tinytorch compare A.json B.json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinytorch.cli import output

if TYPE_CHECKING:
    from rich.table import Table

    from tinytorch.capstone.reporting.contrast import Contrast

__all__ = ["are_submissions", "contrasted"]

ENDINGS = {".json", ".pb"}
STYLES = {"better": "bold green", "worse": "bold red", "equal": "bold cyan", "undecided": "bold yellow"}


def are_submissions(sources: Sequence[str]) -> bool:
    """Say whether two files of records are to be compared, not two subjects to be measured."""
    return len(sources) == 2 and all(Path(source).suffix in ENDINGS and Path(source).is_file() for source in sources)


def contrasted(sources: Sequence[str], *, as_json: bool) -> int:
    """Compare two submissions and print what can be said; nothing is measured."""
    from tinytorch.capstone.reporting.contrast import contrast
    from tinytorch.capstone.submission import load_submission

    found = contrast(*(load_submission(source) for source in sources))
    if as_json:
        output.print_json(found.to_dict() | {"files": list(sources)})
    else:
        _print(found)
    return 0


def _print(found: Contrast) -> None:
    from rich.text import Text

    console = output.console()
    console.print(_table(found))
    for one in found.findings:
        if one.verdict != "refused":
            word = (f"{one.verdict}: ".upper(), STYLES[one.verdict])
            console.print(Text.assemble(word, f"{one.metric}: {one.said} ({one.protocol})."))
    for one in found.findings:
        if one.verdict == "refused":
            console.print(Text.assemble(("NOT COMPARED: ", "bold"), f"{one.metric}: {one.said}."))
    for note in found.notes:
        console.print(Text(f"Note: {note}", style="dim"))


def _heads(found: Contrast) -> list[str]:
    first, second = found.names
    return [f"{first} (first)", f"{second} (second)"]


def _table(found: Contrast) -> Table:
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in (("", "left"), *((name, "right") for name in _heads(found)), ("the second is", "left")):
        made.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for one in found.findings:
        verdict = "not compared" if one.verdict == "refused" else one.verdict
        made.add_row(one.metric, one.first, one.second, verdict, style="dim" if one.verdict == "refused" else "")
    return made
