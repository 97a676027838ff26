"""The matrix library under NumPy: which one it is, and how many threads it may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["blas_pools", "pinned_blas"]


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
    """Limit the matrix library to `threads`; give what it then really has, or none if there is none to ask.

    Example:
        >>> with pinned_blas(1) as threads:
        ...     threads in (1, None)
        True
    """
    import threadpoolctl

    with threadpoolctl.threadpool_limits(limits=threads, user_api="blas"):
        yield max((pool["num_threads"] for pool in blas_pools()), default=None)
