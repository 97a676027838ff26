"""Write docs/submission-format.md: the text of format_page.md around tables made of the published schema.

`python -m tools.make_format_page` writes it; a test holds that it is what would be written.
"""

from pathlib import Path
from typing import Any

from tools.make_schema import ROOT, schema

Object = dict[str, Any]

PAGE_FILE = ROOT / "docs" / "submission-format.md"
FRAME = Path(__file__).with_name("format_page.md")
# The order of the page; a kind that the schema has and this has not fails the test of the page.
HEADINGS = {
    "Record": "The record",
    "Author": "Author",
    "Environment": "Environment",
    "Resource": "Resource",
    "SystemInfo": "System info",
    "Git": "Git",
    "Dataset": "Dataset",
    "Protocol": "Protocol",
    "Model": "Model",
    "Artifact": "Artifact",
    "AppliedTechnique": "Technique",
    "Metrics": "Metrics",
    "Estimate": "Estimate",
    "ShareEstimate": "Estimate of a share",
    "Samples": "Samples",
    "Packed": "Packed",
    "Improvements": "Improvements",
    "Comparison": "Comparison",
    "Certificate": "Certificate",
    "AccuracyComparison": "Accuracy comparison",
    "Attempts": "Attempts",
}


def page() -> str:
    """Give the page as it is published."""
    published = schema()
    kinds = {"Record": published} | published["$defs"]
    named = {name for name in kinds if not name.endswith("OrNull")}
    if named != set(HEADINGS):
        raise LookupError(f"HEADINGS has to name {sorted(named ^ set(HEADINGS))}, too")
    tables = "\n".join(_table(name, kinds[name], kinds) for name in HEADINGS)
    return FRAME.read_text(encoding="utf-8").replace("TABLES\n", tables + "\n")


def _table(name: str, kind: Object, kinds: Object) -> str:
    said = "" if name == "Record" else f"{kind['description']}\n\n"
    rows = [_row(member, part, kind, kinds) for member, part in kind["properties"].items()]
    return f"## {HEADINGS[name]}\n\n{said}| member | required | must be | what |\n|---|---|---|---|\n{''.join(rows)}"


def _row(member: str, part: Object, kind: Object, kinds: Object) -> str:
    required = "yes" if member in kind.get("required", ()) else _needs(member, kind)
    what = part.get("description") or kinds[_kind_of(part)]["description"]
    return f"| `{member}` | {required} | {_rule(part)} | {what} |\n"


def _needs(member: str, kind: Object) -> str:
    """Say what a member cannot stand without."""
    needed = kind.get("dependentRequired", {}).get(member, ())
    return f"needs {', '.join(f'`{name}`' for name in needed)}" if needed else ""


def _kind_of(part: Object) -> str:
    return part["$ref"].rpartition("/")[2]


def _rule(part: Object) -> str:
    if "$ref" not in part:
        items = part.get("items", {})
        inner = f"; each {_rule(items)}" if "$ref" in items else ""
        return f"{part['x-rule']}{inner}"
    heading = HEADINGS[_kind_of(part).removesuffix("OrNull")]
    nothing = ", or null" if _kind_of(part).endswith("OrNull") else ""
    return f"[{heading.lower()}](#{heading.lower().replace(' ', '-')}){nothing}"


def main() -> None:
    """Write the page."""
    PAGE_FILE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
