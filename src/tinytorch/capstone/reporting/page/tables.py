"""Tables that stay tables for a screen reader where a narrow page shows their rows as blocks."""

from __future__ import annotations

from collections.abc import Sequence

from tinytorch.capstone.reporting.markup import Markup, element, shown
from tinytorch.capstone.reporting.rows import Cell

__all__ = ["facts", "table"]

LONG_WORD = 24  # letters


def table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    texts: int = 1,
    short: Sequence[str] = (),
) -> Markup:
    """Write a table whose first column names the rows.

    Args:
        caption: What it shows.
        columns: The heads.
        rows: A cell for each; a `Cell` is written with its interval below.
        texts: How many columns are text; the others are numbers.
        short: What a narrow page calls the columns, beside each cell; by default, by their heads.
    """
    kinds = [None if place < texts else "number" for place in range(len(columns))]
    heads = [
        element("th", name, scope="col", role="columnheader", class_=_kinds(kind, name))
        for name, kind in zip(columns, kinds, strict=True)
    ]
    body = [_row(row, short or columns, kinds) for row in rows]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *heads, role="row"), role="rowgroup"),
        element("tbody", *body, role="rowgroup"),
        role="table",
    )


def _row(row: Sequence[object], columns: Sequence[str], kinds: Sequence[str | None]) -> Markup:
    first, *others = row
    head = element("th", first, scope="row", role="rowheader", class_=_length(first))
    cells = [
        element("td", *_content(cell), role="cell", data_of=name, class_=_kinds(kind, cell))
        for cell, name, kind in zip(others, columns[1:], kinds[1:], strict=True)
    ]
    return element("tr", head, *cells, role="row")


def _length(cell: object) -> str | None:
    """Say whether a cell has a word that may be broken anywhere, so that it does not widen the page."""
    words = shown(cell).split() if isinstance(cell, str) else []
    return "long" if any(len(word) > LONG_WORD for word in words) else None


def _kinds(kind: str | None, cell: object) -> str | None:
    return " ".join(filter(None, (kind, _length(cell)))) or None


def _content(cell: object) -> list[object]:
    if not isinstance(cell, Cell):
        return [] if cell == "" else [element("span", cell)]
    return [element("span", cell.value), element("small", cell.interval) if cell.interval else None]


def facts(caption: str, rows: Sequence[tuple[str, object]]) -> Markup:
    """Write a list of facts: what it is, and what it was."""
    body = [
        element(
            "tr",
            element("th", name, scope="row", role="rowheader"),
            element("td", value, role="cell", class_=_length(value)),
            role="row",
        )
        for name, value in rows
    ]
    return element(
        "table", element("caption", caption), element("tbody", *body, role="rowgroup"), role="table", class_="facts"
    )
