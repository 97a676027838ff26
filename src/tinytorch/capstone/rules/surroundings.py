"""What stands around the numbers: when, from which sources, by which techniques."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinytorch.capstone.documents import Problem
from tinytorch.capstone.rules.parts import inside

__all__ = ["check_baseline", "check_git"]

Object = dict[str, Any]


def check_git(submission: Object) -> Iterator[Problem]:
    """A clean checkout has no hash of changes."""
    git = inside(inside(submission, "environment"), "git")
    if git.get("is_dirty") is False and git.get("dirty_sha256") is not None:
        steps, remedy = ("environment", "git", "dirty_sha256"), "Say is_dirty: true, or leave the hash out."
        yield Problem(steps, "null, as is_dirty is false", git["dirty_sha256"], remedy)


def check_baseline(submission: Object) -> Iterator[Problem]:
    """No technique was applied to the baseline: it is what the others are compared with."""
    techniques = inside(submission, "baseline").get("techniques")
    if techniques:
        remedy = "Compare with the model before the first technique."
        yield Problem(("baseline", "techniques"), "empty", techniques, remedy)
