"""What the parsers of all commands share: how one is described, and what its exit codes mean."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable

__all__ = ["EPILOG", "Add", "add_command"]

EPILOG = "Exit codes: 0 ok, 1 invalid or failed, 2 wrong usage, 130 interrupted."

Add = Callable[..., ArgumentParser]


def add_command(add: Add, name: str, summary: str, epilog: str = EPILOG, more: str = "") -> ArgumentParser:
    """Add the parser of a command.

    Args:
        add: Adds a parser to those of all commands.
        name: Of the command.
        summary: What it does, in a line without a capital and a full stop.
        epilog: What its exit codes mean.
        more: Sentences that its own help says after the summary.
    """
    sentence = f"{summary[:1].upper()}{summary[1:]}. {more}".strip()
    return add(name, help=summary, description=sentence, epilog=epilog, allow_abbrev=False)
