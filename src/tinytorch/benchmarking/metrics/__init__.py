"""What can be measured of a model. A metric is one file here and one line in `METRICS`; a contract test has its row."""

from tinytorch.benchmarking.metrics import accuracy, cold_start, energy, latency, memory, parameter_count, throughput
from tinytorch.benchmarking.metrics.accuracy import compare_accuracy, require_same_outputs
from tinytorch.benchmarking.metrics.metric import Finding, Measured, Metric, Unavailable

__all__ = [
    "METRICS",
    "Finding",
    "Measured",
    "Metric",
    "Unavailable",
    "compare_accuracy",
    "require_same_outputs",
]

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        latency.METRIC,
        accuracy.METRIC,
        throughput.METRIC,
        memory.METRIC,
        cold_start.METRIC,
        energy.METRIC,
        parameter_count.METRIC,
    )
}
