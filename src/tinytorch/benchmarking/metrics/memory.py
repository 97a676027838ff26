"""How much memory an inference needs beyond what the loaded model holds, measured in processes of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from tinytorch.benchmarking.case import Case, Process
from tinytorch.benchmarking.metrics.metric import Finding, Measured, Metric, Unavailable
from tinytorch.benchmarking.metrics.processes import SECONDS, Answer, estimates, in_fresh, values_of

__all__ = ["METRIC", "measure_memory"]

NAME, UNIT = "peak_memory", "bytes"
PROCESSES = 5
CONFIDENCE = 0.9  # the smallest and the largest of five hold the median with 93.75 %
PEAKS = {"peak_resident_bytes": "peak_rss_delta", "peak_allocated_bytes": "traced_peak"}
PARTS = ("peak_resident_bytes", "peak_allocated_bytes", "stored_bytes", "serialized_bytes")


def measure_memory(case: Case) -> Finding:
    """Weigh the model in five fresh processes: what an inference drives the resident memory up by, and what is stored.

    The parts are also what Python and NumPy allocate at once, the parameters as stored, and the file they make.
    """
    if case.start is None:
        return Unavailable(NAME, "memory needs a model that a process of its own can load")
    answers = in_fresh(case, PROCESSES, _weighed)
    columns = {part: values_of(answers, part) for part in PARTS}
    if not columns["peak_resident_bytes"]:
        return Unavailable(NAME, "this system does not let a process set back the peak of its memory")
    parts = estimates(columns, CONFIDENCE)
    raw = {part: [answer.get(part) for answer in answers] for part in (*PARTS, "passes")}
    return Measured(NAME, UNIT, parts.pop("peak_resident_bytes"), parts, raw)


def _weighed(process: Process, _: Answer) -> Answer:
    """Ask for the passes of the peaks, each by its median, and for the weights."""
    passes = process.ask("memory", SECONDS)["passes"]
    peaks = {name: _median([found[key] for found in passes]) for name, key in PEAKS.items()}
    return process.ask("weigh", SECONDS) | peaks | {"passes": passes}


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if len(known) == len(values) else None


METRIC = Metric(NAME, UNIT, "less", (0.0, math.inf), measure_memory)
