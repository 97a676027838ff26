"""When it was: a date that the calendar has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tinytorch.capstone.documents import Problem

__all__ = ["check_timestamp"]


def check_timestamp(submission: dict[str, Any]) -> Iterator[Problem]:
    """The date and time are ones that the calendar has, which a pattern of digits cannot say."""
    try:
        datetime.fromisoformat(submission.get("timestamp", "2000-01-01T00:00"))
    except ValueError:
        rule, remedy = "a date and time that the calendar has", "Write it as 2026-01-31T12:00:00+00:00."
        yield Problem(("timestamp",), rule, submission["timestamp"], remedy)
