"""Numbers as a reader wants them: three digits and a unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinytorch.perf.profiling.medians import Median

__all__ = ["MISSING", "bytes_text", "count_text", "interval_text", "percent_text", "rate_text", "time_text"]

MISSING = "–"
DECIMAL = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
BINARY = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
TIMES = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


def time_text(nanoseconds: float | None) -> str:
    """Write a time.

    Example:
        >>> time_text(1234), time_text(5.6e7), time_text(None)
        ('1.23 µs', '56 ms', '–')
    """
    return _scaled(nanoseconds, TIMES)


def bytes_text(size: float | None) -> str:
    """Write a size.

    Example:
        >>> bytes_text(100), bytes_text(39976)
        ('100 B', '39 KiB')
    """
    return _scaled(size, BINARY)


def count_text(number: float | None) -> str:
    """Write a count.

    Example:
        >>> count_text(0), count_text(15680), count_text(1.5e9)
        ('0', '15.7 k', '1.5 G')
    """
    return _scaled(number, DECIMAL).strip()


def rate_text(per_nanosecond: float | None, unit: str) -> str:
    """Write so much a second.

    Example:
        >>> rate_text(12.3, "FLOP"), rate_text(0.5, "B")
        ('12.3 GFLOP/s', '500 MB/s')
    """
    if per_nanosecond is None:
        return MISSING
    text = _scaled(per_nanosecond * 1e9, DECIMAL)
    return f"{text}{unit}/s"


def percent_text(share: float | None) -> str:
    """Write a ratio as a percentage.

    Example:
        >>> percent_text(0.1234), percent_text(0.0012)
        ('12 %', '0.12 %')
    """
    return MISSING if share is None else f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"


def interval_text(found: Median, text: Callable[[float | None], str]) -> str:
    """Write the interval of a median, each end as `text` writes it, or a dash where there is none.

    Example:
        >>> interval_text(Median(2000, 1500, 2500), time_text), interval_text(Median(2000, None, None), time_text)
        ('1.5 – 2.5 µs', '–')
    """
    if found.low is None or found.high is None:
        return MISSING
    low, high = text(found.low), text(found.high)
    number, _, unit = low.partition(" ")
    same = unit and high.endswith(f" {unit}")
    return f"{number if same else low} – {high}"


def _scaled(value: float | None, units: Sequence[tuple[float, str]]) -> str:
    if value is None:
        return MISSING
    if value == 0:
        return f"0 {units[-1][1]}"
    factor, unit = next((row for row in units if abs(value) >= 0.9995 * row[0]), units[-1])
    return f"{value / factor:.3g} {unit}"
