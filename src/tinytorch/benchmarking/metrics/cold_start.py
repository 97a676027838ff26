"""How long a model takes to give its first answer in a fresh process."""

from __future__ import annotations

import math

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.metrics.metric import Finding, Measured, Metric, Unavailable
from tinytorch.benchmarking.metrics.processes import estimates, in_fresh, values_of
from tinytorch.benchmarking.statistics import sign_interval

__all__ = ["METRIC", "measure_cold_start"]

NAME, UNIT = "cold_start", "seconds"
PROCESSES = 10
STAGES = ("import_ns", "build_ns", "first_call_ns", "second_call_ns")
UNTIL_FIRST = STAGES[:3]


def measure_cold_start(case: Case) -> Finding:
    """Time ten fresh processes from the import of the model's module to its first answer, and each stage of it.

    Building includes the loading of weights where the factory loads some. The interpreter's own start is not counted.
    The second call is a part of its own: what it takes less than the first is what only the first one pays for.
    """
    if case.start is None:
        return Unavailable(NAME, "cold start needs a model that a fresh process can import")
    answers = in_fresh(case, PROCESSES, lambda _, loaded: loaded)
    columns = {stage: values_of(answers, stage, 1e-9) for stage in STAGES}
    totals = [math.fsum(stages) for stages in zip(*(columns[stage] for stage in UNTIL_FIRST), strict=True)]
    parts = estimates({stage.removesuffix("_ns"): values for stage, values in columns.items()}, 0.95)
    raw = {stage: [answer[stage] for answer in answers] for stage in STAGES}
    return Measured(NAME, UNIT, sign_interval(totals), parts, raw)


METRIC = Metric(NAME, UNIT, "less", (0.0, math.inf), measure_cold_start)
