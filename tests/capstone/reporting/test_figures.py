"""The figures: each is a valid drawing, says what it shows, and has its numbers beside it."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from capstone.reporting.settling import settled
from tinytorch.capstone.record import pack_integers
from tinytorch.capstone.reporting import figures, pictures
from tinytorch.capstone.reporting.charts import FIGURES, drawn_figures
from tinytorch.capstone.reporting.drawing import Dot, Label, Line, Scale
from tinytorch.capstone.reporting.drawing.palette import DARK, FILLS, LIGHT, PARTS, STROKES
from tinytorch.capstone.reporting.drawing.scene import width_of
from tinytorch.capstone.reporting.layers import attribution_of
from tinytorch.capstone.reporting.reading import read

WIDTHS = (320.0, 760.0)


def test_a_whole_submission_has_every_figure_as_svg_and_png(hostile, folder):
    """The SVG is XML of drawings only, whatever the submission says; the PNG is one."""
    drawn, painted = figures(hostile, folder), pictures(hostile, folder)
    assert set(drawn) == set(painted) == set(FIGURES)
    for text in drawn.values():
        tags = {one.tag.rpartition("}")[2] for one in ET.fromstring(text).iter()}  # noqa: S314  our own
        assert tags <= {"svg", "style", "path", "rect", "circle", "text"}
    assert {picture[:8] for picture in painted.values()} == {b"\x89PNG\r\n\x1a\n"}


def test_one_model_has_no_figure_that_compares(alone, folder):
    """Its latencies, its accuracy and its layers are drawn."""
    assert set(drawn_figures(read(alone, folder))) == {"latency", "accuracy", "layers"}


def test_a_submission_by_hand_has_what_six_numbers_give(by_hand):
    """No distribution, no sessions; accuracies without an interval are not drawn as one."""
    assert set(drawn_figures(read(by_hand))) == {"tradeoff"}


@pytest.mark.parametrize("width", WIDTHS)
def test_marks_stay_inside_and_labels_apart(width, whole, folder):
    """At the width of a phone and of a page: no label leaves the drawing or lies over another one."""
    for figure in drawn_figures(read(whole, folder)).values():
        scene = figure.draw(width)
        boxes = [box_of(mark) for mark in scene.marks if isinstance(mark, Label)]
        assert all(left >= -2 and right <= width + 2 for left, right, _, _ in boxes), figure.name
        clashes = [(a, b) for n, a in enumerate(boxes) for b in boxes[:n] if overlap(a, b)]
        assert clashes == [], figure.name
        places = [point for mark in scene.marks if isinstance(mark, Line) for point in mark.points]
        assert all(-1 <= x <= width + 1 and -1 <= y <= scene.height + 1 for x, y in places)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("name", "unit"), [("latency", "µs"), ("speedup", "×"), ("accuracy", " %"), ("tradeoff", "×")])
def test_every_axis_has_ticks_at_every_width(name, unit, width, whole):
    """A reader can tell a value from a place: at least two ticks in the unit of the axis."""
    scene = drawn_figures(read(whole))[name].draw(width)
    ticks = [
        mark for mark in scene.marks if isinstance(mark, Label) and mark.text.endswith(unit) and mark.part == "muted"
    ]
    assert len({mark.text for mark in ticks}) >= 2


def box_of(label):
    """Estimate the box of a label."""
    width = width_of(label.text, label.size)
    left = label.x - {"start": 0, "middle": width / 2, "end": width}[label.anchor]
    return left, left + width, label.y - 0.8 * label.size, label.y + 0.2 * label.size


def overlap(a, b):
    """Say whether two boxes do."""
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def test_the_tail_reaches_the_longest_call(whole):
    """One call in a thousand is on the drawing: the last point is the longest."""
    figure = drawn_figures(read(whole))["latency"]
    row = next(row for row in figure.rows if row[0] == "large")
    assert row[1] == "1,200"
    assert re.match(r"[45]\d\.\d µs", row[-1])


def test_ten_thousand_calls_are_drawn_with_a_bounded_number_of_points(whole):
    """So that a page stays small whatever a record holds."""
    rng = np.random.default_rng(0)
    whole["optimized"]["samples"]["latency_nanoseconds"] = pack_integers(rng.integers(1, 10**9, 50_000))
    scene = drawn_figures(read(settled(whole)))["latency"].draw(760.0)
    assert max(len(mark.points) for mark in scene.marks if isinstance(mark, Line)) <= 300


def test_a_session_has_its_median_where_it_lies(whole):
    """Dots are the medians of sessions: on the scale, between the ends of the field."""
    figure = drawn_figures(read(whole))["speedup"]
    sessions = len(whole["comparison"]["log_ratios"])
    dots = [mark for mark in figure.draw(760.0).marks if isinstance(mark, Dot)]
    assert len(dots) == sessions + 2
    assert [row[0] for row in figure.rows[sessions:]] == ["All, with interval", "Two copies of the baseline"]


def test_the_search_is_drawn_where_the_record_holds_it(whole):
    """With the chosen one marked; what is not as a search writes it is passed over."""
    names = [row[0] for row in drawn_figures(read(whole))["tradeoff"].rows]
    assert names == ["large", "units 25 %", "int8"]
    for nonsense in (
        7,
        {"finalists": 3},
        {"finalists": [{}, None, {"speed": 1}]},
        {"finalists": [{"compression": -1}]},
    ):
        whole["extensions"]["search"] = nonsense
        assert [row[0] for row in drawn_figures(read(whole))["tradeoff"].rows] == ["large", "small"]


def test_layers_come_from_the_file_whose_hash_is_the_recorded_one(whole, folder):
    """Bytes as stored and parameters, layer by layer."""
    reading = read(whole, folder)
    found = attribution_of(reading, reading.baseline)
    assert [(layer.name, layer.kind, layer.parameters, layer.stored_bytes) for layer in found.layers] == [
        ("layers.0", "Linear", 2080, 8320),
        ("layers.2", "Linear", 330, 1320),
    ]
    assert [layer.seconds for layer in found.layers] == [1e-6, 3e-6]
    assert "whose hash is the recorded one" in found.source


@pytest.mark.parametrize("harm", ["changed", "gone", "elsewhere", "headless"])
def test_another_file_is_not_taken_for_the_model(harm, whole, folder):
    """The layers are then those of the architecture, and the page says why."""
    file = folder / "baseline.safetensors"
    content = file.read_bytes()
    if harm == "changed":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    if harm == "gone":
        file.unlink()
    if harm == "elsewhere":
        whole["baseline"]["artifact"]["path"] = "deep/baseline.safetensors"
        (folder / "deep").symlink_to("/", target_is_directory=True)
    if harm == "headless":
        import hashlib

        file.write_bytes(b"\xff" * len(content))
        whole["baseline"]["artifact"]["sha256"] = hashlib.sha256(b"\xff" * len(content)).hexdigest()
    reading = read(whole, folder)
    found = attribution_of(reading, reading.baseline)
    assert [(layer.parameters, layer.stored_bytes) for layer in found.layers] == [(2080, None), (330, None)]
    assert "the architecture in the record" in found.source


def test_an_architecture_from_anyone_is_only_read(whole):
    """Nothing is built from it: sizes beyond all memory, and nonsense, do no harm."""
    huge = {"layer": "Linear", "arguments": {"in_features": 10**12, "out_features": 10**12, "bias": True}}
    nonsense = [{"layer": "Linear"}, {"layer": "Conv2d", "arguments": {"kernel_size": "x"}}, 5, {"layer": [1]}]
    whole["baseline"]["architecture"] = {"layer": "Sequential", "layers": [huge, *nonsense]}
    reading = read(whole)
    assert attribution_of(reading, reading.baseline).layers[0].parameters == (10**12 + 1) * 10**12


def test_ticks_are_round_and_keep_their_distance():
    """As many as there is room for, on both kinds of scale."""
    assert Scale(1, 100, 0, 300, is_log=True).ticks(40) == [1, 2, 5, 10, 20, 50, 100]
    assert Scale(1, 100, 0, 300, is_log=True).ticks(100) == [1, 10, 100]
    assert Scale(0, 1, 0, 300).ticks(60) == [0, 0.5, 1]
    assert len(Scale(0.99, 1.02, 0, 300, is_log=True).ticks(60)) >= 3
    assert len(Scale(1, 2, 0, 10).ticks(60)) == len(Scale(3, 8, 0, 10, is_log=True).ticks(60)) == 1


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0], [5e-9, 5e-9], [0.0], [-3.0, -3.0]])
def test_a_scale_of_one_value_has_room_around_it(values):
    """No range of nothing is divided by."""
    for is_log in {False, min(values) > 0}:
        scale = Scale.around(values, 0, 100, is_log=is_log)
        assert scale(values[0]) == pytest.approx(50, abs=1)


def luminance(colour):
    """Give the relative luminance of a colour, by WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    """Give the contrast of two colours, from 1 to 21."""
    light, dark = sorted([luminance(a), luminance(b)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_stand_out_from_the_page(colours):
    """Text at 4.5 : 1 on the page and on panels, the marks of both models at 3 : 1."""
    for text in ("ink", "muted", "accent", "warn"):
        for ground in ("page", "panel", "base-soft", "accent-soft"):
            if ground in {"page", "panel"} or text == "ink":
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["accent"], colours["page"]) >= 3
    assert contrast(colours["base"], colours["page"]) >= 3


def test_every_part_has_a_colour_in_both():
    """A mark without a colour would not be seen."""
    assert set(PARTS) <= set(LIGHT)
    assert set(LIGHT) == set(DARK)
    assert set(STROKES) == set(FILLS) == set(PARTS)
