"""A quiet process: nothing of Python's own and no second thread of the matrix library runs between two readings."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tinytorch.benchmarking.blas import pinned_blas

__all__ = ["quiet_process"]


@contextmanager
def quiet_process(blas_threads: int | None = 1) -> Iterator[int | None]:
    """Collect garbage, keep the collector off and the BLAS threads limited; afterwards all is as it was.

    Args:
        blas_threads: The limit; none leaves the matrix library alone.

    Example:
        >>> with quiet_process():
        ...     gc.isenabled()
        False
    """
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        with pinned_blas(blas_threads) as threads:
            yield threads
    finally:
        if was_on:
            gc.enable()
