"""One attempt, from its start to its end, and what a submission says of those before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tinytorch.capstone.provenance.entries import Entry, Tries
from tinytorch.capstone.provenance.inflation import best_of_inflation, inflation_sentence, standard_error
from tinytorch.errors import StateError, TinyTorchError, explain

__all__ = ["Attempt", "attempts_section", "attempts_sentence"]

LONGEST_TEXT = 1000


@dataclass(slots=True)
class Attempt:
    """An attempt that has started; as a context, it is aborted by whatever ends it without a result.

    Attributes:
        append: Enters something into its ledger.
        campaign: Whose attempt it is.
        name: Its own.
        head: The hash of the entry that says it started, which stands for all before it.
        before: The attempts of the campaign that started earlier, as they stood then.
        is_open: Whether it has not ended.
    """

    append: Callable[[Mapping[str, Any]], Entry]
    campaign: str
    name: str
    head: str
    before: Tries
    is_open: bool = field(default=True)

    @property
    def preceding(self) -> int:
        """How many attempts of the campaign started before this one."""
        return self.before.started

    @property
    def aborted(self) -> int:
        """How many of them had not finished when this one started."""
        return self.before.aborted

    def finish(self, submission_sha256: str | None, headline: str) -> Entry:
        """Enter that it came to an end.

        Args:
            submission_sha256: Of the canonical bytes of what came out; none where nothing was kept.
            headline: What came out, in a sentence.

        Raises:
            StateError: If it has ended already, or the ledger cannot be locked.
            DataError: If the ledger cannot be written, or is not whole.
        """
        return self._end({"event": "finished", "submission_sha256": submission_sha256, "headline": _short(headline)})

    def abort(self, reason: str) -> Entry:
        """Enter that it was broken off.

        Raises:
            StateError, DataError: As `finish` does.
        """
        return self._end({"event": "aborted", "reason": _short(reason)})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.is_open:
            return
        try:
            self.abort("it ended without a result" if error is None else _reason(error))
        except TinyTorchError as failure:
            if error is None:
                raise
            error.add_note(f"The ledger could not be told: {failure}")  # it counts as aborted all the same

    def _end(self, content: dict[str, Any]) -> Entry:
        if not self.is_open:
            raise StateError(explain("an attempt", "one that has not ended", "one that has", at=self.name))
        entry = self.append(content | {"attempt": self.name, "campaign": self.campaign})
        self.is_open = False
        return entry


def attempts_section(attempt: Attempt, log_ratios: Sequence[Sequence[float]] | None) -> dict[str, Any]:
    """Write what a submission says of the attempts before it.

    Args:
        attempt: The submission's own.
        log_ratios: Of its comparison; none where nothing was compared.
    """
    error = standard_error(log_ratios) if log_ratios else None
    return {
        "campaign": attempt.campaign,
        "ledger_head": attempt.head,
        "preceding": attempt.preceding,
        "aborted": attempt.aborted,
        "best_of_inflation": None if error is None else best_of_inflation(attempt.preceding + 1, error),
    }


def attempts_sentence(section: Mapping[str, Any]) -> str:
    """Say in plain words which try this is, and what choosing the best would add.

    Example:
        >>> section = {"campaign": "lenet", "preceding": 4, "aborted": 1, "best_of_inflation": 0.013}
        >>> print(attempts_sentence(section))
        Try 5 of the campaign lenet, 1 before it aborted:
        the best of 5 tries of the very same thing would come out 1.3 % too good.
    """
    tries = section["preceding"] + 1
    aborted = f", {section['aborted']} before it aborted" if section["aborted"] else ""
    said = inflation_sentence(tries, section["best_of_inflation"])
    return f"Try {tries} of the campaign {section['campaign']}{aborted}: {said}."


def _reason(error: BaseException) -> str:
    return "interrupted" if isinstance(error, KeyboardInterrupt) else f"{type(error).__name__}: {error}"


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= LONGEST_TEXT else f"{one_line[: LONGEST_TEXT - 1]}…"
