"""Keeping memory: what a training step lets go of is what the next one asks for."""

from __future__ import annotations

import ctypes
import sys

from tinytorch.errors import RangeError, explain

__all__ = ["keep_memory"]

MEBIBYTE = 1024**2
LARGEST_BLOCK = 32 * MEBIBYTE  # beyond it the C library always asks the system
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # the numbers that mallopt has for them


def keep_memory(mebibytes: int = 512) -> bool:
    """Let the C library keep the memory of arrays that are gone, for the next ones, until the process ends.

    Left alone it hands large blocks back to the system at once, which must clear and map each page again when they are
    asked for. The process stays as large as it ever was, less what is
    free beyond the limit.

    Args:
        mebibytes: How much may be free and kept.

    Returns:
        Whether the C library has such a setting: glibc has, on Linux; elsewhere nothing is changed.

    Raises:
        RangeError: If it is no whole number from 1 to 2047.

    Source:
        The GNU C Library, manual, Malloc Tunable Parameters.
    """
    if isinstance(mebibytes, bool) or not isinstance(mebibytes, int) or not 1 <= mebibytes <= 2047:
        raise RangeError(explain("mebibytes", "a whole number from 1 to 2047", mebibytes))
    if sys.platform != "linux" or not hasattr(library := ctypes.CDLL(None), "mallopt"):
        return False
    size = mebibytes * MEBIBYTE
    settings = {TRIM_THRESHOLD: size, MMAP_THRESHOLD: min(size, LARGEST_BLOCK)}
    return [library.mallopt(number, value) for number, value in settings.items()] == [1, 1]
