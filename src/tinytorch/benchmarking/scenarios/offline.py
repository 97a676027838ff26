"""Offline: everything is there at once, and only the throughput counts; measured over a sweep of batch sizes.

The sizes take turns, so that a change of the machine's speed meets all of them. A throughput is samples over the time
they took, never the reciprocal of a latency.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinytorch.benchmarking.clock import CLOCK, Clock
from tinytorch.benchmarking.statistics import Estimate, Samples, throughput_interval
from tinytorch.benchmarking.statistics.estimates import FEWEST_BATCHES
from tinytorch.errors import RangeError, explain
from tinytorch.quiet import quiet_process

__all__ = ["SIZES", "BatchSweep", "OfflineRecord", "offline"]

Call = Callable[[], object]
SIZES = (1, 4, 16, 64, 256)
EPOCH_NS = 1_000_000
MOST_CALLS = 2**16  # of the shortest call there is, 30 ns, these last 2 ms


@dataclass(frozen=True, slots=True)
class BatchSweep:
    """The epochs of one batch size.

    Attributes:
        size: Samples in a call.
        calls: Calls between two readings of the clock.
        epochs_ns: What each epoch took.
    """

    size: int
    calls: int
    epochs_ns: tuple[int, ...]

    @property
    def samples_per_second(self) -> Estimate:
        """The throughput, with the interval that the epochs' means allow."""
        return throughput_interval(self.size * self.calls, Samples(self.epochs_ns))

    def to_dict(self) -> dict[str, object]:
        """Give everything by name, as it travels in a file."""
        return {"size": self.size, "calls": self.calls, "epochs_ns": list(self.epochs_ns)}


@dataclass(frozen=True, slots=True)
class OfflineRecord:
    """A sweep over batch sizes.

    Attributes:
        sweeps: One for each size, in the order asked for.
        blas_threads: The threads the matrix library had; none if there is no such library to ask.
    """

    sweeps: tuple[BatchSweep, ...]
    blas_threads: int | None
    scenario: str = "offline"

    @property
    def best(self) -> BatchSweep:
        """The size with the highest throughput."""
        return max(self.sweeps, key=lambda sweep: sweep.samples_per_second.value or 0.0)

    def to_dict(self) -> dict[str, object]:
        """Give the record with its raw samples, as it travels in a file."""
        swept = [sweep.to_dict() for sweep in self.sweeps]
        return {"scenario": self.scenario, "blas_threads": self.blas_threads, "sweeps": swept}


def offline(
    batch: Callable[[int], Call], sizes: Sequence[int] = SIZES, epochs: int = FEWEST_BATCHES, clock: Clock = CLOCK
) -> OfflineRecord:
    """Measure the throughput at each batch size.

    Args:
        batch: Makes the inference of so many samples.
        sizes: The batch sizes, each at least 1, none twice.
        epochs: How many epochs of each size, at least 20.
        clock: What tells the time.

    Raises:
        RangeError: If there are too few epochs, or the sizes are unusable.

    Example:
        >>> record = offline(lambda size: lambda: sum(range(size)), sizes=(10, 1000))
        >>> [len(sweep.epochs_ns) for sweep in record.sweeps]
        [20, 20]
    """
    _require(sizes, epochs)
    calls = [batch(size) for size in sizes]
    with quiet_process() as threads:
        counts = [_calibrated(call, clock) for call in calls]
        durations: list[list[int]] = [[] for _ in sizes]
        for epoch in range(epochs):
            order = range(len(sizes)) if epoch % 2 == 0 else reversed(range(len(sizes)))
            for i in order:
                if len(sizes) > 1:
                    calls[i]()  # the caches are another size's
                durations[i].append(max(_timed(calls[i], counts[i], clock), 1))
    swept = zip(sizes, counts, durations, strict=True)
    return OfflineRecord(tuple(BatchSweep(size, count, tuple(times)) for size, count, times in swept), threads)


def _require(sizes: Sequence[int], epochs: int) -> None:
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < FEWEST_BATCHES:
        raise RangeError(explain("epochs", f"a whole number of at least {FEWEST_BATCHES}", epochs))
    whole = all(isinstance(size, int) and not isinstance(size, bool) and size >= 1 for size in sizes)
    if not sizes or not whole or len(set(sizes)) < len(sizes):
        raise RangeError(explain("the batch sizes", "different whole numbers of at least 1", list(sizes)))


def _calibrated(call: Call, clock: Clock) -> int:
    """Find how many calls last an epoch: doubled until they do, twice in a row."""
    count = 1
    while count < MOST_CALLS:
        if min(_timed(call, count, clock), _timed(call, count, clock)) >= EPOCH_NS:
            break
        count *= 2
    return count


def _timed(call: Call, count: int, clock: Clock) -> int:
    start = clock.now_ns()
    for _ in range(count):
        call()
    return clock.now_ns() - start
