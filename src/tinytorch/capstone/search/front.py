"""Which of several models no other one beats in everything."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["front"]


def front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Say of each point whether no other is at least as small in every coordinate, and smaller in one.

    Args:
        points: Coordinates, all of them better when smaller.

    Example:
        >>> front([(1.0, 9.0), (2.0, 9.0), (2.0, 5.0)])
        [True, False, True]

    Source:
        V. Pareto (1906), Manuale di economia politica.
    """
    return [not any(_beats(other, point) for other in points) for point in points]


def _beats(other: Sequence[float], point: Sequence[float]) -> bool:
    return tuple(other) != tuple(point) and all(o <= p for o, p in zip(other, point, strict=True))
