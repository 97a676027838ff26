"""Numbers as a reader wants them: three digits, a unit, and their interval."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = [
    "MISSING",
    "brief",
    "bytes_text",
    "count_text",
    "ends_text",
    "percent_text",
    "plain_ratio",
    "points_text",
    "prose",
    "rate_text",
    "ratio_text",
    "seconds_text",
    "share_text",
    "value_of",
]

MISSING, MINUS = "–", "\N{MINUS SIGN}"
POINT = re.compile(r"\.\d+")
UNITS = re.compile(r"(\d) (%|[nµm]?s\b|(?:[KMG]i)?B\b|times\b|points?\b)")
TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
BINARY = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
DECIMAL = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))

Text = Callable[[float | None], str]


def seconds_text(seconds: float | None) -> str:
    """Write a time.

    Example:
        >>> seconds_text(5.6067e-6), seconds_text(0.0), seconds_text(None)
        ('5.61 µs', '0 ns', '–')
    """
    return _scaled(seconds, TIMES)


def bytes_text(size: float | None) -> str:
    """Write a size.

    Example:
        >>> bytes_text(38440), bytes_text(440)
        ('37.5 KiB', '440 B')
    """
    return _scaled(size, BINARY)


def rate_text(per_second: float | None) -> str:
    """Write samples a second.

    Example:
        >>> rate_text(3726520.0), rate_text(250.0)
        ('3.73 M/s', '250 /s')
    """
    if per_second is None:
        return MISSING
    return f"{_scaled(per_second, DECIMAL)}/s"


def count_text(number: float | None) -> str:
    """Write a count with its thousands apart.

    Example:
        >>> count_text(9610)
        '9,610'
    """
    return MISSING if number is None else f"{number:,.0f}"


def percent_text(share: float | None) -> str:
    """Write a ratio in [0, 1] that was measured.

    Example:
        >>> percent_text(0.9693593), percent_text(1.0)
        ('96.94 %', '100.00 %')
    """
    return MISSING if share is None else f"{100 * share:.2f} %"


def share_text(share: float | None) -> str:
    """Write a share that somebody chose, such as a margin, with the digits that it has.

    Example:
        >>> share_text(0.95), share_text(0.005)
        ('95 %', '0.5 %')
    """
    return MISSING if share is None else f"{100 * share:.4g} %"


def brief(text: str) -> str:
    """Leave out zeros behind a point, as beside the tick of an axis.

    Example:
        >>> brief("2.00 µs"), brief("+0.40"), brief("10.0×"), brief("±0.00"), brief("100 ns")
        ('2 µs', '+0.4', '10×', '0', '100 ns')
    """
    return POINT.sub(lambda found: found[0].rstrip("0").rstrip("."), text).lstrip("±")


def prose(text: str) -> str:
    """Keep a number and its unit on one line.

    Example:
        >>> prose("95 % of 5 µs or 6 or so") == "95\u00a0% of 5\u00a0µs or 6 or so"
        True
    """
    return UNITS.sub("\\1\u00a0\\2", text)


def points_text(share: float | None) -> str:
    """Write a difference of two ratios, in points.

    Example:
        >>> points_text(0.00836), points_text(0.0), points_text(-0.001) == f"{MINUS}0.10"
        ('+0.84', '±0.00', True)
    """
    if share is None:
        return MISSING
    text = f"{100 * abs(share):.2f}"
    sign = "±" if float(text) == 0 else MINUS if share < 0 else "+"
    return sign + text


def plain_ratio(ratio: float | None) -> str:
    """Write a ratio with the digits that three figures take.

    Example:
        >>> plain_ratio(6.8023), plain_ratio(0.97637), plain_ratio(0.99996), plain_ratio(123.4)
        ('6.80', '0.976', '1.00', '123')
    """
    if ratio is None:
        return MISSING
    return f"{ratio:.{min(3, _digits(float(f'{ratio:.3g}')))}f}" if ratio > 0 else "0"


def ratio_text(ratio: float | None) -> str:
    """Write a ratio as so many times.

    Example:
        >>> ratio_text(6.8023)
        '6.80×'
    """
    return MISSING if ratio is None else f"{plain_ratio(ratio)}×"


def ends_text(estimate: Any, text: Text) -> str:
    """Write the interval of an estimate; where only its lower end is known, say so; nothing where there is none.

    Example:
        >>> ends_text({"value": 2e-6, "low": 1.5e-6, "high": 2.5e-6}, seconds_text)
        '1.50 – 2.50 µs'
        >>> ends_text({"value": None, "low": 2e-6, "high": None}, seconds_text)
        'at least 2.00 µs'
    """
    low, high = (estimate.get("low"), estimate.get("high")) if isinstance(estimate, Mapping) else (None, None)
    if low is None and high is None:
        return ""
    if high is None:
        return f"at least {text(low)}"
    if low is None:
        return f"at most {text(high)}"
    first, last = text(low), text(high)
    number, space, unit = first.rpartition(" ")
    return f"{number if space and last.endswith(f' {unit}') else first} – {last}"


def value_of(metric: Any) -> float | None:
    """Give the number that a metric is, or the value of its estimate."""
    found = metric.get("value") if isinstance(metric, Mapping) else metric
    return found if isinstance(found, int | float) else None


def _scaled(value: float | None, units: tuple[tuple[float, str], ...]) -> str:
    if value is None:
        return MISSING
    if value == 0:
        return f"0 {units[-1][1]}"
    factor, unit = next((row for row in units if abs(value) >= 0.9995 * row[0]), units[-1])
    scaled = value / factor
    digits = 0 if float(scaled).is_integer() and factor == 1.0 and units is not TIMES else _digits(scaled)
    return f"{scaled:.{digits}f} {unit}"


def _digits(value: float) -> int:
    """Say how many digits behind the point make three in all."""
    return max(0, 2 - math.floor(math.log10(abs(value)) + 1e-4))
