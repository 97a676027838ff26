"""The page: what it says, that nothing in a submission can change what it is, and that it holds together."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from capstone.reporting.settling import settled
from tinytorch.capstone.reporting import html_report
from tinytorch.capstone.reporting.markup import VOID, Markup, element, joined
from tinytorch.errors import SubmissionError

VARIANTS = ("whole", "alone", "without_verdict", "compared", "by_hand", "hostile")
LAYOUT = {"div", "span", "header", "main", "nav", "footer", "section", "figure", "figcaption", "details", "summary"}
TEXT = {"h1", "h2", "h3", "p", "ul", "li", "a", "code", "pre", "small", "dl", "dt", "dd"}
TABLE = {"table", "caption", "thead", "tbody", "tr", "th", "td"}
HEAD = {"html", "head", "body", "meta", "title", "style"}
DRAWING = {"svg", "path", "rect", "circle", "text"}


class Page(HTMLParser):
    """Reads a page: its elements with their texts, and whether they are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.faults = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        if not self.open or self.open.pop()[0] != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        for one in self.open:
            one[2] += data

    def of(self, *tags):
        """Give the elements of some kinds, in order."""
        return [one for one in self.elements if one[0] in tags]


@pytest.fixture
def page_of(request, folder):
    """Give a function that reads the page of a submission, by its fixture's name or itself."""

    def of(submission):
        document = request.getfixturevalue(submission) if isinstance(submission, str) else submission
        return Page(html_report(document, folder))

    return of


def words(page):
    """Give what a page says, with plain spaces."""
    return " ".join(page.of("body")[0][2].split())


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_element_is_closed_in_order_and_of_a_known_kind(variant, page_of):
    """Whatever the submission holds, the page has no script, no link out and no image."""
    page = page_of(variant)
    assert page.faults == []
    assert page.open == []
    assert {tag for tag, _, _ in page.elements} <= LAYOUT | TEXT | TABLE | HEAD | DRAWING
    assert [attrs["href"] for _, attrs, _ in page.elements if "href" in attrs and attrs["href"][0] != "#"] == []
    assert not any(name.startswith("on") or name in {"src", "style"} for _, attrs, _ in page.elements for name in attrs)


def test_the_verdict_is_the_first_heading(page_of):
    """In one sentence, with the speed-up, the size and what the answers can show."""
    page = page_of("whole")
    first, *others = page.of("h1")
    assert others == []
    assert first[2].replace("\u00a0", " ") == (
        "small is 2.00 times as fast as large, 1.98 times smaller, and 1.00 points less accurate; a loss of more than "
        "2 points is not ruled out."
    )


OUTCOMES = [
    ([0.5, 0.51, 0.49], 0.02, "small is 1.65 times as fast as large"),
    ([-0.5, -0.51, -0.49], 0.02, "small is slower than large: 0.607 times as fast"),
    ([0.001, -0.001, 0.0], 0.02, "small is as fast as large, within 2 %"),
    ([0.3, -0.31, 0.02], 0.02, "small and large cannot be told apart in speed yet"),
]


@pytest.mark.parametrize(("rounds", "margin", "said"), OUTCOMES)
def test_each_outcome_is_said_in_its_own_words(rounds, margin, said, whole, page_of):
    """Faster, slower, equivalent, and not decided."""
    sessions = [[value + place / 1e4 for value in rounds] for place in range(6)]
    comparison = {"log_ratios": sessions, "margin": margin, "certificate": None}
    page = page_of(settled(whole | {"comparison": comparison}))
    assert page.of("h1")[0][2].replace("\u00a0", " ").startswith(said)


def test_a_difference_within_what_two_copies_make_is_doubted_at_once(whole, page_of):
    """The sentence says so, and the instrument's section again."""
    sessions = [[0.03 + place / 1e4] * 4 for place in range(6)]
    null = [[0.04], [-0.06], [0.05], [0.01]]
    comparison = {"log_ratios": sessions, "margin": 0.02, "certificate": {"log_ratios": null, "worker_kind": "process"}}
    page = page_of(settled(whole | {"comparison": comparison}))
    assert "two copies of one model may differ as much here" in page.of("h1")[0][2]
    assert "see it a second time before you rely on it" in words(page)


def test_without_a_comparison_nothing_is_called_a_verdict(page_of):
    """The ratio of two means has no interval, and the page says so."""
    page = page_of("without_verdict")
    assert "seems" in page.of("h1")[0][2]
    assert "has no interval, and no verdict" in words(page)
    assert "not compared side by side" in words(page)


def test_one_model_alone_has_its_own_sentence(page_of):
    """And no column for a change."""
    page = page_of("alone")
    assert "large answers a sample in" in page.of("h1")[0][2]
    assert "Change" not in words(page)
    assert "How the model was made" not in words(page)


def test_what_is_not_recorded_is_said(page_of):
    """Attempts, layers, single answers, raw calls: a reader is not left to guess."""
    said = words(page_of("by_hand"))
    for missing in (
        "How many attempts came before this one is not recorded",
        "What each layer holds or takes is not recorded",
        "The answers to single questions were not kept",
        "No single calls were recorded",
    ):
        assert missing in said


