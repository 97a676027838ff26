"""When one number follows from others: exactly, but for the last bits in which two machines may differ."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

__all__ = ["EXACT", "LAST_BITS", "ROUNDED", "follows", "half_unit", "is_near", "is_same", "rounding", "written"]

EXACT = 1e-6  # relative: far more than the last bits in which two machines may differ
LAST_BITS = 1e-9
ROUNDED = 0.01  # relative: the most that the rounding of numbers written by hand may explain


def is_same(given: Any, expected: Any) -> bool:
    """Say whether a text, a number or null is what it should be."""
    return given == expected if isinstance(expected, str) else follows(given, expected, EXACT)


def follows(given: float | None, expected: float | None, slack: float) -> bool:
    """Say whether a number is what it should be, but for a relative slack.

    Example:
        >>> follows(100.0, 101.0, 0.01), follows(None, None, 0.01), follows(0.0, None, 0.01)
        (True, True, False)
    """
    if given is None or expected is None:
        return given is expected
    return is_near(given, expected, slack * abs(expected) + LAST_BITS * EXACT)


def is_near(given: float, expected: float, distance: float) -> bool:
    """Say whether two numbers lie so near to each other; nothing is near to infinity."""
    return math.isfinite(expected) and abs(given - expected) <= distance


def rounding(*numbers: float) -> float:
    """Say how far, relatively, rounding the factors of a product by hand may have moved it, at least `EXACT`.

    Example:
        >>> rounding(0.25), round(rounding(0.250001), 9)
        (0.01, 2e-06)
    """
    halves = [half_unit(number) / abs(number) for number in numbers if number]
    return max(EXACT, min(sum(halves), ROUNDED))


def half_unit(number: float) -> float:
    """Give half of the last written decimal: 0.005 for 0.25.

    Example:
        >>> half_unit(0.25), half_unit(3)
        (0.005, 0.5)
    """
    exponent = Decimal(repr(number)).as_tuple().exponent
    return 0.5 * 10.0 ** int(exponent)


def written(expected: Any) -> str:
    """Write a value as the submission should have it.

    Example:
        >>> written(None), written(2.5)
        ('null', '2.5')
    """
    return "null" if expected is None else repr(expected)
