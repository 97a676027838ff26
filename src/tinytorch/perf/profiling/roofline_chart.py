"""The roofline as an SVG in the page's colours: FLOPs a byte across, FLOPs a second upwards, both in decades."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from tinytorch.perf.profiling.frames import family_of
from tinytorch.perf.profiling.report import Profile
from tinytorch.perf.profiling.texts import rate_text

__all__ = ["Axes", "roofline_points", "roofline_svg"]

WIDTH, HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 44
RADIUS = 4

Point = tuple[float, float]  # FLOPs a byte, FLOPs a nanosecond


def roofline_points(profile: Profile) -> list[tuple[str, str, Point]]:
    """Give the label, the family and the place of each op that does arithmetic and moves bytes."""
    return [
        (f"{op.layer} {op.op}".strip(), family_of(op.op), (op.cost.flops / op.cost.bytes_moved, op.cost.flops / took))
        for op in profile.ops
        if op.cost.flops and op.cost.bytes_moved and (took := op.time.value)
    ]


@dataclass(frozen=True, slots=True)
class Axes:
    """Decades across and upwards, and where they lie on the page."""

    across: tuple[int, int]
    upwards: tuple[int, int]

    @classmethod
    def around(cls, profile: Profile) -> Axes:
        """Take whole decades that hold all points, and the corner of the roofs."""
        points = [place for _, _, place in roofline_points(profile)]
        peak = profile.roofline.product.rate.value or 1.0
        corners = [(peak / (roof.rate.value or 1), peak) for roof in profile.roofs if roof.kind == "memory"]
        across, upwards = zip(*points, *corners, strict=True)
        return cls(_decades(across), _decades(upwards))

    def x(self, value: float) -> float:
        """Place FLOPs a byte."""
        return _placed(value, self.across, LEFT, WIDTH - RIGHT)

    def y(self, value: float) -> float:
        """Place FLOPs a nanosecond."""
        return _placed(value, self.upwards, HEIGHT - BOTTOM, TOP)


def _decades(values: tuple[float, ...]) -> tuple[int, int]:
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 0.1)


def _placed(value: float, decades: tuple[int, int], start: float, stop: float) -> float:
    share = (math.log10(value) - decades[0]) / (decades[1] - decades[0])
    return start + share * (stop - start)


def roofline_svg(profile: Profile) -> str:
    """Draw the roofs as lines and the ops as points, each with its name as a tooltip."""
    axes = Axes.around(profile)
    parts = [*_grid(axes), *_roofs(profile, axes), *_points(profile, axes)]
    label = "Roofline: FLOPs per second of each op over its FLOPs per byte, below the measured roofs"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}'
        f'<text class="axis" x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle">FLOPs per byte moved</text>'
        f'<text class="axis" transform="translate(11 {HEIGHT / 2 - 16}) rotate(-90)" text-anchor="middle">'
        "FLOPs per second</text></svg>"
    )


def _grid(axes: Axes) -> list[str]:
    lines = []
    for power in range(axes.across[0], axes.across[1] + 1):
        x = axes.x(10.0**power)
        lines.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}"/>')
        lines.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{10.0**power:g}</text>')
    for power in range(axes.upwards[0], axes.upwards[1] + 1):
        y = axes.y(10.0**power)
        text = rate_text(10.0**power, "").removesuffix("/s").strip()
        lines.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    return lines


def _roofs(profile: Profile, axes: Axes) -> list[str]:
    peak = profile.roofline.product.rate.value or 1.0
    lines = []
    for roof in profile.roofs:
        if roof.kind == "compute":
            ends = (10.0 ** axes.across[0], peak), (10.0 ** axes.across[1], peak)
        else:
            ends = _slope(roof.rate.value or 1.0, peak, axes)
        lines.append(_line(ends, axes, rate_text(roof.rate.value, _unit(roof.kind))))
    return lines


def _unit(kind: str) -> str:
    return "FLOP" if kind == "compute" else "B"


def _slope(rate: float, peak: float, axes: Axes) -> tuple[Point, Point]:
    """Run from where a stream's roof enters the picture to where it meets the product's."""
    start = max(10.0 ** axes.across[0], 10.0 ** axes.upwards[0] / rate)
    return (start, rate * start), (peak / rate, peak)


def _line(ends: tuple[Point, Point], axes: Axes, name: str) -> str:
    (x1, y1), (x2, y2) = ((axes.x(x), axes.y(y)) for x, y in ends)
    line = f'<line class="roof" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
    return f'{line}<text class="name" x="{x1 + 4:.1f}" y="{y1 - 5:.1f}">{escape(name)}</text>'


def _points(profile: Profile, axes: Axes) -> list[str]:
    return [
        f'<circle class="{family}" cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="{RADIUS}">'
        f"<title>{escape(name)}: {rate_text(y, 'FLOP')}</title></circle>"
        for name, family, (x, y) in roofline_points(profile)
    ]
