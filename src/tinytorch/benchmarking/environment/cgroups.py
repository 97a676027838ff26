"""What the control groups of Linux let this process have: a container's share of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["cpu_limit", "memory_limit", "throttling"]

UNLIMITED = 2**60  # version 1 writes "no limit" as a number near 2**63
SYSTEM = Path("/")


def cpu_limit(root: Path = SYSTEM) -> float | None:
    """Say how many cores' worth of time the tightest group allows; none without a limit.

    Raises:
        OSError: If the system has no control groups.
    """
    found = [quota for group in _groups(root, "cpu") if (quota := _quota(group)) is not None]
    return min(found, default=None)


def memory_limit(root: Path = SYSTEM) -> int | None:
    """Say how many bytes the tightest group allows; none without a limit.

    Raises:
        OSError: If the system has no control groups.
    """
    names = ("memory.max", "memory.limit_in_bytes")
    texts = [_read(group / name) for group in _groups(root, "memory") for name in names]
    found = [int(text) for text in texts if text.isdigit() and int(text) < UNLIMITED]
    return min(found, default=None)


def throttling(root: Path = SYSTEM) -> dict[str, Any]:
    """Count how often the groups' quotas ran out, over all groups that hold this process.

    Returns:
        `periods`, `throttled_periods`, and `throttled_seconds`.

    Raises:
        OSError: If the system has no control groups.
        LookupError: If they do not count it.
    """
    counted = [stat for group in _groups(root, "cpu") if "nr_periods" in (stat := _statistics(group))]
    if not counted:
        raise LookupError("the control groups count no throttling")
    nanoseconds = sum(stat.get("throttled_time", 0) + 1000 * stat.get("throttled_usec", 0) for stat in counted)
    return {
        "periods": sum(stat["nr_periods"] for stat in counted),
        "throttled_periods": sum(stat["nr_throttled"] for stat in counted),
        "throttled_seconds": nanoseconds / 1e9,
    }


def _statistics(group: Path) -> dict[str, int]:
    """Read a group's counters: version 1 counts nanoseconds under one name, version 2 microseconds under another."""
    pairs = [line.split() for line in _read(group / "cpu.stat").splitlines()]
    return {name: int(value) for name, value in pairs}


def _quota(group: Path) -> float | None:
    quota, _, period = _read(group / "cpu.max").partition(" ")  # version 2
    if not quota:
        quota, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")  # version 1
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return int(quota) / int(period)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """List the groups of this process, each with the groups that hold it, in both versions' trees."""
    base = root / "sys/fs/cgroup"
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, place = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = base / controller if controllers else base
        own = top / place.lstrip("/")
        yield own
        yield from (parent for parent in own.parents if parent.is_relative_to(top))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # a limit that is not there does not limit
        return ""
