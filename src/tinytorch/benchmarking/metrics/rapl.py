"""The energy counters of processors: what the packages and their memory have used since some instant.

Source:
    Intel (2023), Software Developer's Manual, volume 3B, section 15.10: running average power limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Zone", "joules_between", "rapl_zones", "read_zones"]

PLACE = "sys/class/powercap"


@dataclass(frozen=True, slots=True)
class Zone:
    """One counter.

    Attributes:
        name: What it counts, such as `package-0`.
        file: Where it is read.
        wraps_at: The microjoules after which it starts again from 0.
    """

    name: str
    file: Path
    wraps_at: int


def rapl_zones(root: Path = Path("/")) -> list[Zone]:
    """Find the counters of packages, and those of memory, which are not part of a package's.

    Raises:
        LookupError: If there are none, or they may not be read; the message is the reason.
    """
    places = sorted((root / PLACE).glob("intel-rapl:*"))
    zones = [zone for place in places if (zone := _zone(place)) is not None]
    if not zones:
        raise LookupError("this machine shows no energy counters (RAPL), as virtual machines rarely do")
    try:
        read_zones(zones)
    except PermissionError as error:
        raise LookupError("the energy counters (RAPL) may be read by the system's administrator only") from error
    return zones


def read_zones(zones: Sequence[Zone]) -> list[int]:
    """Read every counter, in microjoules."""
    return [int(zone.file.read_text()) for zone in zones]


def joules_between(zones: Sequence[Zone], before: Sequence[int], after: Sequence[int]) -> float:
    """Add up what was used between two readings, when each counter started again at most once.

    Example:
        >>> zone = Zone("package-0", Path("energy_uj"), wraps_at=1_000_000)
        >>> joules_between([zone], [900_000], [400_000])
        0.5
    """
    readings = zip(zones, before, after, strict=True)
    return sum((late - early) % zone.wraps_at for zone, early, late in readings) / 1e6


def _zone(place: Path) -> Zone | None:
    name = (place / "name").read_text().strip()
    # core and uncore are inside a package, and psys holds the packages: counting them would count twice
    if not name.startswith("package") and name != "dram":
        return None
    return Zone(name, place / "energy_uj", int((place / "max_energy_range_uj").read_text()))
