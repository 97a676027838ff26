"""The page around the sections: what may be loaded (nothing), the style, the head, the landmarks."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from tinytorch.capstone.reporting.drawing.palette import DARK, LIGHT, rules, variables
from tinytorch.capstone.reporting.markup import Markup, element, joined, shown
from tinytorch.capstone.reporting.page.head import head_of
from tinytorch.capstone.reporting.page.part import Part
from tinytorch.capstone.reporting.page.sections import SECTIONS
from tinytorch.capstone.reporting.reading import Reading

__all__ = ["page"]

LONGEST = 80
SHEET = Path(__file__).with_name("report.css")


def page(part: Part) -> str:
    """Write the page of a submission."""
    reading = part.reading
    sections = [(section, section.write(part)) for section in SECTIONS]
    links = [element("li", element("a", one.short, href=f"#{one.name}")) for one, content in sections if content]
    body = joined(
        element("a", "Skip to the report", class_="skip", href="#report"),
        element("header", head_of(reading)),
        element("nav", element("ul", *links), aria_label="On this page"),
        element("main", *(_section(one.name, one.title, content) for one, content in sections if content), id="report"),
        element("footer", _foot(reading)),
    )
    title = f"{reading.subject.name}: what was measured"
    return f'<!doctype html>\n<html lang="en">\n<head>{_head(title)}</head>\n<body>\n{body}\n</body>\n</html>\n'


def _section(name: str, title: str, content: Markup) -> Markup:
    heading = element("h2", title, id=name)
    return joined(Markup("\n"), element("section", heading, content, aria_labelledby=name))


def _head(title: str) -> Markup:
    sheet = _sheet()
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return joined(
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="color-scheme", content="light dark"),
        element("meta", name_="referrer", content="no-referrer"),
        element("title", title),
        element("style", Markup(sheet)),
    )


def _sheet() -> str:
    """Put the colours before the rules; paper is light."""
    light, dark = variables(LIGHT), variables(DARK)
    colours = (
        f":root{{color-scheme:light dark;{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    )
    return f"{colours}{rules()}{SHEET.read_text(encoding='utf-8')}"


def _foot(reading: Reading) -> Markup:
    version, moment = reading.document["tinytorch_version"], reading.document["timestamp"]
    author = reading.part("author").get("name")
    by = f" by {shown(author, LONGEST)}" if author else ""
    made = f"Measured by TinyTorch {shown(version, LONGEST)}; recorded{by} at {moment}."
    return element("p", f"{made} Everything here follows from the record.")
