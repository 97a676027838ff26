"""Counters of what disturbs a measurement: read before and after, their difference belongs to it."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self, TypeVar

from tinytorch.benchmarking.environment import cgroups, host

__all__ = ["MachineCounters", "machine_counters"]

SYSTEM = Path("/")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MachineCounters:
    """What has been counted so far. A counter that this system does not keep is none.

    Attributes:
        steal_seconds: Time a hypervisor gave to others, over all cores.
        throttled_periods: Scheduling periods in which a control group ran out of its quota.
        throttled_seconds: Time that this process's control groups stood still for it.
        involuntary_switches: Times this process lost its core with work left to do.
        voluntary_switches: Times it gave its core up, to wait.
        major_faults: Pages it had to wait for a disk for.
        cpu_seconds: Time it ran, in its own code and in the system's.
        collections: Runs of Python's garbage collector.
        load: How many processes wanted to run, over the last minute; a level, not a count.
    """

    steal_seconds: float | None
    throttled_periods: int | None
    throttled_seconds: float | None
    involuntary_switches: int | None
    voluntary_switches: int | None
    major_faults: int | None
    cpu_seconds: float | None
    collections: int
    load: float | None

    def since(self, earlier: Self) -> Self:
        """Give what was counted from `earlier` to now; `load` stays the level of now.

        Example:
            >>> before = machine_counters()
            >>> machine_counters().since(before).collections
            0
        """
        names = [field.name for field in fields(self) if field.name != "load"]
        counted = {name: _difference(getattr(self, name), getattr(earlier, name)) for name in names}
        return type(self)(**counted, load=self.load)

    def as_dict(self) -> dict[str, float | int | None]:
        """Give the counters by name, as they travel in a record."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def machine_counters(root: Path = SYSTEM) -> MachineCounters:
    """Read the counters of the machine and of this process; it takes some tenths of a millisecond."""
    throttled = _or_none(lambda: cgroups.throttling(root)) or {}
    return MachineCounters(
        steal_seconds=_or_none(lambda: host.steal_seconds(root)),
        throttled_periods=throttled.get("throttled_periods"),
        throttled_seconds=throttled.get("throttled_seconds"),
        **_own(),
        collections=sum(generation["collections"] for generation in gc.get_stats()),
        load=_or_none(lambda: os.getloadavg()[0]),
    )


def _own() -> dict[str, Any]:
    try:
        import resource
    except ImportError:  # Windows keeps no such account
        return dict.fromkeys(("involuntary_switches", "voluntary_switches", "major_faults", "cpu_seconds"))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "involuntary_switches": usage.ru_nivcsw,
        "voluntary_switches": usage.ru_nvcsw,
        "major_faults": usage.ru_majflt,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
    }


def _or_none(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (OSError, LookupError, ValueError, AttributeError):  # this system does not keep the counter
        return None


def _difference(now: Any, before: Any) -> Any:
    return None if now is None or before is None else now - before
