"""What a model was measured to be worth, and the raw numbers that this follows from."""

from __future__ import annotations

from typing import ClassVar

from tinytorch.capstone.record.data import Packed
from tinytorch.capstone.record.fields import (
    Absent,
    Confidence,
    Count,
    CountOrZero,
    NotNegative,
    Number,
    Origin,
    Part,
    Positive,
    Share,
    Text,
)

__all__ = ["Estimate", "Metrics", "Samples", "ShareEstimate"]


class _Estimated(Part):
    confidence: Confidence
    """How often such an interval holds the true value."""
    origin: Origin
    """Whether the value was measured, is derived from raw numbers in this file, or is declared by its author."""
    reason: Absent[Text] = None
    """Why the value or an end is null."""


class Estimate(_Estimated):
    """A number above 0 with the interval that holds the true one."""

    value: Positive | None
    """The estimate; null where the samples are too few for one."""
    low: Number | None
    """The lower end; where the value is null, its one-sided lower bound; null where nothing bounds it."""
    high: Number | None
    """The upper end; null where nothing bounds it."""


class ShareEstimate(_Estimated):
    """A ratio in [0, 1] with the interval that holds the true one."""

    value: Share
    """The estimate."""
    low: Share | None
    """The lower end; null where nothing bounds it."""
    high: Share | None
    """The upper end; null where nothing bounds it."""


class Metrics(Part):
    """The six core metrics, and what else was measured; latencies are those of one sample alone."""

    parameter_count: Count
    """Measured: the numbers in the model's parameters; a shared array counts once."""
    stored_bytes: Count
    """Measured: bytes of parameters and buffers as stored."""
    accuracy: ShareEstimate
    """Derived: correct_count / test_count, with Wilson's interval."""
    latency_mean_seconds: Estimate
    """Derived: the mean of the samples, with Student's interval: about calls of this one process, not about others."""
    latency_std_seconds: NotNegative
    """Derived: their standard deviation, n-1 in the divisor; 0 of one sample."""
    throughput_single_samples_per_second: Positive
    """Derived: 1 / latency_mean_seconds, one sample at a time."""
    latency_min_seconds: Absent[Positive] = None
    """Derived: the shortest."""
    latency_p50_seconds: Absent[Estimate] = None
    """Derived: the order statistic of rank ceil(0.50 n), with its interval by ranks; null below 6 samples."""
    latency_p90_seconds: Absent[Estimate] = None
    """Derived: the order statistic of rank ceil(0.90 n), with its interval by ranks; null below 36 samples."""
    latency_p99_seconds: Absent[Estimate] = None
    """Derived: the order statistic of rank ceil(0.99 n), with its interval by ranks; null below 368 samples."""
    latency_max_seconds: Absent[Positive] = None
    """Derived: the longest."""
    throughput_batch_samples_per_second: Estimate | None = None
    """Derived: batch_size times batches over the time they took, with the interval of batch means; null if untimed."""
    peak_memory_bytes: CountOrZero | None = None
    """Measured: the most that Python and NumPy allocated during one inference, in a pass of its own."""
    first_call_seconds: Absent[Positive] = None
    """Measured: the very first inference."""
    clock_cost_seconds: Absent[NotNegative] = None
    """Measured: what two adjacent reads of the clock say has passed; it was taken off each sample."""


class Samples(Part):
    """Raw numbers, as they were read or counted."""

    dependent: ClassVar = {"correct_count": ("test_count",)}

    correct_count: Absent[CountOrZero] = None
    """Measured: test samples whose class was right."""
    test_count: Absent[Count] = None
    """Measured: test samples in all."""
    predictions: Absent[Packed] = None
    """Measured: the class that the model gave each test sample, in the order of the data set's labels."""
    latency_nanoseconds: Absent[Packed] = None
    """Measured: individually timed inferences of one sample, in order, the clock's cost taken off each."""
    batch_nanoseconds: Absent[Packed] = None
    """Measured: individually timed inferences of a whole batch, in order."""
