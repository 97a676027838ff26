"""How kernels are compiled: on first use, and kept on disk. Imported only where Numba is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numba

__all__ = ["cached", "specialized"]

ATTEMPTS = 20  # as many functions call each other in a file, at most, and each may fail to be written once


def cached(function: Callable[..., Any], flags: Iterable[str] = ("contract",)) -> Any:
    """Compile on first use and keep the result on disk, where there is a place for it.

    Args:
        function: What to compile.
        flags: The liberties of LLVM with floats. `contract` lets it multiply and add in one; `reassoc` lets it add up
            in another order, which it needs for sums in vectors; without any a number is what NumPy makes it.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": set(flags)}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder can be written to
        return numba.njit(**options)(function)


def specialized(function: Any, signature: tuple[Any, ...]) -> Any:
    """Compile for one signature, or load that from disk; a call with anything else is a TypeError afterwards."""
    for _ in range(ATTEMPTS):
        try:
            function.compile(signature)
            break
        except OSError:  # the disk took no cache entry; what was compiled is there all the same
            continue
    function.disable_compile()
    return function
