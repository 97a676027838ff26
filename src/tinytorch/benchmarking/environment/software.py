"""Python, its build and its collector, the packages, and the matrix libraries."""

from __future__ import annotations

import gc
import os
import platform
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tinytorch.benchmarking.blas import blas_pools

__all__ = [
    "blas",
    "garbage_collector",
    "numpy_version",
    "platform_name",
    "python_build",
    "python_implementation",
    "python_version",
    "thread_variables",
    "versions",
]

PACKAGES = ("tinytorch", "scipy", "safetensors", "jsonschema-rs", "psutil", "threadpoolctl", "numba", "torch")
THREAD_VARIABLES = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def platform_name(_: Path) -> str:
    """Name system, release and architecture."""
    return platform.platform()


def python_version(_: Path) -> str:
    """Give the interpreter's version."""
    return platform.python_version()


def python_implementation(_: Path) -> str:
    """Name the interpreter."""
    return platform.python_implementation()


def python_build(_: Path) -> dict[str, object]:
    """Say what about this build of the interpreter changes its speed."""
    return {
        "compiler": platform.python_compiler(),
        "is_debug": hasattr(sys, "gettotalrefcount"),
        "has_gil": not sysconfig.get_config_var("Py_GIL_DISABLED"),
        "optimize": sys.flags.optimize,
        "dev_mode": sys.flags.dev_mode,
        "hash_seed_is_fixed": os.environ.get("PYTHONHASHSEED", "random") != "random",
    }


def garbage_collector(_: Path) -> dict[str, object]:
    """Say whether the collector is on, when it starts, and how many objects it passes over."""
    return {"is_on": gc.isenabled(), "thresholds": list(gc.get_threshold()), "frozen": gc.get_freeze_count()}


def numpy_version(_: Path) -> str:
    """Give NumPy's version."""
    return version("numpy")


def versions(_: Path) -> dict[str, str | None]:
    """Give the versions of the packages that matter; none for one that is not installed."""
    return {name: _version(name) for name in PACKAGES}


def blas(_: Path) -> list[dict[str, object]]:
    """Describe the matrix libraries: whose, which version, how many threads."""
    wanted = ("internal_api", "version", "num_threads", "threading_layer", "architecture")
    return [{name: pool.get(name) for name in wanted} for pool in blas_pools()]


def thread_variables(_: Path) -> dict[str, str]:
    """Give the variables that limit or steer the matrix libraries."""
    return {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
