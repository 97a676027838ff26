"""Measuring: any call, any model of any framework; this floor knows none of them.

Names are loaded when first used, so that `import tinytorch.benchmarking` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinytorch.benchmarking.blas import pinned_blas
    from tinytorch.benchmarking.campaign import compare
    from tinytorch.benchmarking.case import Case, case_of
    from tinytorch.benchmarking.certificate import Certificate
    from tinytorch.benchmarking.clock import CLOCK, Clock, MonotonicClock, read_cost_ns, utc_now
    from tinytorch.benchmarking.comparison import Comparison
    from tinytorch.benchmarking.design import PRESETS, Design
    from tinytorch.benchmarking.doors.benchmark import Benchmark
    from tinytorch.benchmarking.doors.events import OlympicEvent
    from tinytorch.benchmarking.doors.live import live_case
    from tinytorch.benchmarking.doors.result import BenchmarkResult
    from tinytorch.benchmarking.doors.suite import BenchmarkSuite
    from tinytorch.benchmarking.doors.techniques import compare_optimization_techniques
    from tinytorch.benchmarking.doors.timer import precise_timer
    from tinytorch.benchmarking.doors.tinyml import TinyMLPerf
    from tinytorch.benchmarking.environment import MachineCounters, collect_environment, machine_counters
    from tinytorch.benchmarking.measurement import Measurement, Sampling, measure
    from tinytorch.benchmarking.memory import count_elements, inference_peak_bytes, stored_bytes
    from tinytorch.benchmarking.metrics import METRICS
    from tinytorch.benchmarking.null_run import certify
    from tinytorch.benchmarking.outcomes import Outcomes
    from tinytorch.benchmarking.scenarios import SCENARIOS
    from tinytorch.benchmarking.sessions import Hooks, Progress
    from tinytorch.benchmarking.statistics import Estimate, Samples, mean, percentile, sample_std, throughput, wilson
    from tinytorch.benchmarking.subjects import Subject, Workload, subject_of
    from tinytorch.benchmarking.timing import Latency, Plan, measure_latencies, measure_latency
    from tinytorch.benchmarking.workers import Failure, FailureKind, WorkerError

NAMES = {
    "blas": ("pinned_blas",),
    "campaign": ("compare",),
    "case": ("Case", "case_of"),
    "certificate": ("Certificate",),
    "clock": ("CLOCK", "Clock", "MonotonicClock", "read_cost_ns", "utc_now"),
    "comparison": ("Comparison",),
    "design": ("PRESETS", "Design"),
    "doors.benchmark": ("Benchmark",),
    "doors.events": ("OlympicEvent",),
    "doors.live": ("live_case",),
    "doors.result": ("BenchmarkResult",),
    "doors.suite": ("BenchmarkSuite",),
    "doors.techniques": ("compare_optimization_techniques",),
    "doors.timer": ("precise_timer",),
    "doors.tinyml": ("TinyMLPerf",),
    "environment": ("MachineCounters", "collect_environment", "machine_counters"),
    "measurement": ("Measurement", "Sampling", "measure"),
    "memory": ("count_elements", "inference_peak_bytes", "stored_bytes"),
    "metrics": ("METRICS",),
    "null_run": ("certify",),
    "outcomes": ("Outcomes",),
    "scenarios": ("SCENARIOS",),
    "sessions": ("Hooks", "Progress"),
    "statistics": ("Estimate", "Samples", "mean", "percentile", "sample_std", "throughput", "wilson"),
    "subjects": ("Subject", "Workload", "subject_of"),
    "timing": ("Latency", "Plan", "measure_latencies", "measure_latency"),
    "workers": ("Failure", "FailureKind", "WorkerError"),
}
HOMES = {name: f"tinytorch.benchmarking.{module}" for module, names in NAMES.items() for name in names}

__all__ = [
    "CLOCK",
    "METRICS",
    "PRESETS",
    "SCENARIOS",
    "Benchmark",
    "BenchmarkResult",
    "BenchmarkSuite",
    "Case",
    "Certificate",
    "Clock",
    "Comparison",
    "Design",
    "Estimate",
    "Failure",
    "FailureKind",
    "Hooks",
    "Latency",
    "MachineCounters",
    "Measurement",
    "MonotonicClock",
    "OlympicEvent",
    "Outcomes",
    "Plan",
    "Progress",
    "Samples",
    "Sampling",
    "Subject",
    "TinyMLPerf",
    "WorkerError",
    "Workload",
    "case_of",
    "certify",
    "collect_environment",
    "compare",
    "compare_optimization_techniques",
    "count_elements",
    "inference_peak_bytes",
    "live_case",
    "machine_counters",
    "mean",
    "measure",
    "measure_latencies",
    "measure_latency",
    "percentile",
    "pinned_blas",
    "precise_timer",
    "read_cost_ns",
    "sample_std",
    "stored_bytes",
    "subject_of",
    "throughput",
    "utc_now",
    "wilson",
]


def __getattr__(name: str) -> Any:
    """Load a name from its module and keep it here."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
