"""The top of the page: the verdict in one sentence, what it rests on, and the figures that matter most."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tinytorch.capstone.reporting.markup import Markup, element, joined
from tinytorch.capstone.reporting.reading import Reading
from tinytorch.capstone.reporting.rows import ROWS
from tinytorch.capstone.reporting.sentences import basis_sentence, headline
from tinytorch.capstone.reporting.texts import plain_ratio, points_text, prose, ratio_text

__all__ = ["head_of"]

Key = tuple[str, str, str]  # what, how much, and what bounds it
BEGIN, END = "\ue000", "\ue001"  # signs for private use: no name that is shown has any
NAME = re.compile(f"{BEGIN}([^{END}]*){END}")
SHORT = 22  # letters, in the heading of a narrow page
EXACTLY = {"Size as stored": "exactly"}
ALONE = {"latency_p50_seconds", "accuracy", "stored_bytes", "throughput_single_samples_per_second"}


def head_of(reading: Reading) -> Markup:
    """Write the top of the page."""
    outcome = None if reading.verdict is None else str(reading.verdict.outcome)
    badge = None if outcome is None else joined(": ", element("span", outcome, class_=f"outcome {outcome}"))
    keys = [_key(number, key) for number, key in enumerate(_keys(reading))]
    return joined(
        element("p", "What was measured", badge, class_="kind"),
        element("h1", *_headline(reading)),
        element("p", prose(basis_sentence(reading)), class_="lede"),
        element("dl", *keys, class_="keys"),
    )


def _headline(reading: Reading) -> list[object]:
    """Write the verdict with the names of models on one line, where a phone has room for them."""
    pieces: list[object] = list(NAME.split(prose(headline(reading, _marked))))
    pieces[1::2] = [element("span", name, class_="name" if len(str(name)) <= SHORT else None) for name in pieces[1::2]]
    return pieces


def _marked(name: str) -> str:
    return f"{BEGIN}{name}{END}"


def _key(number: int, key: Key) -> Markup:
    name, value, bounds = key
    main = "main" if number == 0 else None
    return element(
        "div", element("dt", name), element("dd", value, class_=main), element("dd", bounds) if bounds else None
    )


def _keys(reading: Reading) -> Sequence[Key]:
    if reading.optimized is None:
        cells = [(row.label, row.cell(reading.baseline)) for row in ROWS if row.metric in ALONE]
        return [(label, cell.value, cell.interval or EXACTLY.get(label, "")) for label, cell in cells]
    return [_speed(reading), _size(reading), _accuracy(reading), _latency(reading)]


def _speed(reading: Reading) -> Key:
    verdict = reading.verdict
    if verdict is None:
        return "Speed-up, unpaired", ratio_text(reading.document["improvements"]["speedup"]), "no interval"
    low, high = verdict.ratio.low, verdict.ratio.high
    bounds = "not bounded" if low is None or high is None else f"{plain_ratio(low)} – {plain_ratio(high)}, at 95 %"
    return "Speed-up", ratio_text(verdict.ratio.value), bounds


def _size(reading: Reading) -> Key:
    before, after = (model.value("stored_bytes") for model in reading.models)
    row = next(row for row in ROWS if row.metric == "stored_bytes")
    return (
        "Times smaller",
        ratio_text(reading.document["improvements"]["compression_ratio"]),
        (f"{row.text(before)} → {row.text(after)}"),
    )


def _accuracy(reading: Reading) -> Key:
    found, delta = reading.part("accuracy_comparison"), reading.document["improvements"]["accuracy_delta"]
    bounds = "points; no interval"
    if found:
        bounds = f"points; {points_text(found['low'])} to {points_text(found['high'])}, at 95 %"
    return "Accuracy gained", points_text(delta), bounds


def _latency(reading: Reading) -> Key:
    row = next(row for row in ROWS if row.metric == "latency_p50_seconds")
    if not all(row.metric in model.metrics for model in reading.models):
        row = next(row for row in ROWS if row.metric == "latency_mean_seconds")
    before, after = (row.cell(model) for model in reading.models)
    return row.label, after.value, f"was {before.value}"
