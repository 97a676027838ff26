"""Parts of a record put into another one, and all that follows from them computed again."""

import copy

from tinytorch.capstone.record.derived import derived


def merged(document, parts):
    """Copy a document with parts of it replaced, level by level."""
    made = copy.deepcopy(document)
    for name, value in parts.items():
        both = isinstance(value, dict) and isinstance(made.get(name), dict)
        made[name] = merged(made[name], value) if both else copy.deepcopy(value)
    return made


def settled(document):
    """Copy a document with all numbers that follow from others computed again."""
    unknown = {"attempts": {"best_of_inflation": None}} if "attempts" in document else {}
    made = merged(document, unknown)
    for _ in range(3):  # improvements follow from metrics, metrics from counts, counts from answers
        made = merged(made, derived(made))
    return made
