"""Whole numbers that travel as floats: token ids, positions and classes, checked before anything is looked up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.ops.op import Array
from tinytorch.errors import RangeError, explain

__all__ = ["as_indices"]


def as_indices(what: str, values: Array, count: int, *, each: str, remedy: str) -> NDArray[np.intp]:
    """Give integers in [0, count), of the shape of `values`.

    Args:
        what: What they are, for the message.
        values: Whole numbers, of any kind of number.
        count: How many there are to choose from.
        each: What one stands for, for the message, such as "one a class".
        remedy: What to look at when one is wrong.

    Raises:
        RangeError: If one is out of range, fractional, or NaN.
    """
    with np.errstate(invalid="ignore"):  # NaN becomes some integer, and is refused for being none
        found: NDArray[np.intp] = values.astype(np.intp, copy=False)
    if found.size and (found.min() < 0 or found.max() >= count or not _is_whole(values, found)):
        wrong = values[(found < 0) | (found >= count) | (found != values)]
        rule = f"whole numbers in [0, {count}), {each}"
        raise RangeError(explain(what, rule, wrong.flat[0].item(), remedy=remedy))
    return found


def _is_whole(values: Array, found: NDArray[np.intp]) -> bool:
    return values.dtype.kind != "f" or bool((found == values).all())
