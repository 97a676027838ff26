"""Is this a submission, and do its numbers follow from each other? Every problem at once.

Three steps: JSON's own types (`documents`), the published schema (`structure`), and the rules between fields (`rules`),
which see only what the steps before found sound.
"""

from __future__ import annotations

from typing import Any, cast

from tinytorch.capstone.documents import MOST_PROBLEMS, Problem, Steps, Told, is_plain, plain, shortened
from tinytorch.capstone.rules import STAGES
from tinytorch.capstone.structure import schema_version, structure_problems
from tinytorch.errors import SubmissionError

__all__ = ["problems", "sound_copy", "validate_submission_schema"]

Object = dict[str, Any]

PACKED = {"labels", "predictions", "latency_nanoseconds", "batch_nanoseconds"}


def validate_submission_schema(submission: object) -> bool:
    """Check a submission against the schema, and its numbers against each other.

    Returns:
        True; there is no other answer than that or the exception.

    Raises:
        SubmissionError: If anything is wrong. It is an `AssertionError` and a `ValueError` at once, and its `problems`
            are all there are, each with its path, value, rule and remedy.
    """
    sound_copy(submission)
    return True


def sound_copy(submission: object) -> Object:
    """Copy a submission into JSON's types: NumPy's numbers become Python's.

    Raises:
        SubmissionError: If anything is wrong with it.
    """
    document, unlike_json = plain(submission)
    found = _judged(document, unlike_json)
    if found:
        heading = f"the submission has {len(found)} problem{'s' if len(found) > 1 else ''}:"
        raise SubmissionError("\n".join([heading, *(f"- {problem}" for problem in found)]), found)
    return cast("Object", document)


def problems(submission: object) -> list[Problem]:
    """List everything that is wrong with a submission; the text of each problem is one line.

    Of more than a thousand problems, the first thousand are listed, and that there are more.

    Example:
        >>> len(problems({}))
        5
    """
    return _judged(submission, []) if is_plain(submission) else _judged(*plain(submission))


def _judged(document: Any, unlike_json: list[Problem]) -> list[Problem]:
    found = [*unlike_json, *structure_problems(document)]
    if isinstance(document, dict) and len(unlike_json) < MOST_PROBLEMS:
        sound = _sound_part(document, found) if found else document
        for stage in STAGES[schema_version(document)]:
            found += [problem for rule in stage for problem in rule(sound)]
            if found:
                sound = _without(sound, {_owner(problem.steps) for problem in found})
    return _first_of_each(found) if found else found


def _owner(steps: Steps) -> Steps:
    """Give the packed samples that a value belongs to, as they are one value; of others, the value."""
    return next((steps[: end + 1] for end, step in enumerate(steps) if step in PACKED), steps)


def _first_of_each(found: list[Problem]) -> list[Problem]:
    """Keep the first thing that is wrong with a value: the next ones often say it again."""
    first: dict[Steps, Problem] = {}
    for problem in found:
        first.setdefault(problem.steps, problem)
    if len(first) <= MOST_PROBLEMS:
        return list(first.values())
    more = Problem((), f"of at most {MOST_PROBLEMS:,} problems", Told("more"), "Mend the others first.")
    return [*list(first.values())[:MOST_PROBLEMS], more]


def _sound_part(document: Object, found: list[Problem]) -> Object:
    shorter, cut = shortened(document)  # as far as the schema was asked
    return _without(shorter, {problem.steps for problem in found} | cut)


def _without(document: Object, unsound: set[Steps]) -> Object:
    """Copy the sound values; a list with an unsound element is not sound."""
    lists = {steps[:end] for steps in unsound for end, step in enumerate(steps) if isinstance(step, int)}
    return _kept(document, (), unsound | lists)


def _kept(document: Object, at: Steps, unsound: set[Steps]) -> Object:
    kept: Object = {}
    for name, value in document.items():
        steps = (*at, name)
        if steps not in unsound:
            kept[name] = _kept(value, steps, unsound) if isinstance(value, dict) else value
    return kept
