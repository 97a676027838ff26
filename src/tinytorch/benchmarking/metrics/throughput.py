"""How many samples a second go through, at the batch size that suits the model best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tinytorch.benchmarking.case import Case, Process
from tinytorch.benchmarking.metrics.metric import Finding, Measured, Metric, Unavailable
from tinytorch.benchmarking.metrics.processes import SECONDS, in_fresh
from tinytorch.benchmarking.scenarios.offline import EPOCH_NS, SIZES, BatchSweep, offline
from tinytorch.benchmarking.statistics import Estimate, Samples, t_interval, throughput
from tinytorch.benchmarking.workers import FailureKind, WorkerError

__all__ = ["METRIC", "measure_throughput"]

NAME, UNIT = "throughput", "samples_per_second"
PROCESSES = 5
EPOCHS = 8  # of each size in each process: 40 means of batches in all
LONGEST_CALL_NS = 250_000_000  # of a batch that is tried; 20 s of one size, its untimed calls included
WARMUP_CALLS, WARMUP_NS = 100, 50_000_000
TOLD = {FailureKind.REFUSED, FailureKind.RAISED}  # the process lives on


def measure_throughput(case: Case) -> Finding:
    """Measure a sweep of batch sizes, which take turns, and report the best of them and all of them.

    Of five fresh processes where they can be had, the interval being that over processes; else of this one, by batch
    means. Sizes that the model does not take, or that last more than a quarter of a second, are left out and named.
    """
    if case.batch is not None:
        record = offline(case.batch, clock=case.clock)
        parts = {f"batch_{sweep.size}": sweep.samples_per_second for sweep in record.sweeps}
        return Measured(NAME, UNIT, record.best.samples_per_second, parts, record.to_dict())
    if case.start is None:
        return Unavailable(NAME, "throughput needs a model that can be called on a batch, here or in a fresh process")
    sizes, left_out = in_fresh(case, 1, lambda process, _: _sizes(process))[0]
    if not sizes:
        return Unavailable(NAME, left_out[SIZES[0]])
    return _found(in_fresh(case, PROCESSES, lambda process, _: _swept(process, sizes)), left_out)


def _sizes(process: Process) -> tuple[list[int], dict[int, str]]:
    """Find the sizes that can be had, the smallest first; the first that cannot be ends the search, with its reason."""
    sizes: list[int] = []
    for size in SIZES:
        if reason := _refusal(process, size):
            return sizes, {size: reason}
        sizes.append(size)
    return sizes, {}


def _refusal(process: Process, size: int) -> str:
    """Try a batch, and say why it cannot be measured; empty where it can. A single sample may take its time."""
    try:
        process.ask("batch", SECONDS, size=size)
        lasted = int(process.ask("epoch", SECONDS, calls=1)["wall_ns"])
    except WorkerError as error:
        if error.failure.kind not in TOLD:
            raise
        return f"at a batch of {size}: {error.failure.message}"
    if size > SIZES[0] and lasted > LONGEST_CALL_NS:
        return f"a batch of {size} takes {lasted / 1e9:.2g} s"
    return ""


def _swept(process: Process, sizes: Sequence[int]) -> list[BatchSweep]:
    """Let all sizes take turns in one process, every second round in reverse order."""
    calls = {size: _calibrated(process, size) for size in sizes}
    epochs: dict[int, list[int]] = {size: [] for size in sizes}
    for number in range(EPOCHS):
        for size in sizes if number % 2 == 0 else reversed(sizes):
            process.ask("batch", SECONDS, size=size)
            epochs[size].append(max(int(process.ask("epoch", SECONDS, calls=calls[size])["wall_ns"]), 1))
    return [BatchSweep(size, calls[size], tuple(epochs[size])) for size in sizes]


def _calibrated(process: Process, size: int) -> int:
    process.ask("batch", SECONDS, size=size)
    process.ask("warm_up", SECONDS, calls=1, epochs=WARMUP_CALLS, limit_ns=WARMUP_NS)
    return int(process.ask("calibrate", SECONDS, target_ns=EPOCH_NS)["calls"])


def _found(sweeps: Sequence[Sequence[BatchSweep]], left_out: Mapping[int, str]) -> Measured:
    parts = {f"batch_{of_size[0].size}": _over_processes(of_size) for of_size in zip(*sweeps, strict=True)}
    best = max(parts.values(), key=lambda part: part.value or 0.0)
    raw = {
        "processes": [[sweep.to_dict() for sweep in process] for process in sweeps],
        "left_out": {str(size): reason for size, reason in left_out.items()},
    }
    return Measured(NAME, UNIT, best, parts, raw)


def _over_processes(sweeps: Sequence[BatchSweep]) -> Estimate:
    """Estimate the throughput of one size, with the interval that processes differ by."""
    rates = [throughput(sweep.size * sweep.calls, Samples(sweep.epochs_ns)) for sweep in sweeps]
    found = t_interval([math.log(rate) for rate in rates])
    value, low, high = (None if end is None else math.exp(end) for end in (found.value, found.low, found.high))
    return Estimate(value, low, high, found.confidence, found.reason)


METRIC = Metric(NAME, UNIT, "more", (0.0, math.inf), measure_throughput)
