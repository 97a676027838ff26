"""Is this a submission, and do its numbers follow from each other? Every problem at once.

Three steps: JSON's own types (`documents`), the published schema (`structure`), and the rules between fields (`rules`),
which see only what the first two found sound.
"""

from __future__ import annotations

from typing import Any, cast

from tinytorch.capstone.documents import Problem, Steps, plain
from tinytorch.capstone.rules import RULES
from tinytorch.capstone.structure import structure_problems
from tinytorch.errors import SubmissionError

__all__ = ["problems", "sound_copy", "validate_submission_schema"]

Object = dict[str, Any]


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
    document, found = _judged(submission)
    if found:
        heading = f"the submission has {len(found)} problem{'s' if len(found) > 1 else ''}:"
        raise SubmissionError("\n".join([heading, *(f"- {problem}" for problem in found)]), found)
    return cast("Object", document)


def problems(submission: object) -> list[Problem]:
    """List everything that is wrong with a submission; the text of each problem is one line.

    Example:
        >>> len(problems({}))
        5
    """
    return _judged(submission)[1]


def _judged(submission: object) -> tuple[Any, list[Problem]]:
    document, found = plain(submission)
    found += structure_problems(document)
    if isinstance(document, dict):
        sound = _without(document, {problem.steps for problem in found})
        found += [problem for rule in RULES for problem in rule(sound)]
    return document, _first_of_each(found)


def _first_of_each(found: list[Problem]) -> list[Problem]:
    """Keep the first thing that is wrong with a value: the next ones often say it again."""
    first: dict[Steps, Problem] = {}
    for problem in found:
        first.setdefault(problem.steps, problem)
    return list(first.values())


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
