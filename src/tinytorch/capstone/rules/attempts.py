"""The attempts that a submission was chosen from, and what choosing adds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinytorch.capstone.documents import Problem
from tinytorch.capstone.rules.closeness import is_same, written
from tinytorch.capstone.rules.parts import inside

__all__ = ["check_attempts"]


def check_attempts(submission: dict[str, Any]) -> Iterator[Problem]:
    """No more attempts were aborted than made, and what choosing the best of them adds follows from their number."""
    attempts = inside(submission, "attempts")
    if "preceding" not in attempts:
        return
    from tinytorch.capstone.record.derived import derived_attempts

    preceding, aborted = attempts["preceding"], attempts.get("aborted", 0)
    if aborted > preceding:
        steps, rule = ("attempts", "aborted"), f"at most preceding, {preceding}"
        yield Problem(steps, rule, aborted, "Read both from the ledger.")
    expected = derived_attempts(submission).get("best_of_inflation")
    given = attempts.get("best_of_inflation", expected)
    if not is_same(given, expected):
        rule = f"{written(expected)}, which follows from preceding and the comparison's log_ratios"
        yield Problem(("attempts", "best_of_inflation"), rule, given, "Let the ledger compute it.")
