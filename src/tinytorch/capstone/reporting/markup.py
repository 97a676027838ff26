"""HTML and SVG that text cannot break out of: whatever is not `Markup` is escaped where it is put in."""

from __future__ import annotations

import unicodedata
from html import escape

__all__ = ["Markup", "element", "joined", "shown"]

VOID = frozenset({"meta", "br", "hr", "line", "circle", "rect", "path", "col"})
UNSEEN = {
    "Cc",
    "Cf",
    "Cs",
    "Co",
    "Cn",
    "Zl",
    "Zp",
}  # controls, signs that turn the direction of writing, half characters
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Markup(str):
    """Text that is markup already, made by `element` or written by us; it is put in as it is."""

    __slots__ = ()


def element(name: str, *children: object, **attributes: object) -> Markup:
    """Write an element. Children that are not `Markup` are text; an attribute that is none is left out.

    A name that Python has taken is written with a low line behind it, a hyphen as a low line inside.

    Example:
        >>> element("p", "a < b", element("b", "c"), class_="note", data_of=None)
        '<p class="note">a &lt; b<b>c</b></p>'
    """
    pairs = [(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None]
    written = "".join(f' {key}="{escape(shown(value), quote=True)}"' for key, value in pairs)
    if name in VOID:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*children: object) -> Markup:
    """Put markup and text behind each other, text escaped.

    Example:
        >>> joined(element("b", "a"), " & ", None, 1)
        '<b>a</b> &amp; 1'
    """
    given = (child for child in children if child is not None)
    return Markup("".join(child if isinstance(child, Markup) else escape(shown(child)) for child in given))


def shown(value: object, longest: int | None = None) -> str:
    """Write a value as text that shows all that it holds, cut to a length.

    Controls, halves of characters and signs that turn the direction of writing become a replacement character, so that
    a name looks like what it is.

    Example:
        >>> shown("one\u202etwo"), shown("a long name", 6)
        ('one�two', 'a lon…')
    """
    text = "".join(REPLACEMENT if unicodedata.category(sign) in UNSEEN else sign for sign in _lines(value))
    return text if longest is None or len(text) <= longest else f"{text[: longest - 1]}…"


def _lines(value: object) -> str:
    return str(value).replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
