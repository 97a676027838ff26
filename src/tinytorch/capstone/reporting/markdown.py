"""A summary for a pull request: GitHub's Markdown, the verdict first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tinytorch.capstone.reporting.markup import shown
from tinytorch.capstone.reporting.reading import Reading, read
from tinytorch.capstone.reporting.rows import rows_of
from tinytorch.capstone.reporting.sentences import accuracy_sentence, basis_sentence, certificate_sentences, headline

__all__ = ["literal", "markdown_summary"]

ACTIVE = re.compile(r"([\\`*_\[\]|~$<>&])")
FIRST = re.compile(r"^(\s*\d*)([-+#=.)])(?=[-#=\s]|$)")  # what makes a line a list, a heading or a rule
CALLING = re.compile(r"([@#](?=\w)|:(?=//)|\bwww(?=\.)|\bGH(?=-\d))", re.IGNORECASE)  # people, issues, addresses
UNSEEN = "&#8203;"  # a space without width: a name before it calls nobody


def literal(text: object) -> str:
    r"""Write text so that Markdown shows it as it is: no markup, no link, nobody called by name.

    Example:
        >>> print(literal("a|b <img> @you"))
        a\|b \<img\> @&#8203;you
    """
    plain = FIRST.sub(r"\1\\\2", ACTIVE.sub(r"\\\1", shown(text)))
    return CALLING.sub(rf"\1{UNSEEN}", plain)


def markdown_summary(document: Mapping[str, Any]) -> str:
    """Write a submission as a comment for a pull request.

    What the submission says is shown as it is: a name with markup, a link or a mention in it is text.

    Raises:
        SubmissionError: If the submission is not valid.
    """
    reading = read(document)
    optimized, words = reading.optimized, certificate_sentences(reading)
    parts = [f"**{headline(reading, literal)}**", basis_sentence(reading), "\n".join(_table(reading))]
    if optimized is not None:
        parts.append(" ".join((*(words if reading.comparison else ()), accuracy_sentence(reading))))
        names = [one["name"] for one in optimized.content.get("techniques") or ()]
        parts += [f"Made by: {', '.join(map(literal, names))}."] if names else []
    parts += _notes(reading.notes())
    parts.append(f"<sub>{_measured(reading)}</sub>")
    return "\n\n".join(parts) + "\n"


def _table(reading: Reading) -> list[str]:
    models = reading.models
    names = [literal(model.name) for model in models]
    heads = ["Metric", *names, *(["Change"] if len(models) == 2 else [])]
    lines = [_line(heads), _line(["---", *["---:"] * (len(heads) - 1)])]
    for label, cells, change in rows_of(models):
        lines.append(_line([label, *(cell.line() for cell in cells), *([change] if len(models) == 2 else [])]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _notes(notes: Sequence[str]) -> list[str]:
    if not notes:
        return []
    lines = "\n".join(f"- {literal(note)}" for note in notes)
    return [f"<details><summary>Notes of the author</summary>\n\n{lines}\n\n</details>"]


def _measured(reading: Reading) -> str:
    environment = reading.document["environment"]
    system = environment["system_info"]
    machine = literal(system.get("cpu_model") or system["platform"])
    python = f"Python {literal(system['python_version'])}"
    return f"{literal(reading.document['timestamp'])}, {machine}, {python}. Intervals are at 95 %."
