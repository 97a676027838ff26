"""Timing single calls in a process that holds the subject: warmed up, one by one, the yardstick on either side."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from tinytorch.benchmarking.case import Process
from tinytorch.benchmarking.measurement.sampling import FEWEST_CALLS
from tinytorch.benchmarking.measurement.single_calls import SingleCalls
from tinytorch.benchmarking.statistics import steady_state

__all__ = ["time_calls"]

WARMUP_CALLS, WARMUPS, WARMUP_NS = 100, 4, 250_000_000
BLOCK_NS = 50_000_000  # of one answer: an interrupt loses no more
YARDSTICKS = 5
STAGES = ("import_ns", "build_ns", "first_call_ns", "second_call_ns")
Ask = Callable[..., dict[str, Any]]


def time_calls(
    process: Process, loaded: dict[str, Any], count: Callable[[float], int], seconds: float, index: int = 0
) -> SingleCalls:
    """Time the calls of one session.

    The yardstick runs before the warm-up and after the last call, never between: 0.1 ms of it slowed the calls that
    came next by 7 to 15 %, for 4 ms, and by 8 % for longer where they multiply matrices too.

    An interrupt from the keyboard ends the session early; it is then marked as not whole.

    Args:
        process: Holds the subject, loaded.
        loaded: What it answered to `load`.
        count: Says how many calls to time, given what one lasts in nanoseconds.
        seconds: How long one answer may take.
        index: Which session, from 0.

    Raises:
        WorkerError: If the subject failed.
        KeyboardInterrupt: If an interrupt came before six calls were timed.
    """

    def ask(command: str, **arguments: Any) -> dict[str, Any]:
        return process.ask(command, seconds, **arguments)

    ask("collect")
    cost, before = int(ask("clock")["cost_ns"]), _yardsticks(ask)
    warmup = _warmed_up(ask)
    durations: list[int] = []
    after: list[int] = []
    output: dict[str, Any] = {}
    about: dict[str, Any] = {name: loaded[name] for name in ("python", "resident_bytes")}
    is_whole = False
    try:
        _time(ask, durations, count(statistics.median(warmup)), statistics.median(warmup))
        after += _yardsticks(ask)
        output, about = _output(ask, loaded), about | _status(ask)
        is_whole = True
    except KeyboardInterrupt:
        if len(durations) < FEWEST_CALLS:
            raise
    return SingleCalls(
        index=index,
        durations_ns=tuple(durations),
        clock_cost_ns=cost,
        before_ns=tuple(before),
        after_ns=tuple(after),
        warmup_ns=tuple(warmup),
        load_ns={name: int(loaded[name]) for name in STAGES},
        output=output,
        process=about,
        is_whole=is_whole,
    )


def _warmed_up(ask: Ask) -> list[int]:
    """Call until the times settle, or long enough."""
    series: list[int] = []
    for _ in range(WARMUPS):
        series += ask("warm_up", calls=1, epochs=WARMUP_CALLS, limit_ns=WARMUP_NS)["epochs_ns"]
        if sum(series) >= WARMUP_NS or steady_state(series).is_steady:
            break
    return series


def _time(ask: Ask, durations: list[int], calls: int, call_ns: float) -> None:
    """Time so many calls, and keep those that were timed before an interrupt."""
    block = max(1, int(BLOCK_NS / max(call_ns, 1)))
    while len(durations) < calls:
        durations += ask("single", calls=min(block, calls - len(durations)))["durations_ns"]


def _yardsticks(ask: Ask) -> list[int]:
    return [int(ask("yardstick")["wall_ns"]) for _ in range(YARDSTICKS)]


def _output(ask: Ask, loaded: dict[str, Any]) -> dict[str, Any]:
    """Hash what a call gives, and say whether the first two gave the same."""
    last = ask("outputs")
    digests = {entry["digest"] for entry in (*loaded["outputs"], last)}
    return last | {"repeats": None if None in digests else len(digests) == 1}


def _status(ask: Ask) -> dict[str, Any]:
    status = ask("status")
    return {f"{name}_at_end": status.get(name) for name in ("calls", "resident_bytes", "forks")}
