"""One accent, one grey, and what lies between: each part's colour in light and in dark.

Text reaches 4.5 : 1 on the page in both, and marks 3 : 1; a test computes it.
"""

from __future__ import annotations

__all__ = ["DARK", "FILLS", "LIGHT", "PARTS", "STROKES", "variables"]

LIGHT = {
    "page": "#ffffff",
    "panel": "#f5f6f8",
    "ink": "#1a1d21",
    "muted": "#59616b",
    "line": "#d9dde2",
    "accent": "#1756c4",
    "accent-mid": "#93b2ea",
    "accent-soft": "#cfddf7",
    "base": "#6a727c",
    "base-soft": "#e1e4e8",
    "warn": "#9a4a00",
}
DARK = {
    "page": "#13161a",
    "panel": "#1c2026",
    "ink": "#e9ecef",
    "muted": "#a3acb7",
    "line": "#343b44",
    "accent": "#86b1ff",
    "accent-mid": "#456db3",
    "accent-soft": "#243a61",
    "base": "#98a1ac",
    "base-soft": "#2b3138",
    "warn": "#f0a45c",
}
PARTS = ("ink", "muted", "line", "accent", "accent-mid", "accent-soft", "base", "base-soft", "warn")
STROKES = {part: f"s-{part}" for part in PARTS}
FILLS = {part: f"f-{part}" for part in PARTS}


def variables(colours: dict[str, str]) -> str:
    """Write colours as the variables of a style sheet.

    Example:
        >>> variables({"page": "#ffffff", "ink": "#1a1d21"})
        '--page:#ffffff;--ink:#1a1d21'
    """
    return ";".join(f"--{name}:{colour}" for name, colour in colours.items())


def rules() -> str:
    """Write the rules by which marks take the colours."""
    strokes = "".join(f".{name}{{fill:none;stroke:var(--{part})}}" for part, name in STROKES.items())
    fills = "".join(f".{name}{{fill:var(--{part})}}" for part, name in FILLS.items())
    halo = "text{paint-order:stroke;stroke:var(--page);stroke-width:3px;stroke-linejoin:round}"
    return f"{strokes}{fills}{halo}"