def test_everything_recorded_is_shown(page_of):
    """Techniques with their claims, attempts with their price, the machine, the data, the command, the hashes."""
    said = words(page_of("whole"))
    for part in (
        "Hidden units are gone.",
        '{"amount": 0.75}',
        "Try 4 of the campaign of a test, 1 before it aborted: the best of 4 tries of the very same thing would",
        "ab" * 32,
        "of-a-test",
        "tinytorch run --seed 7",
        "Timed in turns.",
        "the same instrument compared the baseline with a copy of itself",
        "only the baseline got right",
        "whose hash is the recorded one",
    ):
        assert part in said


def test_numbers_stand_with_their_intervals(page_of):
    """Each cell of an estimate has the interval below it."""
    cells = {one[2] for one in page_of("whole").of("small")}
    assert len([cell for cell in cells if "–" in cell]) >= 8


@pytest.mark.parametrize("variant", VARIANTS)
def test_headings_go_down_one_step_at_a_time_and_landmarks_are_there(variant, page_of):
    """One h1, sections named by their headings, one each of header, nav, main and footer."""
    page = page_of(variant)
    levels = [int(tag[1]) for tag, _, _ in page.of("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert [len(page.of(tag)) for tag in ("header", "nav", "main", "footer")] == [1, 1, 1, 1]
    ids = {attrs["id"] for _, attrs, _ in page.elements if "id" in attrs}
    assert {attrs["aria-labelledby"] for _, attrs, _ in page.of("section")} <= ids
    assert {attrs["href"][1:] for _, attrs, _ in page.of("a")} <= ids


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_table_and_figure_can_be_read_out(variant, page_of):
    """Heads have a scope, tables a caption, drawings a name, and each figure its numbers as a table."""
    page = page_of(variant)
    assert all(attrs["scope"] in {"col", "row"} for _, attrs, _ in page.of("th"))
    assert len(page.of("caption")) == len(page.of("table"))
    assert all(attrs["role"] == "img" and len(attrs["aria-label"]) > 20 for _, attrs, _ in page.of("svg"))
    assert len(page.of("figure")) == len(page.of("details")) == len(page.of("figcaption"))


def test_the_policy_lets_in_this_style_and_nothing_else(page_of):
    """By its hash: a style that somebody smuggled in would not count, a script neither."""
    page = page_of("whole")
    policy = next(attrs["content"] for _, attrs, _ in page.of("meta") if "http-equiv" in attrs)
    style = page.of("style")[0][2]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert len(page.of("style")) == 1
    assert "url(" not in style
    assert "@import" not in style


def test_a_hostile_submission_is_shown_as_text(hostile, folder):
    """No tag of it becomes one, and signs that turn the direction of writing are replaced."""
    text = html_report(hostile, folder)
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text
    assert not re.search("[\u202e\u2028\x00-\x09\x0b-\x1f]", text)


def test_the_same_submission_gives_the_same_page(whole, folder):
    """Byte for byte: nothing of the day or the machine gets in."""
    assert html_report(whole, folder) == html_report(json.loads(json.dumps(whole)), folder)


def test_an_old_submission_gives_the_page_that_its_new_form_gives(compared):
    """But for the hash of the record."""
    from tinytorch.capstone.record import document_sha256, upgraded

    new = upgraded(compared)
    old, made = html_report(compared), html_report(new)
    assert old.replace(document_sha256(compared), "") == made.replace(document_sha256(new), "")


def test_an_invalid_submission_has_no_report(whole):
    """A wrong number on a fine page would look right."""
    whole["comparison"]["log_ratios"] = []
    with pytest.raises(SubmissionError, match="log_ratios"):
        html_report(whole)


@pytest.mark.parametrize("part", ["improvements.speedup", "comparison.low", "optimized.metrics.latency_std_seconds"])
def test_a_number_that_does_not_follow_has_no_report(part, whole):
    """Of either version: what the page shows was computed again."""
    *way, last = part.split(".")
    owner = whole
    for step in way:
        owner = owner[step]
    owner[last] *= 1.01
    with pytest.raises(SubmissionError, match=last):
        html_report(whole)


def test_no_interval_is_made_up_where_nothing_bounds_a_speed_up(whole, page_of):
    """One session: the estimate stands alone, and says so."""
    comparison = {"log_ratios": [[0.5, 0.51, 0.49]], "margin": 0.02, "certificate": None}
    said = words(page_of(settled(whole | {"comparison": comparison})))
    assert "not bounded" in said
    assert "no interval: nothing bounds it" in said


def test_markup_escapes_all_that_is_not_markup():
    """Children, attributes, numbers and none."""
    made = element("p", "<", Markup("<b>x</b>"), None, 3, title='"><', id=None)
    assert made == '<p title="&quot;&gt;&lt;">&lt;<b>x</b>3</p>'
    assert joined("a", 1, None) == "a1"
