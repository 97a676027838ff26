"""The page and the picture: where frames lie, and what a reader of any kind gets."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from contracts.checks import listed_ops
from tinytorch.core.layers import Sequential
from tinytorch.core.spatial import LeNet
from tinytorch.perf.profiling import profile
from tinytorch.perf.profiling.flame import flame_html
from tinytorch.perf.profiling.frames import FAMILIES, Frame, frames_of
from tinytorch.perf.profiling.pictures import picture
from tinytorch.perf.profiling.roofline_chart import Axes, roofline_points

VOID = {"meta", "line", "circle", "br"}


class Page(HTMLParser):
    """Reads a page: which elements there are, and whether they are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.faults = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID - {"line", "circle"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def of(self, tag, kind=""):
        """Give the attributes of elements, of a class if one is named."""
        return [attrs for name, attrs in self.elements if name == tag and kind in (attrs.get("class") or "")]


@pytest.fixture
def waits(conditions, make_waiting_layer):
    """Give the profile of two layers of 100 and 300 ns."""
    model = Sequential(make_waiting_layer(100), make_waiting_layer(300))
    return profile(model, np.ones(2), conditions=conditions)


@pytest.fixture
def lenet(conditions):
    """Give the profile of a network with layers in layers; on a clock that stands still all ops take 1 ns."""
    return profile(LeNet(), np.zeros((1, 1, 28, 28)), conditions=conditions)


def test_frames_lie_over_each_other_from_the_left(waits):
    """The model, its layers, their ops; widths are medians."""
    places = [(frame.name, frame.left, frame.width, frame.depth) for frame in frames_of(waits)]
    assert places == [
        ("Sequential", 0, 400, 0),
        ("layers.0 Waits", 0, 100, 1),
        ("layers.1 Waits", 100, 300, 1),
        ("waits", 0, 100, 2),
        ("waits", 100, 300, 2),
    ]
    assert [frame.width for frame in frames_of(waits, backward=True)] == [1200, 300, 900, 300, 900]


def test_a_function_is_the_root_of_its_layers(conditions, make_waiting_layer):
    """Also where there is no layer around the others, or none at all."""
    layer = make_waiting_layer(100)
    found = frames_of(profile(lambda x: layer(x) * 1, np.ones(2), name="twice", conditions=conditions))
    assert [(frame.name, frame.depth) for frame in found] == [("twice", 0), ("0 Waits", 1), ("waits", 2), ("mul", 1)]
    alone = frames_of(profile(lambda x: x * 1, np.ones(2), name="once", conditions=conditions))
    assert [(frame.name, frame.depth) for frame in alone] == [("once", 0), ("mul", 1)]


def test_families_name_ops_that_there_are():
    """Each once."""
    named = [op for ops in FAMILIES.values() for op in ops]
    assert (len(named), set(named) - {*listed_ops(), "int8_linear"}) == (len(set(named)), set())


def test_the_page_is_well_formed_and_asks_for_nothing(lenet):
    """No address in it, and a policy that forbids all loading."""
    text = flame_html(lenet)
    page = Page(text)
    assert (page.faults, page.open) == ([], [])
    assert re.findall(r"https?:|//[a-z]|url\(|@import|<link|\bsrc=", text) == []
    (policy,) = [meta["content"] for meta in page.of("meta") if meta.get("http-equiv")]
    assert policy.startswith("default-src 'none'")
    assert "<!--" not in text.replace("<!doctype", "")


def test_a_page_that_is_not_well_formed_is_found():
    """The check above can fail."""
    assert Page("<p><b></p>").faults == ["p"]


def test_every_box_and_every_picture_has_a_name(lenet):
    """For those who hear the page: buttons, groups, images, tables."""
    page = Page(flame_html(lenet))
    frames = page.of("button", "frame")
    assert len(frames) == 2 * len(frames_of(lenet))
    assert all(re.search(r", 1?\d* ?ns|ns, ", frame["aria-label"]) for frame in frames)
    assert [image["aria-label"] for image in page.of("svg")] != []
    assert page.of("html")[0]["lang"] == "en"
    assert all(head["scope"] in {"col", "row"} for head in page.of("th"))
    assert "conv2d" in next(frame["aria-label"] for frame in frames if "features.layers.0: " in frame["aria-label"])


def test_names_are_shown_as_text(conditions, make_waiting_layer):
    """A model's name is no markup."""
    found = profile(Sequential(make_waiting_layer(9)), np.ones(2), name='<script>"x"', conditions=conditions)
    text = flame_html(found)
    assert ('<script>"x"' in text, "&lt;script&gt;" in text) == (False, True)


def test_the_page_fits_a_phone_and_the_dark(lenet):
    """A viewport, both schemes, and a table that scrolls by itself."""
    text = flame_html(lenet)
    assert "width=device-width" in text
    assert "prefers-color-scheme: dark" in text
    assert Page(text).of("div", "scroll")[0]["tabindex"] == "0"


def luminance(colour):
    """Give the relative luminance of #rrggbb or #rgb."""
    digits = colour.lstrip("#")
    digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    """Give the ratio of two colours, as WCAG 2 defines it."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_text_can_be_read_on_every_colour_in_both_schemes(lenet):
    """4.5 to 1 at least."""
    blocks = re.findall(r":root \{(.*?)\}", flame_html(lenet), re.DOTALL)
    schemes = [dict(re.findall(r"--(\w+): (#[0-9a-f]+)", block)) for block in blocks]
    assert len(schemes) == 2
    for scheme in schemes:
        for name in ("page", "layer", "elementwise", *FAMILIES):
            assert contrast(scheme[name], scheme["text"]) >= 4.5, name
        assert contrast(scheme["muted"], scheme["page"]) >= 4.5


def test_points_lie_below_the_roofs_of_their_axes(lenet):
    """Every op that does arithmetic is one, inside the picture."""
    axes = Axes.around(lenet)
    points = roofline_points(lenet)
    assert len(points) == sum(op.cost.flops > 0 for op in lenet.ops)
    for _, _, (x, y) in points:
        assert 0 < axes.x(x) < 420
        assert 0 < axes.y(y) < 300


def test_the_picture_shows_three_things(lenet):
    """All frames, the slowest ten, and a point an op."""
    flame, slowest, roofline = picture(lenet).axes
    assert len([patch for patch in flame.patches if patch.get_width() > 0]) == len(frames_of(lenet))
    assert len(slowest.get_yticks()) == 10
    points = [line for line in roofline.lines if line.get_marker() == "o"]
    assert len(points) == len(roofline_points(lenet))


def test_a_profile_without_arithmetic_can_be_drawn(conditions):
    """A reshape has no point and no width."""
    found = profile(lambda x: x.reshape(4), np.ones((2, 2)), conditions=conditions)
    assert isinstance(frames_of(found)[0], Frame)
    assert "Roofline" in flame_html(found)
    assert len(picture(found).axes) == 3
