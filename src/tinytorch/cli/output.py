"""How results look: consoles, JSON, and the text of numbers."""

from __future__ import annotations

import codecs
import json
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "bytes_",
    "console",
    "count",
    "duration",
    "make_streams_encodable",
    "misused",
    "percent",
    "print_json",
    "rate",
    "ratio",
]

MISSING = "–"
USAGE = 2
VERDICTS = {"faster": "bold green", "slower": "bold red", "equivalent": "bold cyan", "undecided": "bold yellow"}
PLAIN = {"µ": "u", "×": "x", "–": "-", "…": ".", "→": ">", "’": "'", "≤": "<", "≥": ">"}


def make_streams_encodable() -> None:
    """Let a terminal that cannot show a sign show a plainer one of the same width, rather than fail."""
    codecs.register_error("tinytorch.plainer", _plainer)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="tinytorch.plainer")


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(PLAIN.get(sign, "?") for sign in text), error.end


def misused(message: str) -> int:
    """Say on stderr that arguments do not go together, and give the exit code for wrong usage."""
    print(f"tinytorch: error: {message}", file=sys.stderr)
    return USAGE


def print_json(document: object) -> None:
    """Print one JSON document, in ASCII, so that any stream takes it."""
    print(json.dumps(document, indent=2, allow_nan=False))


def console(*, stderr: bool = False) -> Console:
    """Open a console that colours terminals only, and keeps whole lines whole elsewhere."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = max(made.width, 100)
    return made


def duration(milliseconds: float | None) -> str:
    """Write a time in the unit that suits it.

    Example:
        >>> duration(0.0123), duration(4.56), duration(1200)
        ('12.3 µs', '4.56 ms', '1.2 s')
    """
    return _scaled(milliseconds, [(1e3, 1e-3, "s"), (1, 1, "ms"), (0, 1e3, "µs")])


def bytes_(size: float | None) -> str:
    """Write a size in bytes in the binary unit that suits it.

    Example:
        >>> bytes_(100), bytes_(39976), bytes_(5 * 2**20)
        ('100 B', '39 KiB', '5 MiB')
    """
    return _scaled(size, [(2**30, 2**-30, "GiB"), (2**20, 2**-20, "MiB"), (2**10, 2**-10, "KiB"), (0, 1, "B")])


def rate(per_second: float | None) -> str:
    """Write how many samples a second.

    Example:
        >>> rate(181234.5)
        '181,234 /s'
    """
    return MISSING if per_second is None else f"{per_second:,.0f} /s"


def percent(share: float | None) -> str:
    """Write a ratio in [0, 1] as a percentage.

    Example:
        >>> percent(0.9749)
        '97.49 %'
    """
    return MISSING if share is None else f"{100 * share:.2f} %"


def count(number: float | None) -> str:
    """Write a count with its thousands apart.

    Example:
        >>> count(9610)
        '9,610'
    """
    return MISSING if number is None else f"{number:,}"


def ratio(quotient: float | None, better: str, worse: str) -> str:
    """Write a ratio of baseline to optimized in words.

    Example:
        >>> ratio(2.0, "faster", "slower"), ratio(0.5, "faster", "slower")
        ('2.00× faster', '2.00× slower')
    """
    if quotient is None:
        return MISSING
    return f"{quotient:.2f}× {better}" if quotient >= 1 else f"{1 / quotient:.2f}× {worse}"


def _scaled(value: float | None, units: list[tuple[float, float, str]]) -> str:
    if value is None:
        return MISSING
    _, factor, unit = next(row for row in units if value >= row[0])
    return f"{value * factor:.3g} {unit}"
