"""Measuring: any call, any model of any framework; this floor knows none of them."""

from tinytorch.benchmarking.blas import pinned_blas
from tinytorch.benchmarking.clock import CLOCK, Clock, MonotonicClock, read_cost_ns, utc_now
from tinytorch.benchmarking.environment import MachineCounters, collect_environment, machine_counters
from tinytorch.benchmarking.measure import Latency, Plan, measure_latencies, measure_latency
from tinytorch.benchmarking.memory import count_elements, inference_peak_bytes, stored_bytes
from tinytorch.benchmarking.statistics import Estimate, Samples, mean, percentile, sample_std, throughput, wilson

__all__ = [
    "CLOCK",
    "Clock",
    "Estimate",
    "Latency",
    "MachineCounters",
    "MonotonicClock",
    "Plan",
    "Samples",
    "collect_environment",
    "count_elements",
    "inference_peak_bytes",
    "machine_counters",
    "mean",
    "measure_latencies",
    "measure_latency",
    "percentile",
    "pinned_blas",
    "read_cost_ns",
    "sample_std",
    "stored_bytes",
    "throughput",
    "utc_now",
    "wilson",
]
