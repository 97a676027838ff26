"""What the documents list is what there is."""

import json
import re
from pathlib import Path

import pytest

from tinytorch.benchmarking import METRICS, SCENARIOS
from tinytorch.capstone.rules import RULES
from tinytorch.capstone.rules.artifacts import ARTIFACT_RULES
from tinytorch.capstone.structure import SCHEMA_FILE
from tinytorch.perf import TECHNIQUES
from tinytorch.perf.acceleration import TWINS

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = (DOCS / "submission-format-1.md").read_text(encoding="utf-8")
SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


def listed(heading):
    """Name what stands in the first column of the table under a heading."""
    table = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_field_of_the_record_is_documented():
    """The page and the schema name the same fields."""
    assert listed("The record") == set(SCHEMA["properties"])


def test_every_metric_is_documented():
    """The page and the schema name the same metrics."""
    assert listed("The metrics") == set(SCHEMA["$defs"]["metrics"]["properties"])


def test_every_field_of_a_comparison_is_documented():
    """The page and the schema name the same fields."""
    assert set(SCHEMA["properties"]["comparison"]["properties"]) <= listed("The comparison")


def test_every_technique_is_documented_with_its_claim():
    """In the words of the record itself."""
    page = (DOCS / "compression.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \| (.+) \|$", page, re.MULTILINE)
    assert dict(rows) == {technique.name: technique.claim for technique in TECHNIQUES.values()}


def test_every_compiled_twin_is_documented():
    """The page on acceleration has a row for each."""
    page = (DOCS / "acceleration.md").read_text(encoding="utf-8")
    rows = page.partition("\n## The twins\n")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == set(TWINS)


def test_every_metric_and_scenario_is_explained():
    """The page on measuring has a row for each."""
    page = (DOCS / "measuring.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert set(METRICS) | set(SCENARIOS) <= rows


@pytest.mark.parametrize(
    ("heading", "rules"),
    [
        ("The rules of version 2", RULES[2]),
        ("The files", ARTIFACT_RULES),
        ("The rules of version 1", RULES[1]),
    ],
)
def test_every_rule_of_the_validator_is_documented_in_its_own_words(heading, rules):
    """The page lists them in the order in which they run."""
    section = (
        (DOCS / "validating.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    )
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    assert rows == [(rule.__name__, " ".join(rule.__doc__.split())) for rule in rules]
