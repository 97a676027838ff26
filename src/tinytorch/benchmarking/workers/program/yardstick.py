"""A piece of work that never changes, timed beside the subject: how fast the machine is just now."""

from __future__ import annotations

import sys
from typing import Any, Callable

__all__ = ["yardstick"]

SIDE = 64
STEPS = 200


def yardstick() -> tuple[str, Callable[[], Any]]:
    """Give the yardstick's name and its call: a product of small matrices where the subject has loaded NumPy.

    NumPy is not loaded for its sake: the process stays as the subject made it.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return f"python loop of {STEPS} additions", _loop
    matrix = numpy.full((SIDE, SIDE), 0.5, dtype=numpy.float32)
    result = numpy.empty_like(matrix)
    return f"numpy gemm {SIDE}x{SIDE} float32", lambda: numpy.dot(matrix, matrix, result)


def _loop() -> int:
    total = 0
    for step in range(STEPS):
        total += step
    return total
