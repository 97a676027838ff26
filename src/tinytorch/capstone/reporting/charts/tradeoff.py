"""Accuracy, latency and size at once: what was given for what; all candidates of a search, where one is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinytorch.capstone.reporting.drawing import Dot, Figure, Label, Line, Scale, Scene
from tinytorch.capstone.reporting.drawing.scene import fitted
from tinytorch.capstone.reporting.markup import shown
from tinytorch.capstone.reporting.reading import Reading
from tinytorch.capstone.reporting.texts import brief, plain_ratio, points_text, ratio_text, value_of

__all__ = ["tradeoff_figure"]

PANEL, FOOT, HEAD, LEFT, RIGHT, LEGEND = 220, 46, 30, 52, 18, 22
NARROW = 560
MOST, LONGEST = 12, 60

Ends = tuple[float, float | None, float | None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model in the space of three.

    Attributes:
        name: What it is called.
        speed: Times as fast as the baseline, with its interval.
        smaller: Times smaller than the baseline.
        gained: Accuracy gained, as a ratio, with its interval.
        part: How it is coloured.
        is_chosen: Whether it is the one that the submission is about.
    """

    name: str
    speed: Ends
    smaller: float
    gained: Ends
    part: str = "accent"
    is_chosen: bool = False


def tradeoff_figure(reading: Reading) -> Figure | None:
    """Draw size and accuracy over speed, each beside the baseline; none where the baseline stands alone."""
    if reading.optimized is None:
        return None
    candidates = [_baseline(reading), *(_searched(reading) or [_optimized(reading)])]
    best = candidates[-1] if len(candidates) == 2 else next((one for one in candidates if one.is_chosen), candidates[1])
    summary = (
        f"{best.name}: {plain_ratio(best.speed[0])} times as fast, {plain_ratio(best.smaller)} times smaller, "
        f"{points_text(best.gained[0])} points of accuracy, beside {reading.baseline.name} at 1, 1 and 0."
    )
    columns = ("Model", "Times as fast", "95 % interval", "Times smaller", "Accuracy, points")
    rows = tuple(_row(one) for one in candidates)
    title = "What was given for what: up and to the right is better"
    return Figure("tradeoff", title, summary, lambda width: _draw(candidates, width), columns, rows)


def _row(one: Candidate) -> tuple[str, ...]:
    value, low, high = one.speed
    interval = "–" if low is None or high is None else f"{plain_ratio(low)} – {plain_ratio(high)}"
    return (one.name, ratio_text(value), interval, ratio_text(one.smaller), points_text(one.gained[0]))


def _baseline(reading: Reading) -> Candidate:
    return Candidate(reading.baseline.name, (1.0, None, None), 1.0, (0.0, None, None), "base")


def _optimized(reading: Reading) -> Candidate:
    improved, verdict = reading.document["improvements"], reading.verdict
    speed: Ends = (improved["speedup"], None, None)
    if verdict is not None:
        speed = (verdict.ratio.value, verdict.ratio.low, verdict.ratio.high)
    found = reading.part("accuracy_comparison")
    gained = (improved["accuracy_delta"], found.get("low"), found.get("high"))
    return Candidate(reading.subject.name, speed, improved["compression_ratio"], gained, is_chosen=True)


def _searched(reading: Reading) -> list[Candidate]:
    """Take the finalists of the search that the record holds, if it does; what is not as expected is passed over."""
    search = reading.extension("search")
    finalists = search.get("finalists")
    found = [_finalist(one, search) for one in (finalists if isinstance(finalists, list) else [])[:MOST]]
    return [one for one in found if one is not None]


def _finalist(one: Any, search: Mapping[str, Any]) -> Candidate | None:
    speed, smaller = _within(one, "speed", "to_eager"), _positive(_within(one, "compression"))
    ratio, beside = _positive(_within(speed, "speedup")), _within(one, "test", "beside", "difference")
    accuracy, before = _within(one, "test", "accuracy"), _within(search, "baseline", "test", "accuracy")
    values = [value_of(found) for found in (accuracy, before)]
    gained = value_of(beside)
    if gained is None and None not in values:
        gained = float(values[0] or 0) - float(values[1] or 0)
    if ratio is None or smaller is None or gained is None:
        return None
    name = shown(_within(one, "recipe"), LONGEST)
    ends = (_positive(_within(speed, "low")), _positive(_within(speed, "high")))
    is_chosen = _within(one, "recipe") == search.get("chosen")
    spread = (_number(_within(beside, "low")), _number(_within(beside, "high")))
    return Candidate(name, (ratio, *ends), smaller, (gained, *spread), "accent" if is_chosen else "muted", is_chosen)


