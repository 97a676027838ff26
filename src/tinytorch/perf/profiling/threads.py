"""How many threads the matrix library under NumPy may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np  # noqa: F401  its matrix library must be loaded to be found

__all__ = ["pinned"]


@contextmanager
def pinned(threads: int | None) -> Iterator[int | None]:
    """Limit the matrix library inside the block; give how many threads it then has, or none if it cannot be asked.

    Args:
        threads: The limit; none leaves it alone.

    Example:
        >>> with pinned(1) as threads:
        ...     threads in (1, None)
        True
    """
    import threadpoolctl  # type: ignore[import-untyped]

    with threadpoolctl.threadpool_limits(limits=threads, user_api="blas"):
        pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
        yield max((pool["num_threads"] for pool in pools), default=None)
