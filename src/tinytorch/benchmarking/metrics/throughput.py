"""How many samples a second go through, at the batch size that suits the model best."""

from __future__ import annotations

import math

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.metrics.metric import Finding, Measured, Metric, Unavailable
from tinytorch.benchmarking.scenarios.offline import offline

__all__ = ["METRIC", "measure_throughput"]

NAME, UNIT = "throughput", "samples_per_second"


def measure_throughput(case: Case) -> Finding:
    """Measure a sweep of batch sizes by batch means, and report the best of them and all of them."""
    if case.batch is None:
        return Unavailable(NAME, "throughput needs a model that can be called on a batch")
    record = offline(case.batch, clock=case.clock)
    parts = {f"batch_{sweep.size}": sweep.samples_per_second for sweep in record.sweeps}
    return Measured(NAME, UNIT, record.best.samples_per_second, parts, record.to_dict())


METRIC = Metric(NAME, UNIT, "more", (0.0, math.inf), measure_throughput)
