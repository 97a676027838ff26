"""How many numbers a model has learned."""

from __future__ import annotations

import math

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.memory import count_elements
from tinytorch.benchmarking.metrics.metric import Finding, Measured, Metric, Unavailable
from tinytorch.benchmarking.statistics import Estimate

__all__ = ["METRIC", "measure_parameter_count"]

NAME, UNIT = "parameters", "count"


def measure_parameter_count(case: Case) -> Finding:
    """Count the numbers in the model's parameters, each array once; a count has no error."""
    if case.model is None:
        return Unavailable(NAME, "counting parameters needs the live model")
    count = float(count_elements(case.model))
    if not count:
        return Unavailable(NAME, "the model shows no parameters")
    return Measured(NAME, UNIT, Estimate(count, count, count))


METRIC = Metric(NAME, UNIT, "less", (0.0, math.inf), measure_parameter_count)
