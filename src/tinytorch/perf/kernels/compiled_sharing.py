"""Sharing a kernel's work among threads that wait for it awake, without Python's lock.

Whoever shares writes on a *board* what there is to do; whoever is free takes the next part. The calling thread takes
parts like all others, so that it waits for nobody who has not begun, and a part is the same whoever takes it.

A board is an array of words, each of them on a cache line of its own:

    TURN     the number of the work, how many parts it has, and how many are taken: in one word, so that a part is
             taken only of the work that was looked at
    DONE     how many parts are done
    JOB      the function to call, the place of its arguments, and how many rows there are
    BUSY     whether somebody shares; another thread that calls a kernel meanwhile does all of its work itself

Behind them is a word for each helper: whether it waits for Python to wake it. `crew.py` has the helpers.

Imported only where Numba is wanted.
"""

# Numba compiles these functions by their text, for the kinds of what they are called with.
# mypy: ignore-errors

from __future__ import annotations

import hashlib
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numba
import numpy as np
from numba import types

from tinytorch.perf.kernels import compiled_jobs
from tinytorch.perf.kernels.caching import cached, specialized
from tinytorch.perf.kernels.compiled_jobs import add, exchange, give_way, job_of, load, place_of, rest, run_job, store

__all__ = ["serve", "shared"]

# Numba's disk cache sees a kernel's file change, and no other: what is shared bears the state of these two in its name.
STATE = hashlib.sha256(b"".join(Path(file).read_bytes() for file in (__file__, compiled_jobs.__file__))).hexdigest()[:8]

TURN, DONE, JOB, BUSY = 0, 64, 128, 192  # places on a board, in bytes
PATIENT = 1024  # rests before another thread is let in, some 16 µs


def joined(function):
    """Compile a function that whatever calls it keeps on disk."""
    return numba.njit(nogil=True, error_model="numpy")(function)


@joined
def pause(waited):
    """Wait a moment; now and then for as long as another thread wants, should it be the one that is waited for."""
    if waited % PATIENT == 0:
        give_way()
    else:
        rest()


@joined
def take(board):
    """Do the next part, if there is one to be taken, and say whether there was."""
    turn = load(board + TURN)
    part, parts = turn & 0xFFFF, (turn >> 16) & 0xFFFF
    if part >= parts:
        return False
    job, place, count = load(board + JOB), load(board + JOB + 8), load(board + JOB + 16)
    if exchange(board + TURN, turn, turn + 1):
        run_job(job, place, part, part * count // parts, (part + 1) * count // parts)
        add(board + DONE, 1)
    return True


@joined
def share(board, parts, count, job, place):
    """Do a job in parts, with the help of whoever is awake."""
    if parts == 1 or not exchange(board + BUSY, 0, 1):
        for part in range(parts):
            run_job(job, place, part, part * count // parts, (part + 1) * count // parts)
        return
    store(board + JOB, job)
    store(board + JOB + 8, place)
    store(board + JOB + 16, count)
    store(board + DONE, 0)
    store(board + TURN, (((load(board + TURN) >> 32) + 1) << 32) | (parts << 16))
    while take(board):
        pass
    waited = 0
    while load(board + DONE) < parts:
        waited += 1
        pause(waited)
    store(board + BUSY, 0)


def run_serve(board, own, patience):
    """Take parts until there have been none for so many rests; then say on the board that it sleeps.

    Args:
        board: The words.
        own: Which of them is the helper's.
        patience: How many rests.
    """
    here, idle = np.int64(board.ctypes.data), 0
    while idle < patience:
        if take(here):
            idle = 0
        else:
            idle += 1
            pause(idle)
    store(here + 8 * own, 1)


def run_shared(board, parts, count, arguments):
    """Let threads do a kernel's work in parts; the names in capitals are given by `shared`.

    Args:
        board: The words.
        parts: How many, fewer than 65,536.
        count: The number of rows to cut.
        arguments: What the kernel takes, as a tuple.
    """
    share(np.int64(board.ctypes.data), parts, count, job_of(KERNEL, CUTS, arguments), place_of(arguments))  # noqa: F821


def serve() -> Any:
    """Give `run_serve`."""
    function = renamed(run_serve.__code__, run_serve, globals())
    return specialized(cached(function), (types.int64[::1], types.int64, types.int64))


def shared(kernel: Any, signature: tuple[Any, ...], cuts: str) -> Any:
    """Give a function of a board, the number of parts, the number of rows, and the kernel's arguments in a tuple.

    It is `run_shared` with other names in its globals. Numba keeps it on disk beside the kernel, as long as the
    kernel's file does not change.

    Args:
        kernel: A compiled function.
        signature: Of its arguments, before they are cut.
        cuts: How they are cut, as `job_of` has it.
    """
    source = kernel.py_func
    place = {"co_filename": source.__code__.co_filename, "co_firstlineno": source.__code__.co_firstlineno}
    known = {**globals(), "KERNEL": kernel, "CUTS": cuts, "__name__": source.__module__}
    function = renamed(run_shared.__code__.replace(**place), source, known)
    whole = types.int64
    return specialized(cached(function), (whole[::1], whole, whole, types.Tuple(signature)))


def renamed(code: CodeType, source: FunctionType, known: dict[str, Any]) -> FunctionType:
    """Make a function that Numba's disk cache takes for one of the file of `source`, in the present state."""
    function = FunctionType(code, known, f"shared_{source.__name__}_{STATE}")
    function.__module__, function.__qualname__ = source.__module__, function.__name__
    return function
