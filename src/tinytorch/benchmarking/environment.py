"""The record of the machine a measurement was made on: what a reader needs to judge its numbers.

No host name, no user name, no path: a record is made to be shared.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tinytorch.benchmarking import cgroups
from tinytorch.benchmarking.blas import blas_pools

__all__ = ["ENTRIES", "collect_environment"]

PACKAGES = ("tinytorch", "scipy", "safetensors", "jsonschema-rs", "psutil", "threadpoolctl")
THREAD_VARIABLES = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
CPUINFO = Path("/proc/cpuinfo")
CPU_FOLDER = Path("/sys/devices/system/cpu")


def collect_environment() -> dict[str, object]:
    """Describe the machine, its limits, its load, the matrix libraries and the versions.

    An entry that cannot be had is none, and `unavailable` says why. Sizes are bytes, times are seconds.

    Example:
        >>> sorted(collect_environment())[:3]
        ['blas', 'cgroup_cpus', 'cgroup_memory_bytes']
    """
    record: dict[str, object] = {}
    reasons: dict[str, str] = {}
    for name, read in ENTRIES.items():
        try:
            record[name] = read()
        except Exception as error:  # noqa: BLE001  a machine that hides an entry must not stop a measurement
            record[name] = None
            reasons[name] = f"{type(error).__name__}: {_reason(error)}"
    return record | {"unavailable": reasons}


def _reason(error: Exception) -> str:
    """Say what was wrong, without the path that an `OSError` names."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _numpy_version() -> str:
    return version("numpy")


def _versions() -> dict[str, str | None]:
    return {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str | None:
    if CPUINFO.exists():
        return _cpuinfo("model name") or platform.machine()
    return platform.processor() or platform.machine() or None


def _cpuinfo(field: str) -> str | None:
    for line in CPUINFO.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return None


def _physical_cores() -> int | None:
    import psutil

    count: int | None = psutil.cpu_count(logical=False)
    return count


def _affinity() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def _is_virtual() -> bool:
    return "hypervisor" in (_cpuinfo("flags") or "").split()


def _smt_is_on() -> bool:
    return (CPU_FOLDER / "smt/active").read_text().strip() == "1"


def _governor() -> str:
    return (CPU_FOLDER / "cpu0/cpufreq/scaling_governor").read_text().strip()


def _memory_total() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _memory_available() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def _load() -> list[float]:
    return [round(load, 2) for load in os.getloadavg()]


def _steal() -> float:
    import psutil

    return float(psutil.cpu_times().steal)


def _blas() -> list[dict[str, object]]:
    wanted = ("internal_api", "version", "num_threads", "threading_layer", "architecture")
    return [{name: pool.get(name) for name in wanted} for pool in blas_pools()]


def _thread_variables() -> dict[str, str]:
    return {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}


ENTRIES: dict[str, Callable[[], object]] = {
    "platform": platform.platform,
    "python_version": platform.python_version,
    "numpy_version": _numpy_version,
    "python_implementation": platform.python_implementation,
    "versions": _versions,
    "cpu_model": _cpu_model,
    "cpu_architecture": platform.machine,
    "logical_cores": os.cpu_count,
    "physical_cores": _physical_cores,
    "cpu_affinity": _affinity,
    "smt_is_on": _smt_is_on,
    "cpu_governor": _governor,
    "is_virtual": _is_virtual,
    "cgroup_cpus": cgroups.cpu_limit,
    "cgroup_memory_bytes": cgroups.memory_limit,
    "memory_total_bytes": _memory_total,
    "memory_available_bytes": _memory_available,
    "load_average": _load,
    "cpu_steal_seconds": _steal,
    "blas": _blas,
    "thread_environment": _thread_variables,
}