def _within(value: Any, *way: str) -> Any:
    for step in way:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e9 else None


def _positive(value: Any) -> float | None:
    found = _number(value)
    return found if found is not None and found > 1e-9 else None


def _draw(candidates: Sequence[Candidate], width: float) -> Scene:
    is_narrow = width < NARROW
    legend = LEGEND * len(candidates) + 10
    each = width if is_narrow else (width - 24) / 2
    tall = HEAD + PANEL + FOOT
    scene = Scene(width, legend + tall * (2 if is_narrow else 1))
    _legend(scene, candidates, width)
    second = (0.0, legend + tall) if is_narrow else (each + 24, float(legend))
    _panel(scene, candidates, (0.0, float(legend)), each, is_size=True)
    _panel(scene, candidates, second, each, is_size=False)
    return scene


def _legend(scene: Scene, candidates: Sequence[Candidate], width: float) -> None:
    for number, one in enumerate(candidates):
        y = 14 + LEGEND * number
        _marker(scene, 9, y - 4, number, one)
        scene.add(Label(26, y, fitted(one.name, width - 30), is_bold=one.is_chosen))


def _marker(scene: Scene, x: float, y: float, number: int, one: Candidate) -> None:
    if number == 0 or (one.is_chosen and number == 1):
        scene.add(Dot(x, y, 6, one.part))
        return
    scene.add(Dot(x, y, 8, "base-soft"), Dot(x, y, 8, one.part, is_hollow=True))
    scene.add(Label(x, y + 4, str(number), "ink", "middle", 11))


def _panel(
    scene: Scene, candidates: Sequence[Candidate], corner: tuple[float, float], width: float, *, is_size: bool
) -> None:
    left, top = corner
    across = _speeds(candidates, left + LEFT, left + width - RIGHT)
    up = _heights(candidates, top + HEAD + PANEL, top + HEAD, is_size=is_size)
    bottom = top + HEAD + PANEL
    scene.add(Label(left, top + 14, "times smaller" if is_size else "points of accuracy gained", "muted"))
    scene.add(*across.across(bottom, top + HEAD, lambda value: brief(ratio_text(value)), 48))
    scene.add(
        *up.upwards(
            left + LEFT, left + width - RIGHT, lambda value: brief((ratio_text if is_size else points_text)(value))
        )
    )
    for one in candidates:
        _whiskers(scene, one, across, up, is_size=is_size)
    for number, one in enumerate(candidates):
        height = one.smaller if is_size else one.gained[0]
        _marker(scene, across(one.speed[0]), up(height), number, one)
    scene.add(Label(left + (LEFT + width - RIGHT) / 2, bottom + 36, "times as fast", "muted", "middle"))


def _speeds(candidates: Sequence[Candidate], start: float, stop: float) -> Scale:
    values = [end for one in candidates for end in one.speed if end is not None]
    return Scale.around([*values, 1.05 * max(values)], start, stop, is_log=True)


def _heights(candidates: Sequence[Candidate], start: float, stop: float, *, is_size: bool) -> Scale:
    if is_size:
        values = [one.smaller for one in candidates]
        return Scale.around([*values, 1.05 * max(values)], start, stop, is_log=True)
    ends = [end for one in candidates for end in one.gained if end is not None]
    return Scale.around([*ends, -0.005, 0.005], start, stop)


def _whiskers(scene: Scene, one: Candidate, across: Scale, up: Scale, *, is_size: bool) -> None:
    height = one.smaller if is_size else one.gained[0]
    value, low, high = one.speed
    if low is not None and high is not None:
        scene.add(Line(((across(low), up(height)), (across(high), up(height))), one.part, 1.5))
    _, low, high = one.gained
    if not is_size and low is not None and high is not None:
        scene.add(Line(((across(value), up(low)), (across(value), up(high))), one.part, 1.5))
