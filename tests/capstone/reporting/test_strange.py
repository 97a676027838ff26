"""Parts of a record that nobody holds to a form: whatever they are, a report comes out, and holds together."""

import json
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.capstone.reporting import html_report, markdown_summary, model_index_yaml
from tinytorch.capstone.reporting.charts import drawn_figures
from tinytorch.capstone.reporting.reading import Reading

GOLDEN = Path(__file__).parents[2] / "golden" / "submissions"
NAMES = ("finalists", "recipe", "compression", "speed", "to_eager", "speedup", "low", "test", "beside", "difference")
MORE = ("value", "accuracy", "format", "ops", "layer", "forward_ns", "layers", "arguments", "in_features", "bias")
WORDS = st.sampled_from((*NAMES, *MORE, "Linear", "Sequential", "tinytorch.profile.v1", "<b>"))
LEAVES = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9) | WORDS
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4))


@cache
def golden(name):
    """Give a submission that is kept as it was written."""
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_submission_that_was_ever_written_has_a_report(path):
    """A page, a summary and a block for a model card, of each version."""
    document = golden(path.name)
    assert html_report(document).startswith("<!doctype html>")
    assert markdown_summary(document).startswith("**")
    assert model_index_yaml(document).startswith("---")


@given(search=ANYTHING, profile=ANYTHING, architecture=ANYTHING)
@settings(deadline=None, max_examples=60)
def test_a_strange_extension_is_passed_over(search, profile, architecture):
    """Anyone may write there: figures are drawn of what is as expected, at both widths."""
    document = golden("by-hand.v2.json")
    baseline = document["baseline"] | {"architecture": architecture if isinstance(architecture, dict) else None}
    changes = {"baseline": baseline, "extensions": {"search": search, "profile": {"baseline": profile}}}
    for figure in drawn_figures(Reading(document | changes)).values():
        assert figure.draw(320.0).marks
        assert figure.draw(760.0).marks
        assert all(len(row) == len(figure.columns) for row in figure.rows)


class Tags(HTMLParser):
    """Lists the elements of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)


@given(text=st.text(min_size=1, max_size=40))
@settings(deadline=None, max_examples=30)
def test_any_name_is_text(text):
    """No name opens an element, or closes one: a page of another name has the same elements."""
    document = golden("by-hand.v2.json")
    pages = [html_report(document | {"baseline": document["baseline"] | {"model_name": name}}) for name in (text, "x")]
    assert Tags(pages[0]).tags == Tags(pages[1]).tags
