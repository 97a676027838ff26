"""What the control groups of Linux let this process have: a container's share of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

__all__ = ["cpu_limit", "memory_limit"]

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
