"""What the machine can do at best, measured while the model is: a matrix product, and streams of several sizes.

A roof belongs to the round in which it was measured, so that a share of it is a ratio of neighbours in time.

Source:
    S. Williams, A. Waterman, D. Patterson (2009), Roofline. J. McCalpin (1995), Memory Bandwidth and Machine Balance
    in Current High Performance Computers, for the stream. A. Ilic, F. Pratas, L. Sousa (2014), Cache-aware Roofline
    Model, for a roof at each depth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tinytorch.perf.profiling.turns import Spans, Stopwatch

__all__ = ["Roof", "RoofSizes", "make_roofs"]

KIB = 1024


@dataclass(frozen=True, slots=True)
class RoofSizes:
    """How large the work is that finds the roofs.

    Attributes:
        side: Rows and columns of the matrices that are multiplied.
        streams: Bytes that a stream moves, ascending: two arrays read, and one written.
    """

    side: int = 512
    streams: tuple[int, ...] = (192 * KIB, 1536 * KIB, 12288 * KIB, 98304 * KIB)


@dataclass(frozen=True, slots=True, eq=False)
class Roof:
    """One kind of work that nothing of its kind is quicker at.

    Attributes:
        name: `product`, or `stream` with its size.
        kind: `compute` or `memory`.
        amount: FLOPs, or bytes moved, in one call.
        call: Does it.
    """

    name: str
    kind: str
    amount: int
    call: Callable[[], object]

    def __call__(self, watch: Stopwatch) -> Spans:
        """Do it once."""
        return [watch.time(self.call)]


def make_roofs(dtype: Any = np.float32, sizes: RoofSizes | None = None) -> list[Roof]:
    """Prepare the work of all roofs; the product is of the kind of float that the model computes in.

    Example:
        >>> [(roof.name, roof.amount) for roof in make_roofs(sizes=RoofSizes(8, (3072,)))]
        [('product of 8 x 8', 1024), ('stream of 3 KiB', 3072)]
    """
    sizes = sizes or RoofSizes()
    return [_product(sizes.side, dtype), *(_stream(size) for size in sizes.streams)]


def _product(side: int, dtype: Any) -> Roof:
    a, b = np.random.default_rng(0).standard_normal((2, side, side)).astype(dtype)
    call = partial(np.matmul, a, b, out=np.empty_like(a))
    return Roof(f"product of {side} x {side}", "compute", 2 * side**3, call)


def _stream(size: int) -> Roof:
    count = size // (3 * 4)
    a, b, out = np.ones((3, count), np.float32)
    return Roof(f"stream of {size // KIB} KiB", "memory", 3 * out.nbytes, partial(np.add, a, b, out=out))
