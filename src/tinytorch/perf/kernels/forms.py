"""Which form of the kernels this machine runs, decided when it is asked for.

- `amx`: as `vnni`, and from 16 rows on by tiles of 16 rows and 64 bytes.
- `vnni`: AVX-512 with VNNI, four products of bytes a lane and instruction.
- `avx2`: two products of halves a lane and instruction.
- `plain`: vectors that LLVM makes of whatever the machine has.
- `numpy`: no Numba, or none wanted; the NumPy twins.

The environment variable `TINYTORCH_KERNELS` names one of them; tests and comparisons set it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import sys
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.errors import RangeError, StateError, explain

__all__ = ["FORMS", "VARIABLE", "VNNI", "form", "has_numba", "lanes", "possible_forms", "require_form", "vector_layout"]

VARIABLE = "TINYTORCH_KERNELS"
ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA = 158, 0x1023, 18
VNNI = ("avx512f", "avx512bw", "avx512vl", "avx512vnni")
FLAGS = {
    "amx": (*VNNI, "amx-tile", "amx-int8"),
    "vnni": VNNI,
    "avx2": ("avx2", "fma"),
    "plain": (),
}
FORMS = (*FLAGS, "numpy")


def form() -> str:
    """Name the form to run: the one asked for, or the best that this machine can.

    Raises:
        RangeError: If the one asked for does not exist.
        StateError: If this machine, or this installation, cannot run it.
    """
    wanted = os.environ.get(VARIABLE, "") or "auto"
    possible = possible_forms()
    if wanted == "auto":
        return possible[0]
    if wanted not in FORMS:
        raise RangeError(explain(VARIABLE, f"auto or one of {', '.join(FORMS)}", wanted))
    if wanted not in possible:
        remedy = "Install tinytorch[fast], or leave the variable unset."
        raise StateError(explain(VARIABLE, f"one of {', '.join(possible)} here", wanted, remedy=remedy))
    return wanted


def possible_forms() -> tuple[str, ...]:
    """List the forms that can run here, the best first."""
    if not has_numba():
        return ("numpy",)
    flags = _cpu_flags()
    able = [name for name, needed in FLAGS.items() if flags.issuperset(needed)]
    return (*(name for name in able if name != "amx" or _may_use_amx()), "numpy")


def require_form(name: str, what: str = "weights") -> None:
    """Refuse to run what was packed for a form that this machine has not, as after packing on another.

    Raises:
        StateError: If it has not.
    """
    if name not in possible_forms():
        got, remedy = f"{what} packed for {name}", "Quantize the model here."
        raise StateError(explain(f"packed {what}", f"for {', '.join(possible_forms())}", got, remedy=remedy))


def lanes() -> int:
    """How many floats the vectors of single-precision kernels hold: 16 with AVX-512, else 8."""
    return 16 if form() in {"amx", "vnni"} else 8


def vector_layout() -> NDArray[Any]:
    """Give what tells kernels how wide vectors are: an array of int64 for 16 floats, of int32 for 8."""
    return _layout(os.environ.get(VARIABLE, ""))


@cache
def _layout(form: str) -> NDArray[Any]:
    del form  # what `lanes` reads
    return np.zeros(1, np.int64 if lanes() == 16 else np.int32)


@cache
def has_numba() -> bool:
    """Say whether Numba is installed, and not told to compile nothing."""
    disabled = os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}
    return importlib.util.find_spec("numba") is not None and not disabled


@cache
def _may_use_amx() -> bool:
    """Ask Linux for the registers of AMX, which a process must do once; other systems are not asked.

    Source:
        The Linux kernel's documentation, Using XSTATE features in user space applications.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    permitted = ctypes.CDLL(None, use_errno=True).syscall(ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA)
    return bool(permitted == 0)


@cache
def _cpu_flags() -> frozenset[str]:
    from llvmlite import binding

    return frozenset(name for name, there in binding.get_host_cpu_features().items() if there)
