"""The page of milestones lists what there is."""

from pathlib import Path

import pytest

from tinytorch.capstone.milestones import LISTED

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "milestones.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("milestone", LISTED, ids=[milestone.name for milestone in LISTED])
def test_every_milestone_has_a_section_and_a_figure(milestone):
    """In the table of the last figures, beside its goal."""
    assert f"\n## {milestone.name} ({milestone.year})\n" in PAGE
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{milestone.name}`"))
    figure, goal = (cell.strip() for cell in row.split("|")[3:5])
    threshold = milestone.goal.threshold
    assert figure
    assert goal == (f"≥ {100 * threshold:.0f} %" if milestone.goal.better == "more" else f"≤ {threshold}")


def test_the_page_lists_no_other():
    """Nothing is described that is not there."""
    headings = [line for line in PAGE.splitlines() if line.startswith("## ") and line.endswith(")")]
    assert len(headings) == len(LISTED)
