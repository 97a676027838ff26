"""`tinytorch info`: what a measurement on this machine would record about it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping

from tinytorch.cli import output

__all__ = ["execute"]


def execute(options: Namespace) -> int:
    """Print the environment record."""
    from tinytorch.benchmarking.environment import collect_environment

    record = collect_environment()
    if options.json:
        output.print_json(record)
    else:
        _print_table(record)
    return 0


def _print_table(record: Mapping[str, object]) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _flat(record):
        table.add_row(name, value)
    output.console().print(table)


def _flat(record: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in record.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, _text(value)


def _text(value: object) -> str:
    if value is None or value in ([], {}):
        return output.MISSING
    if isinstance(value, list | tuple):
        return "; ".join(_text(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    return str(value)
