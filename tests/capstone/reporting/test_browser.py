"""The page in a real browser: nothing is asked for, nothing overflows, colours follow the reader, keys reach all."""

import shutil
from contextlib import contextmanager

import pytest

from tinytorch.capstone.reporting import html_report
from tinytorch.capstone.reporting.drawing.palette import DARK, LIGHT

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

WIDTHS = (360, 768, 1280)
SMALLEST = 10.5  # pixels of a label on a phone
VARIANTS = ("whole", "alone", "by_hand", "hostile")

CONTRASTS = """() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const luminance = rgb => {
    const [r, g, b] = rgb.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = element => {
    for (let one = element; one; one = one.parentElement) {
      const found = parse(getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const ink = parse(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
    const [a, b] = [luminance(ink), luminance(ground(element))].sort((x, y) => y - x);
    found.push([(a + .05) / (b + .05), element.tagName, element.textContent.slice(0, 40)]);
  }
  return found;
}"""
LABELS = """() => [...document.querySelectorAll("svg text")].filter(one => one.getClientRects().length).map(one => {
  const box = one.getBoundingClientRect();
  const scale = one.ownerSVGElement.getBoundingClientRect().width / one.ownerSVGElement.viewBox.baseVal.width;
  const figure = [...document.querySelectorAll("figure")].indexOf(one.closest("figure"));
  return {text: one.textContent, figure, size: parseFloat(getComputedStyle(one).fontSize) * scale,
    left: box.left, right: box.right, top: box.top, bottom: box.bottom};
})"""


@pytest.fixture(scope="module")
def browser():
    """Give a browser without a window."""
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser, folder, request):
    """Give a function that opens a submission's page, and tells what was asked for and complained about."""

    @contextmanager
    def open_(variant, width=1280, scheme="light"):
        file = folder / f"{variant}.html"
        file.write_text(html_report(request.getfixturevalue(variant), folder), encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page = context.new_page()
        page.asked, page.told = [], []
        page.on("request", lambda asked: page.asked.append(asked.url))
        page.on("console", lambda told: page.told.append(told.text))
        page.on("pageerror", lambda error: page.told.append(str(error)))
        page.goto(file.as_uri())
        try:
            yield page
        finally:
            context.close()

    return open_


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_is_asked_for_and_nothing_runs(variant, opened):
    """One request, for the page itself; no complaint; no code of the submission."""
    with opened(variant) as page:
        assert (len(page.asked), page.told) == (1, [])
        assert page.evaluate("typeof window.pwned") == "undefined"
        assert page.evaluate("document.scripts.length") == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_width_scrolls_sideways(variant, opened):
    """From a phone to a wide window, with all details open."""
    with opened(variant) as page:
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(scheme, opened):
    """At 4.5 : 1, as the browser computed both colours; the page is of the reader's scheme."""
    with opened("whole", scheme=scheme) as page:
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        found = page.evaluate(CONTRASTS)
        assert len(found) > 100
        assert [one for one in found if one[0] < 4.5] == []
        colour = (DARK if scheme == "dark" else LIGHT)["page"]
        expected = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor") == f"rgb({', '.join(map(str, expected))})"
        )


def test_labels_of_figures_are_large_enough_and_apart(opened):
    """No label lies over another one or outside the page, and none is tiny on a phone."""
    with opened("whole") as page:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            labels = page.evaluate(LABELS)
            assert len(labels) > 50
            assert [one["text"] for one in labels if one["size"] < SMALLEST] == []
            assert [one["text"] for one in labels if one["left"] < 0 or one["right"] > width] == []
            assert [(a["text"], b["text"]) for n, a in enumerate(labels) for b in labels[:n] if over(a, b)] == []


def over(a, b):
    """Say whether two labels of one figure share more than a rounding."""
    across = min(a["right"], b["right"]) - max(a["left"], b["left"])
    down = min(a["bottom"], b["bottom"]) - max(a["top"], b["top"])
    return a["figure"] == b["figure"] and across > 1 and down > 3  # a box of text has air above and below its letters


def test_every_figure_is_read_out_once(opened):
    """A page shows one drawing of each figure; the other one is not there for a screen reader either."""
    with opened("whole") as page:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.get_by_role("img").count() == page.locator("figure").count() == 5


def test_tables_stay_tables_on_a_phone(opened):
    """Their rows and heads are named to a screen reader, though they are laid out as blocks."""
    with opened("whole", 360) as page:
        metrics = page.get_by_role("table").first
        assert metrics.get_by_role("row").count() == 13
        assert metrics.get_by_role("columnheader").count() == 4
        assert metrics.get_by_role("rowheader").first.inner_text() == "Accuracy"


def test_keys_reach_the_links_and_open_the_numbers(opened):
    """The first key leads past the links; Enter opens what a figure was drawn from; the focus is seen."""
    with opened("whole") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("details").first.get_attribute("open") is not None


def test_paper_is_light_and_has_all_numbers(opened):
    """Whatever the reader's scheme; the list of links is left out."""
    with opened("whole", scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.locator("nav").is_visible()
        assert page.locator("details table").first.is_visible()


def test_who_wants_no_motion_gets_none(opened):
    """Jumps are not scrolled."""
    with opened("whole") as page:
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
