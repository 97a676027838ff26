"""What the process holds: its resident memory, and how far a call drives it up. Never read while timing."""

from __future__ import annotations

import os
from typing import Any, Callable

__all__ = ["peak_of", "resident_bytes"]

PASSES = 5


def resident_bytes(root: str = "/") -> int | None:
    """Give the memory that the process holds now; none where the system does not tell."""
    return _status("VmRSS", root)


def peak_of(call: Callable[[], Any], root: str = "/") -> list[dict[str, int | None]]:
    """Make the call five times, and give what each drove up, in bytes.

    Returns:
        For each pass: `peak_rss_delta`, from the kernel's high-water mark, none where it cannot be reset; and
        `traced_peak`, what Python and NumPy held at once beyond what they held before.
    """
    return [{"peak_rss_delta": _resident_peak(call, root), "traced_peak": _traced_peak(call)} for _ in range(PASSES)]


def _resident_peak(call: Callable[[], Any], root: str) -> int | None:
    try:
        with open(os.path.join(root, "proc/self/clear_refs"), "w") as file:
            file.write("5")  # proc(5): resets the peak to the current size
    except OSError:
        return None
    before = _status("VmRSS", root)
    call()
    peak = _status("VmHWM", root)
    return None if before is None or peak is None else max(peak - before, 0)


def _traced_peak(call: Callable[[], Any]) -> int:
    import tracemalloc

    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        call()
        return max(tracemalloc.get_traced_memory()[1] - before, 0)
    finally:
        tracemalloc.stop()


def _status(field: str, root: str) -> int | None:
    try:
        with open(os.path.join(root, "proc/self/status")) as file:
            line = next((line for line in file if line.startswith(field + ":")), None)
    except OSError:
        return None
    return None if line is None else int(line.split()[1]) * 1024
