"""How a running command shows where it is: a bar in a terminal, a line a stage elsewhere, always on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tinytorch.cli import output

if TYPE_CHECKING:
    from rich.console import Console

    from tinytorch.capstone.workflow import Progress as Step

__all__ = ["shown"]


@contextmanager
def shown() -> Iterator[Callable[[Step], None]]:
    """Give a callback that shows progress until the block ends."""
    console = output.console(stderr=True)
    if not console.is_terminal:
        yield _Lines().show
        return
    with _bars(console) as show:
        yield show


class _Lines:
    """One line when a stage begins, for logs and pipes."""

    def __init__(self) -> None:
        self._stage: str | None = None

    def show(self, progress: Step) -> None:
        if progress.stage != self._stage:
            self._stage = progress.stage
            print(f"{progress.stage} ...", file=sys.stderr, flush=True)


@contextmanager
def _bars(console: Console) -> Iterator[Callable[[Step], None]]:
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    stage, detail = TextColumn("{task.description}"), TextColumn("{task.fields[detail]}", style="dim")
    columns = (stage, BarColumn(bar_width=24), TimeElapsedColumn(), detail)
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as bars:

        def show(progress: Step) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(progress.stage, total=progress.total, detail="")
            bars.update(tasks[progress.stage], completed=progress.step, total=progress.total, detail=progress.detail)

        yield show
