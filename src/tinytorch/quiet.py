"""What is kept still while something is timed: Python's garbage collector, and the threads of the matrix library.

It stands beside `clock.py`, above all floors that time anything.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["blas_pools", "collector_off", "pinned_blas", "quiet_process"]


@contextmanager
def collector_off() -> Iterator[None]:
    """Collect garbage, and keep the collector off; afterwards it is as it was.

    Example:
        >>> with collector_off():
        ...     gc.isenabled()
        False
    """
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def blas_pools() -> list[dict[str, Any]]:
    """Describe every matrix library that is loaded, one record each; none where it cannot be asked (as on macOS).

    Example:
        >>> all(pool["user_api"] == "blas" for pool in blas_pools())
        True
    """
    import numpy as np  # noqa: F401  its matrix library must be loaded to be found
    import threadpoolctl  # type: ignore[import-untyped]

    return [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]


@contextmanager
def pinned_blas(threads: int | None = 1) -> Iterator[int | None]:
    """Limit the matrix library inside the block; give how many threads it then has, or none if it cannot be asked.

    Args:
        threads: The limit; none leaves it alone.

    Example:
        >>> with pinned_blas(1) as threads:
        ...     threads in (1, None)
        True
    """
    import numpy as np  # noqa: F401  as above
    import threadpoolctl

    with threadpoolctl.threadpool_limits(limits=threads, user_api="blas"):
        yield max((pool["num_threads"] for pool in blas_pools()), default=None)


@contextmanager
def quiet_process(blas_threads: int | None = 1) -> Iterator[int | None]:
    """Do both: nothing of Python's own and no second thread of the matrix library runs between two readings.

    Args:
        blas_threads: As in `pinned_blas`.
    """
    with collector_off(), pinned_blas(blas_threads) as threads:
        yield threads
