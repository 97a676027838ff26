"""The switch that puts compiled twins in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from tinytorch.core.ops import OPS, Op
from tinytorch.core.updates import UPDATES, Update
from tinytorch.errors import RangeError, StateError, explain
from tinytorch.perf.acceleration.twins import TWINS, UPDATE_TWINS
from tinytorch.perf.kernels import VARIABLE, form, has_numba
from tinytorch.perf.kernels.threads import set_threads, thread_count, threads_set

__all__ = ["Acceleration", "accelerate"]

REMEDY = "Install tinytorch[fast], or leave out required=True to go on with NumPy."


@dataclass(frozen=True)
class Acceleration:
    """What a call of `accelerate` did, and the way back; as a context manager it ends with the block.

    Attributes:
        ops: The ops and updates whose compiled twins are in force by this call; empty where there can be none.
        threads: How many threads the twins use, the calling one included.
        reason: Why `ops` is empty; empty itself if it is not.
    """

    ops: tuple[str, ...]
    threads: int
    reason: str = ""
    before: tuple[dict[str, Callable[..., Any]], int | None] = field(default=({}, None), repr=False)

    def end(self) -> None:
        """Put in force what was before the call."""
        runs, count = self.before
        for name, run in runs.items():
            _place(name).use(run)
        set_threads(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.end()


def accelerate(ops: Sequence[str] | None = None, *, threads: int | None = None, required: bool = False) -> Acceleration:
    """Let ops on tensors and steps of optimizers run their compiled twins in the whole process.

    As a statement, `accelerate()` holds until `.end()` is called on what it gives; in `with accelerate(): ...` it holds
    for the block. Inputs that a twin does not serve, such as float64, are computed by NumPy as before. Results differ
    from NumPy's by rounding, as sums are taken in another order; they are the same, bit for bit, for the same number of
    threads. A kernel is compiled when it is first needed, and kept on disk.

    Args:
        ops: Names in `TWINS` or, of updates, in `UPDATE_TWINS`; all of them if left out.
        threads: From 1 to the number of processors. If left out, what NUMBA_NUM_THREADS or OMP_NUM_THREADS says, or
            one a processor.
        required: Whether it is an error that nothing can be compiled here. If not, NumPy goes on; `reason` says why.

    Raises:
        RangeError: If an op has no twin, or the number of threads is none.
        StateError: If compiled kernels are required, and there is no Numba or the environment forbids it.

    Example:
        >>> import numpy as np
        >>> from tinytorch import Conv2d, Tensor
        >>> with accelerate(threads=1) as acceleration:
        ...     out = Conv2d(1, 8, 3)(Tensor(np.zeros((2, 1, 28, 28), np.float32)))
        >>> out.shape, acceleration.threads
        ((2, 8, 26, 26), 1)
    """
    names = (*TWINS, *UPDATE_TWINS) if ops is None else tuple(ops)
    _require_twins(names)
    before = {name: _place(name).in_force for name in names}, threads_set()
    reason = _hindrance()
    if reason and required:
        raise StateError(explain("compiled kernels", "possible where they are required", reason, remedy=REMEDY))
    if threads is not None:
        set_threads(threads)
    if reason:
        return Acceleration((), thread_count(), reason, before)
    twins: dict[str, Callable[..., Any]] = {**TWINS, **UPDATE_TWINS}
    for name in names:
        _place(name).use(twins[name])
    return Acceleration(names, thread_count(), "", before)


def _require_twins(names: Sequence[str]) -> None:
    for name in names:
        if name not in TWINS and name not in UPDATE_TWINS:
            raise RangeError(explain("an op to accelerate", f"one of {', '.join((*TWINS, *UPDATE_TWINS))}", name))


def _place(name: str) -> Op | Update:
    """Find what is switched."""
    return OPS[name] if name in OPS else UPDATES[name]


def _hindrance() -> str:
    """Say why nothing can be compiled here; nothing if it can."""
    if not has_numba():
        return "Numba is not installed, or told to compile nothing"
    return f"{VARIABLE} says numpy" if form() == "numpy" else ""
