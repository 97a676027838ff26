"""The record others can check: made from reports, saved whole, loaded with suspicion."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from tinytorch.benchmarking.clock import utc_now
from tinytorch.capstone.intake import content_of, json_document
from tinytorch.capstone.metrics import IMPROVEMENTS, improvements
from tinytorch.capstone.record.proto import from_proto, is_proto, to_proto
from tinytorch.capstone.validation import sound_copy
from tinytorch.errors import RangeError, StateError, explain
from tinytorch.files import write_atomically

__all__ = ["generate_submission", "load_submission", "save_submission"]

SCHEMA_VERSION = 1
PROTO = ".pb"
# A text in JSON holds no line break, so this is never found inside one.
NUMBERS_OVER_LINES = re.compile(r"\[\n([-+\d.eE,\s]*)\]")


class Report(Protocol):
    """What a submission needs of a report; `BenchmarkReport` has it, and so may a class of the user's own."""

    model_name: str
    metrics: dict[str, Any]
    system_info: dict[str, Any]


def generate_submission(
    baseline_report: Report,
    optimized_report: Report | None = None,
    student_name: str | None = None,
    techniques_applied: list[str] | None = None,
) -> dict[str, Any]:
    """Make a submission of one report, or of two and the improvement from the first to the second.

    The improvements are computed here, from the reports' metrics. `techniques_applied` belongs to the optimized model
    and is left out without one. The submission is not judged yet: `save_submission` does that.

    Raises:
        StateError: If a report has no metrics yet.
        RangeError: If a metric that improvements need is missing, or is not a finite number, or is 0 where it divides.
    """
    submission = {
        "schema_version": SCHEMA_VERSION,
        "tinytorch_version": version("tinytorch"),
        "submission_type": "capstone_benchmark",
        "timestamp": utc_now(),
        "system_info": deepcopy(baseline_report.system_info),
        "baseline": _part(baseline_report),
    }
    if student_name:
        submission["student_name"] = student_name
    if optimized_report is not None:
        submission["optimized"] = _part(optimized_report) | {"techniques_applied": list(techniques_applied or [])}
        submission["improvements"] = _improvements(baseline_report, optimized_report)
    return submission


def save_submission(submission: Mapping[str, Any], filepath: str | os.PathLike[str] = "submission.json") -> str:
    """Validate a submission of either version, then write it whole or not at all.

    A name that ends in `.pb` gets Protocol Buffers, which begin with version 2; any other one gets JSON.

    Returns:
        The path given, as text.

    Raises:
        SubmissionError: If the submission is not valid; no file is then written.
        DataError: If the file cannot be written, or cannot hold such a submission.
    """
    write_atomically(filepath, _written(sound_copy(submission), filepath))
    return os.fspath(filepath)


def _written(document: dict[str, Any], filepath: str | os.PathLike[str]) -> bytes:
    if Path(filepath).suffix == PROTO:
        return to_proto(document)
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    # A thousand samples on a thousand lines would bury the rest.
    compact = NUMBERS_OVER_LINES.sub(lambda found: f"[{' '.join(found[1].split())}]", text)
    return f"{compact}\n".encode()


def load_submission(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a submission, as JSON or as Protocol Buffers: its content tells.

    Whether it is valid is for `validation.problems` to say.

    Raises:
        DataError: If the file cannot be read, is too large, or is not UTF-8, not JSON, not one object; if it has NaN
            or infinity, the same key twice in an object, or is nested too deep to read.
    """
    content = content_of(path)
    return from_proto(content, os.fspath(path)) if is_proto(content) else json_document(content, os.fspath(path))


def _part(report: Report) -> dict[str, Any]:
    if not report.metrics:
        remedy = "Call benchmark_model first, or fill in metrics."
        raise StateError(explain(f"the report {report.model_name!r}", "filled", "no metrics", remedy=remedy))
    return {"model_name": report.model_name, "metrics": deepcopy(report.metrics)}


def _improvements(baseline: Report, optimized: Report) -> dict[str, float]:
    for improvement in IMPROVEMENTS:
        _require_number(baseline.metrics, improvement.source, at="baseline")
        _require_number(optimized.metrics, improvement.source, at="optimized")
        if improvement.source != "accuracy" and optimized.metrics[improvement.source] == 0:
            place = f"$.optimized.metrics.{improvement.source}"
            raise RangeError(explain(improvement.source, "above 0, as a ratio divides by it", 0, at=place))
    return improvements(baseline.metrics, optimized.metrics)


def _require_number(metrics: Mapping[str, Any], name: str, *, at: str) -> None:
    value = metrics.get(name)
    try:
        is_number = not isinstance(value, bool) and math.isfinite(value)  # type: ignore[arg-type]
    except (TypeError, OverflowError):  # no number, or an integer too large for a float
        is_number = False
    if not is_number:
        got = "nothing" if value is None else repr(value)
        raise RangeError(explain(name, "a finite number", got, at=f"$.{at}.metrics.{name}"))
