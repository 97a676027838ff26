"""All rows of a panel of sums, by the tiles of `product_tiles.py`. Imported only where Numba is wanted."""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

from tinytorch.perf.kernels.caching import cached
from tinytorch.perf.kernels.product_tiles import strided_tile

__all__ = ["rows_of_panel"]

# The hash of product_tiles.py: Numba's disk cache sees this file change, and no other. A test keeps it true.
TILES = "93e8e9c6ce11e1ea"


@cached
def tallest(layout, left, vectors):
    """Give how many rows the next tile has: those that there are tiles of."""
    if layout.itemsize == 8 and vectors < 4 and left >= 12:
        return 12
    return 6 if left >= 6 and left != 8 else 4 if left >= 4 else 2 if left >= 2 else 1


@cached
def rows_of_panel(layout, size, at):
    """Do the products of a panel that is as wide as a tile.

    Args:
        layout: As in `strided_tile`.
        size: How many rows, and how many vectors: 4, 2 or 1, or without AVX-512 2 or 1.
        at: As in `strided_tile`, for the first row.
    """
    rows, vectors = size
    x, row, x_step, w, w_step, count, start, start_row, out, out_row = at
    done = 0
    while done < rows:
        tall = tallest(layout, rows - done, vectors)
        here = (x, row, x_step, w, w_step, count, start, start_row, out, out_row)
        strided_tile(layout, (tall, vectors), here)
        x, start, out = x + tall * row, start + tall * start_row, out + tall * out_row
        done += tall
