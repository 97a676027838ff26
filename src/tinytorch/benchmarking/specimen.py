"""A piece of work to look at an instrument with, where the user names none."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["small_product"]


def small_product(size: int = 64, repeats: int = 8) -> Callable[[], object]:
    """Give a call that multiplies two small matrices a few times: some microseconds, like a small model's inference.

    Example:
        >>> small_product(2, 1)().shape
        (2, 2)
    """
    import numpy as np

    matrix = np.full((size, size), 0.5, np.float32)

    def call() -> object:
        product = matrix
        for _ in range(repeats):
            product = matrix.dot(matrix)
        return product

    return call
