"""The record of the machine a measurement was made on: what a reader needs to judge its numbers.

No host name, no user name, no path: a record is made to be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tinytorch.benchmarking.environment import cgroups, host, processor, revision, software

__all__ = ["ENTRIES", "collect_environment"]

Entry = Callable[[Path], object]
SYSTEM = Path("/")

ENTRIES: dict[str, Entry] = {
    "platform": software.platform_name,
    "python_version": software.python_version,
    "numpy_version": software.numpy_version,
    "python_implementation": software.python_implementation,
    "python_build": software.python_build,
    "garbage_collector": software.garbage_collector,
    "versions": software.versions,
    "cpu_model": processor.model,
    "cpu_architecture": processor.architecture,
    "logical_cores": processor.logical_cores,
    "physical_cores": processor.physical_cores,
    "cpu_affinity": processor.affinity,
    "cpu_caches": processor.caches,
    "smt_is_on": processor.smt_is_on,
    "cpu_governor": processor.governor,
    "cpu_boost_is_on": processor.boost_is_on,
    "clock_source": processor.clock_source,
    "is_virtual": host.is_virtual,
    "hypervisor": host.hypervisor,
    "container": host.container,
    "cgroup_cpus": cgroups.cpu_limit,
    "cgroup_memory_bytes": cgroups.memory_limit,
    "cgroup_throttling": cgroups.throttling,
    "memory_total_bytes": host.memory_total,
    "memory_available_bytes": host.memory_available,
    "load_average": host.load_average,
    "cpu_steal_seconds": host.steal_seconds,
    "blas": software.blas,
    "thread_environment": software.thread_variables,
    "git": revision.git_state,
}


def collect_environment(root: Path = SYSTEM, entries: Mapping[str, Entry] = ENTRIES) -> dict[str, object]:
    """Describe the machine, its limits, its load, the matrix libraries, the versions and the checkout worked in.

    An entry that cannot be had is none, and `unavailable` says why. Sizes are bytes, times are seconds.

    Args:
        root: Where the system's own files begin.
        entries: What to record; each is given `root`.

    Example:
        >>> sorted(collect_environment())[:3]
        ['blas', 'cgroup_cpus', 'cgroup_memory_bytes']
    """
    record: dict[str, object] = {}
    reasons: dict[str, str] = {}
    for name, read in entries.items():
        try:
            record[name] = read(root)
        except Exception as error:  # noqa: BLE001  a machine that hides an entry must not stop a measurement
            record[name] = None
            reasons[name] = f"{type(error).__name__}: {_reason(error)}"
    return record | {"unavailable": reasons}


def _reason(error: Exception) -> str:
    """Say what was wrong, without the path that an `OSError` names."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
