"""The processor: which one, how many cores, what caches, and what may change its speed."""

from __future__ import annotations

import os
import platform
from pathlib import Path

__all__ = [
    "affinity",
    "architecture",
    "boost_is_on",
    "caches",
    "clock_source",
    "flags",
    "governor",
    "logical_cores",
    "model",
    "physical_cores",
    "smt_is_on",
]

CPUS = "sys/devices/system/cpu"
UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3}


def model(root: Path) -> str | None:
    """Name the processor."""
    if (root / "proc/cpuinfo").exists():
        return _cpuinfo(root, "model name") or platform.machine()
    return platform.processor() or platform.machine() or None


def flags(root: Path) -> set[str]:
    """Name what the processor says it can do.

    Raises:
        OSError: If the system does not show it.
        LookupError: If this kind of processor does not.
    """
    listed = _cpuinfo(root, "flags")
    if listed is None:
        raise LookupError("this kind of processor lists no flags")
    return set(listed.split())


def architecture(_: Path) -> str:
    """Name the instruction set."""
    return platform.machine()


def logical_cores(_: Path) -> int | None:
    """Count what the scheduler sees."""
    return os.cpu_count()


def physical_cores(_: Path) -> int | None:
    """Count the cores, whatever the number of threads each can hold."""
    import psutil

    count: int | None = psutil.cpu_count(logical=False)
    return count


def affinity(_: Path) -> list[int]:
    """List the cores this process may run on."""
    return sorted(os.sched_getaffinity(0))


def caches(root: Path) -> list[dict[str, object]]:
    """Describe the caches of the first core: level, kind, bytes, bytes a line, and how many cores share it.

    Raises:
        OSError: If the system does not show them.
    """
    folder = root / CPUS / "cpu0/cache"
    places = sorted(place for place in folder.iterdir() if place.name.startswith("index"))
    return [_cache(place) for place in places]


def smt_is_on(root: Path) -> bool:
    """Say whether two threads may share one core."""
    return _read(root / CPUS / "smt/active") == "1"


def governor(root: Path) -> str:
    """Name what chooses the frequency of the first core."""
    return _read(root / CPUS / "cpu0/cpufreq/scaling_governor")


def boost_is_on(root: Path) -> bool:
    """Say whether the clock may rise above its base frequency for a while."""
    intel = root / CPUS / "intel_pstate/no_turbo"
    if intel.exists():
        return _read(intel) == "0"
    return _read(root / CPUS / "cpufreq/boost") == "1"


def clock_source(root: Path) -> str:
    """Name what the system's clock counts."""
    return _read(root / "sys/devices/system/clocksource/clocksource0/current_clocksource")


def _cache(place: Path) -> dict[str, object]:
    size = _read(place / "size")  # as in 48K
    unit = UNITS.get(size[-1:], 1)
    return {
        "level": int(_read(place / "level")),
        "type": _read(place / "type").lower(),
        "size_bytes": int(size.rstrip("KMG")) * unit,
        "line_bytes": int(_read(place / "coherency_line_size")),
        "shared_by": _count(_read(place / "shared_cpu_list")),
    }


def _count(cores: str) -> int:
    """Count a list such as 0-3,8."""
    ends = [[int(end) for end in part.split("-")] for part in cores.split(",")]
    return sum(part[-1] - part[0] + 1 for part in ends)


def _cpuinfo(root: Path, field: str) -> str | None:
    for line in (root / "proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return None


def _read(path: Path) -> str:
    return path.read_text().strip()
