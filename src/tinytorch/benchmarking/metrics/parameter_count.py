"""How many numbers a model has learned."""

from __future__ import annotations

import math

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.memory import count_elements
from tinytorch.benchmarking.metrics.metric import Finding, Measured, Metric, Unavailable
from tinytorch.benchmarking.metrics.processes import SECONDS, in_fresh
from tinytorch.benchmarking.statistics import Estimate

__all__ = ["METRIC", "measure_parameter_count"]

NAME, UNIT = "parameters", "count"


def measure_parameter_count(case: Case) -> Finding:
    """Count the numbers in the model's parameters, each array once; a count has no error."""
    if case.model is None and case.start is None:
        return Unavailable(NAME, "counting parameters needs the live model, or a fresh process that can load it")
    count = _in_a_process(case) if case.model is None else count_elements(case.model)
    if not count:
        return Unavailable(NAME, "the model shows no parameters")
    return Measured(NAME, UNIT, Estimate(count, count, count))


def _in_a_process(case: Case) -> int | None:
    (weighed,) = in_fresh(case, 1, lambda process, _: process.ask("weigh", SECONDS))
    count: int | None = weighed["parameter_count"]
    return count


METRIC = Metric(NAME, UNIT, "less", (0.0, math.inf), measure_parameter_count)
