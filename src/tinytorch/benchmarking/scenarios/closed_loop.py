"""SingleStream and MultiStream: the next query starts when the last one is done.

Source:
    V. J. Reddi et al. (2020), MLPerf Inference Benchmark, section III-C, on the scenarios' definitions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinytorch.benchmarking.clock import CLOCK, Clock
from tinytorch.benchmarking.statistics import Estimate, percentile
from tinytorch.benchmarking.timing import Latency, Plan, measure_latency
from tinytorch.errors import RangeError, explain

__all__ = ["StreamRecord", "multi_stream", "single_stream"]

Call = Callable[[], object]
CALLS = 2000


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """The queries of a closed loop, one after the other.

    Attributes:
        scenario: `single_stream` or `multi_stream`.
        samples_per_query: How many samples each query held.
        latency: Every query's duration, and how it was timed.
    """

    scenario: str
    samples_per_query: int
    latency: Latency

    def percentile_ns(self, percent: float) -> Estimate:
        """Estimate a percentile of the queries' latency, in nanoseconds; unknown where the queries are too few."""
        return percentile(self.latency.samples.nanoseconds, percent)

    def to_dict(self) -> dict[str, object]:
        """Give the record with its raw samples, as it travels in a file."""
        return {
            "scenario": self.scenario,
            "samples_per_query": self.samples_per_query,
            "warmup_count": self.latency.warmup_count,
            "clock_cost_ns": self.latency.clock_cost_ns,
            "blas_threads": self.latency.blas_threads,
            "latency_samples_ns": list(self.latency.samples.nanoseconds),
        }


def single_stream(call: Call, calls: int = CALLS, warmup: int = 20, clock: Clock = CLOCK) -> StreamRecord:
    """Send one sample at a time.

    Args:
        call: One inference of one sample.
        calls: Timed queries, at least 1; 368 are the fewest that give a p99.
        warmup: Untimed ones before.
        clock: What tells the time.

    Example:
        >>> record = single_stream(lambda: sum(range(50)), calls=40)
        >>> record.samples_per_query, record.percentile_ns(90).value is not None, record.percentile_ns(99).value
        (1, True, None)
    """
    return StreamRecord("single_stream", 1, measure_latency(call, Plan(runs=calls, warmup=warmup), clock))


def multi_stream(
    batch: Callable[[int], Call], samples: int = 8, calls: int = CALLS, warmup: int = 20, clock: Clock = CLOCK
) -> StreamRecord:
    """Send queries of several samples, one query at a time; a query is done when all its samples are.

    Args:
        batch: Makes the inference of so many samples.
        samples: How many a query holds, at least 1.
        calls: Timed queries.
        warmup: Untimed ones before.
        clock: What tells the time.

    Raises:
        RangeError: If `samples` is not a whole number of at least 1.
    """
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise RangeError(explain("samples", "a whole number of at least 1", samples))
    latency = measure_latency(batch(samples), Plan(runs=calls, warmup=warmup), clock)
    return StreamRecord("multi_stream", samples, latency)
