"""`tinytorch report`: a submission as a page to look at, as figures, as a summary, as a block for a model card."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tinytorch.cli import output

__all__ = ["execute"]

STANDARD = "-"
DEFAULT = "report.html"

Document = Mapping[str, Any]


def execute(options: Namespace) -> int:
    """Write what was asked for, the page if nothing was; an invalid submission has no report, and exits with 1."""
    from tinytorch.capstone.submission import load_submission

    document = load_submission(options.file)
    texts = _texts(options)
    written = [_write(path, make(document)) for path, make in texts if path != STANDARD]
    written += _drawn(options.figures, document, Path(options.file).parent) if options.figures else []
    if options.json:
        output.print_json({"written": written})
        return 0
    for path, make in texts:
        if path == STANDARD:
            sys.stdout.write(make(document))
    _print(written)
    return 0


def _texts(options: Namespace) -> list[tuple[str, Callable[[Document], str]]]:
    from tinytorch.capstone.reporting import html_report, markdown_summary, model_index_yaml

    folder = Path(options.file).parent
    is_asked = options.markdown or options.model_card or options.figures
    page = options.output or (None if is_asked else DEFAULT)
    wanted: list[tuple[str | None, Callable[[Document], str]]] = [
        (page, lambda found: html_report(found, folder)),
        (options.markdown, markdown_summary),
        (options.model_card, model_index_yaml),
    ]
    return [(path, make) for path, make in wanted if path is not None]


def _write(path: str, text: str | bytes) -> str:
    from tinytorch.files import write_atomically

    write_atomically(path, text.encode() if isinstance(text, str) else text)
    return path


def _drawn(folder: str, document: Document, beside: Path) -> list[str]:
    """Write each figure as SVG and as PNG."""
    from tinytorch.capstone.reporting import figures, pictures

    made: dict[str, str | bytes] = {f"{name}.svg": text for name, text in figures(document, beside).items()}
    made |= {f"{name}.png": picture for name, picture in pictures(document, beside).items()}
    return [_write(str(Path(folder) / name), content) for name, content in sorted(made.items())]


def _print(paths: list[str]) -> None:
    """Say what was written, where it does not mix with what goes to the standard output."""
    from rich.text import Text

    for path in paths:
        output.console(stderr=True).print(Text.assemble("Written: ", (path, "bold")), soft_wrap=True)
