"""Is this a submission, and do its numbers follow from each other? Every problem at once.

Three steps: JSON's own types (`documents.plain`), the published schema (`schema/submission.v1.json`), and the rules that
no schema can say, each a function in `RULES`. A rule sees only what the earlier steps found sound.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tinytorch.capstone.documents import NOTHING, Problem, Steps, plain
from tinytorch.capstone.metrics import ORDERED, derived, improvements
from tinytorch.errors import SubmissionError

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

__all__ = ["RULES", "SCHEMA_FILE", "problems", "sound_copy", "validate_submission_schema"]

Object = dict[str, Any]

SCHEMA_FILE = Path(__file__).parent / "schema" / "submission.v1.json"
EXACT = 1e-6  # relative: what other machines' last bits may differ by, and far more
ROUNDED = 0.01  # relative: the most that rounding of numbers written by hand may explain


def validate_submission_schema(submission: object) -> bool:
    """Check a submission against the schema, and its numbers against each other.

    Returns:
        True; there is no other answer than that or the exception.

    Raises:
        SubmissionError: If anything is wrong: an `AssertionError` and a `ValueError` at once, whose `problems` lists all of
            it, each with its path, value, rule and remedy.
    """
    sound_copy(submission)
    return True


def sound_copy(submission: object) -> Object:
    """Copy a submission into JSON's types.

    Raises:
        SubmissionError: If anything is wrong with it.
    """
    document, found = _judged(submission)
    if found:
        heading = f"the submission has {len(found)} problem{'s' if len(found) > 1 else ''}:"
        raise SubmissionError("\n".join([heading, *(f"- {problem}" for problem in found)]), found)
    return cast("Object", document)


def problems(submission: object) -> list[Problem]:
    """List everything that is wrong with a submission; the text of each problem is one line.

    Example:
        >>> print(problems([])[0])
        the submission must be an object; got [] — at $.
    """
    return _judged(submission)[1]


def _judged(submission: object) -> tuple[Any, list[Problem]]:
    document, found = plain(submission)
    found += _schema_problems(document)
    if isinstance(document, dict):
        sound = _without(document, {problem.steps for problem in found})
        found += [problem for rule in RULES for problem in rule(sound)]
    first = {problem.steps: problem for problem in reversed(found)}  # the first thing wrong with a value is enough
    return document, [problem for problem in found if first[problem.steps] is problem]


def _without(document: Object, bad: set[Steps]) -> Object:
    """Copy what is sound; a list with anything unsound inside is not."""
    tainted = bad | {steps[:end] for steps in bad for end, step in enumerate(steps) if isinstance(step, int)}
    return _kept(document, (), tainted)


def _kept(document: Object, at: Steps, tainted: set[Steps]) -> Object:
    inside = ((name, value, (*at, name)) for name, value in document.items())
    return {
        name: _kept(value, steps, tainted) if isinstance(value, dict) else value
        for name, value, steps in inside
        if steps not in tainted
    }


# The schema


@cache
def _schema() -> tuple[Object, Draft202012Validator]:
    import jsonschema_rs

    schema = json.loads(SCHEMA_FILE.read_bytes())
    return schema, jsonschema_rs.Draft202012Validator(schema)


def _schema_problems(document: object) -> list[Problem]:
    schema, validator = _schema()
    return [_schema_problem(error, schema) for error in validator.iter_errors(document)]


def _schema_problem(error: ValidationError, schema: Object) -> Problem:
    steps, broken = tuple(error.instance_path), _resolved(schema, error.schema_path[:-1])
    if error.kind.name == "required":
        missing: str = error.kind.as_dict()["property"]
        owner = broken if "properties" in broken else _resolved(schema, error.schema_path[:-2])
        rule = _resolved(schema, [], owner["properties"][missing])["x-rule"]
        return Problem((*steps, missing), rule, NOTHING, "Add it.")
    return Problem(steps, broken["x-rule"], error.instance, _remedy(broken, error.instance))


def _resolved(schema: Object, path: Iterable[str | int], start: Object | None = None) -> Object:
    found: Any = schema if start is None else start
    for step in path:
        found = found[step]
    if "$ref" in found:
        for step in found["$ref"].removeprefix("#/").split("/"):
            schema = schema[step]
        return schema
    return cast("Object", found)


def _remedy(broken: Object, value: object) -> str | None:
    is_number = bool({"number", "integer"} & set(_listed(broken.get("type", []))))
    if is_number and isinstance(value, bool):
        return "True and false are no numbers."
    if is_number and isinstance(value, str) and "%" not in value:
        return "Write a number, without quotes or units."
    return cast("str | None", broken.get("x-remedy"))


def _listed(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else types


# The rules that no schema can say


def _check_timestamp(submission: Object) -> Iterator[Problem]:
    """Refuse the 30th of February: a pattern knows digits, not calendars."""
    try:
        datetime.fromisoformat(submission.get("timestamp", "2000-01-01T00:00"))
    except ValueError:
        rule = "a date and time that the calendar has"
        yield Problem(("timestamp",), rule, submission["timestamp"], "Write it as 2026-01-31T12:00:00+00:00.")


def _check_counts(submission: Object) -> Iterator[Problem]:
    for steps, metrics in _measured(submission):
        correct, total = metrics.get("correct_count", 0), metrics.get("test_count", 0)
        if correct > total:
            rule = f"at most test_count, which is {total}"
            yield Problem((*steps, "correct_count"), rule, correct, "Count the test samples again.")


def _check_derived(submission: Object) -> Iterator[Problem]:
    """Compute again whatever follows from raw numbers, and compare."""
    for steps, metrics in _measured(submission):
        raw = {name: value for name, value in metrics.items() if metrics.get("correct_count", 0) <= 0 or name}
        for name, expected in derived(raw).items():
            if name in metrics and not _follows(metrics[name], expected, _slack(metrics[name], metrics)):
                yield _contradiction((*steps, name), metrics[name], expected)


def _check_throughput(submission: Object) -> Iterator[Problem]:
    for steps, metrics in _measured(submission):
        name, average = "throughput_samples_per_sec", metrics.get("latency_ms_mean")
        if name in metrics and average is not None:
            slack = _slack(metrics[name], metrics) + _slack(average, metrics)
            if not _follows(metrics[name], 1000 / average, slack):
                yield _contradiction((*steps, name), metrics[name], 1000 / average)
