"""`tinytorch profile`: where in a model the time, the arithmetic and the memory go."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from tinytorch.cli import output

if TYPE_CHECKING:
    from tinytorch.perf.profiling import Profile
    from tinytorch.perf.profiling.tables import Column

__all__ = ["execute"]

WIDEST = 1000
KNOWN = ("cpu_model", "is_virtual", "cgroup_cpus", "python_version", "numpy_version", "platform")


def execute(options: Namespace) -> int:
    """Profile, write what was asked for, and print."""
    found = _profiled(options)
    written = [_write(path, make(found)) for path, make in _files(options) if path]
    if options.json:
        output.print_json(found.to_dict())
        return 0
    _print(found, options.by)
    _print_paths(written)
    return 0


def _profiled(options: Namespace) -> Profile:
    from tinytorch.benchmarking.environment import collect_environment
    from tinytorch.benchmarking.loaded import load_model_and_inputs
    from tinytorch.perf.profiling import Conditions, Rounds, profile

    model, inputs = load_model_and_inputs(options.subject)
    record = collect_environment()
    known = {name: record[name] for name in KNOWN if record[name] is not None}
    conditions = Conditions(Rounds(options.rounds), threads=options.threads, known=known)
    return profile(model, *inputs, conditions=conditions)


def _files(options: Namespace) -> tuple[tuple[str | None, Callable[[Profile], bytes]], ...]:
    return (
        (options.output, _json),
        (options.html, _html),
        (options.picture, _picture),
        (options.trace, _trace),
    )


def _write(path: str, content: bytes) -> str:
    from tinytorch.files import write_atomically

    write_atomically(path, content)
    return path


def _json(found: Profile) -> bytes:
    return json.dumps(found.to_dict(), indent=1, allow_nan=False).encode() + b"\n"


def _trace(found: Profile) -> bytes:
    from tinytorch.perf.profiling.chrome import chrome_trace

    return json.dumps(chrome_trace(found), allow_nan=False).encode() + b"\n"


def _html(found: Profile) -> bytes:
    from tinytorch.perf.profiling.flame import flame_html

    return flame_html(found).encode()


def _picture(found: Profile) -> bytes:
    from tinytorch.errors import StateError, explain

    try:
        from tinytorch.perf.profiling.pictures import picture
    except ImportError as error:
        remedy = "Install tinytorch[plots], or take --html."
        raise StateError(explain("a picture", "drawn by matplotlib", "none installed", remedy=remedy)) from error
    drawn = BytesIO()
    picture(found).savefig(drawn, format="png", dpi=150)
    return drawn.getvalue()


def _print(found: Profile, by: str) -> None:
    from rich.text import Text

    from tinytorch.perf.profiling.tables import COLUMNS, LAYER_COLUMNS, headline, layer_rows, op_rows, roof_lines

    console = output.console()
    for line in headline(found):
        console.print(Text(line), soft_wrap=True)
    rows = (LAYER_COLUMNS, layer_rows(found)) if by == "layer" else (COLUMNS, op_rows(found))
    _print_table(*rows)
    console.print(Text("What this machine did at best, in the same rounds:"))
    for line in roof_lines(found):
        console.print(Text(f"  {line}"))
    for note in found.notes:
        console.print(Text(note, style="dim"), soft_wrap=True)


def _print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print as many columns as a terminal has room for; elsewhere all, in lines as long as they are."""
    from rich import box
    from rich.table import Table

    from tinytorch.perf.profiling.tables import fitting

    console = output.console()
    if not console.is_terminal:
        console.width = WIDEST
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown = fitting(columns, rows, console.width)
    for place in shown:
        column = columns[place]
        made.add_column(column.title, justify="right" if column.is_number else "left", no_wrap=True)
    for row in rows:
        made.add_row(*(row[place] for place in shown))
    console.print(made)


def _print_paths(paths: Sequence[str]) -> None:
    from rich.text import Text

    for path in paths:
        output.console().print(Text.assemble("Written: ", (path, "bold")), soft_wrap=True)
