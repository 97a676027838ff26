"""The paired ratio: every session's rounds and median, the estimate with its interval, and the instrument's own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tinytorch.benchmarking.statistics import Ratio
from tinytorch.capstone.reporting.drawing import Dot, Figure, Label, Line, Scale, Scene
from tinytorch.capstone.reporting.reading import Reading
from tinytorch.capstone.reporting.sentences import interval_words
from tinytorch.capstone.reporting.texts import brief, ends_text, plain_ratio, ratio_text

__all__ = ["speedup_figure"]

ROW, HEAD, FOOT, GUTTER, RIGHT = 26, 26, 44, 84, 18
MOST_SESSIONS, MOST_ROUNDS = 24, 60


@dataclass(frozen=True, slots=True)
class Rows:
    """What is drawn, each session's ratios sorted as they were measured."""

    sessions: Sequence[Sequence[float]]
    whole: Ratio
    null: Mapping[str, Any] | None

    @property
    def shown(self) -> Sequence[Sequence[float]]:
        """The sessions that have a row of their own."""
        return self.sessions[:MOST_SESSIONS]


def speedup_figure(reading: Reading) -> Figure | None:
    """Draw the speed-up, session by session; none where there was no comparison."""
    comparison, verdict = reading.comparison, reading.verdict
    if comparison is None or verdict is None:
        return None
    sessions = [[math.exp(value) for value in rounds] for rounds in comparison["log_ratios"]]
    rows = Rows(sessions, verdict.ratio, comparison.get("certificate"))
    ratio = verdict.ratio
    summary = (
        f"{reading.subject.name} is {plain_ratio(ratio.value)} times as fast as the baseline, "
        f"{interval_words(ratio.low, ratio.high, ratio.confidence)}; medians of sessions lie between "
        f"{plain_ratio(min(map(median, sessions)))} and {plain_ratio(max(map(median, sessions)))}."
    )
    title = "Times as fast as the baseline, session by session"
    return Figure("speedup", title, summary, lambda width: _draw(rows, width), COLUMNS, tuple(_table(rows)))


COLUMNS = ("Session", "Rounds", "Median", "Lowest to highest round")


def _table(rows: Rows) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [
        (str(number), str(len(rounds)), ratio_text(median(rounds)), f"{_ends(min(rounds), max(rounds))}×")
        for number, rounds in enumerate(rows.sessions, 1)
    ]
    whole = rows.whole
    found.append(("All, with interval", str(whole.rounds), ratio_text(whole.value), _interval(whole.low, whole.high)))
    if rows.null:
        ends = _interval(rows.null["low"], rows.null["high"])
        found.append(("Two copies of the baseline", "–", ratio_text(rows.null["ratio"]), ends))
    return found


def _ends(low: float, high: float) -> str:
    return f"{plain_ratio(low)} – {plain_ratio(high)}"


def _interval(low: float | None, high: float | None) -> str:
    return ends_text({"low": low, "high": high}, ratio_text).replace("× –", " –") or "not bounded"


def _draw(rows: Rows, width: float) -> Scene:
    count = len(rows.shown) + 1 + bool(rows.null)
    scene = Scene(width, HEAD + ROW * count + 10 + FOOT)
    scale, bottom = _scale(rows, width), scene.height - FOOT
    scene.add(*scale.across(bottom, HEAD - 8, lambda value: brief(ratio_text(value)), 44))
    one = scale(1.0)
    scene.add(Line(((one, HEAD - 8), (one, bottom)), "muted", 1.5, is_dashed=True))
    scene.add(Label(one, HEAD - 13, "as fast", "muted", _anchor(one, width)))
    for number, rounds in enumerate(rows.shown):
        _session(scene, scale, HEAD + ROW * (number + 0.5), number + 1, rounds)
    _estimate(scene, scale, HEAD + ROW * (len(rows.shown) + 0.5) + 10, rows.whole)
    if rows.null:
        _null(scene, scale, HEAD + ROW * (len(rows.shown) + 1.5) + 10, rows.null)
    scene.add(Label((GUTTER + width - RIGHT) / 2, bottom + 36, "times as fast as the baseline", "muted", "middle"))
    return scene


def _anchor(x: float, width: float) -> Any:
    return "start" if x < GUTTER + 20 else "end" if x > width - 40 else "middle"


def _scale(rows: Rows, width: float) -> Scale:
    known = [1.0, rows.whole.value, rows.whole.low, rows.whole.high]
    known += [rows.null[name] for name in ("low", "high")] if rows.null else []
    values = [value for value in known if value is not None]
    values += [value for rounds in rows.shown for value in rounds]
    return Scale.around(values, GUTTER, width - RIGHT, is_log=True)


def _session(scene: Scene, scale: Scale, y: float, number: int, rounds: Sequence[float]) -> None:
    scene.add(Label(0, y + 4, f"session {number}", "muted"))
    for value in rounds[:: max(1, math.ceil(len(rounds) / MOST_ROUNDS))]:
        scene.add(Line(((scale(value), y - 6), (scale(value), y + 6)), "accent-mid", 2))
    scene.add(Dot(scale(median(rounds)), y, 4, "accent"))


def _estimate(scene: Scene, scale: Scale, y: float, whole: Ratio) -> None:
    scene.add(Line(((0, y - ROW / 2 - 5), (scale.stop, y - ROW / 2 - 5)), "line"))
    scene.add(Label(0, y + 4, "all", is_bold=True))
    _bar(scene, scale, y, (whole.low, whole.high), "accent")
    scene.add(Dot(scale(whole.value), y, 6, "accent"))


def _null(scene: Scene, scale: Scale, y: float, null: Mapping[str, Any]) -> None:
    scene.add(Label(0, y + 4, "two copies", "muted"))
    _bar(scene, scale, y, (null["low"], null["high"]), "base")
    scene.add(Dot(scale(null["ratio"]), y, 4, "base"))


def _bar(scene: Scene, scale: Scale, y: float, ends: tuple[float | None, float | None], part: str) -> None:
    """Draw an interval; an end that is not known is the end of the field, and has no cap."""
    low, high = (edge if end is None else scale(end) for end, edge in zip(ends, (scale.start, scale.stop), strict=True))
    scene.add(Line(((low, y), (high, y)), part, 2, is_dashed=None in ends))
    for end, x in zip(ends, (low, high), strict=True):
        if end is not None:
            scene.add(Line(((x, y - 5), (x, y + 5)), part, 2))
