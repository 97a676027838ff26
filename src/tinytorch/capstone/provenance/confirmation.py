"""Does a ledger bear out what a submission says of its attempts?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tinytorch.capstone.provenance.entries import Entry, tries_of
from tinytorch.capstone.record.canonical import document_sha256
from tinytorch.errors import explain

__all__ = ["contradictions"]


def contradictions(document: Mapping[str, Any], entries: Sequence[Entry]) -> list[str]:
    """Say what a submission's section of attempts says otherwise than a ledger, a line each.

    Args:
        document: The submission.
        entries: A ledger's, found whole.

    Example:
        >>> contradictions({}, [])
        ['attempts must be in the submission; got nothing — at $.attempts. It was made without --campaign.']
    """
    section = document.get("attempts")
    if not isinstance(section, Mapping):
        remedy = "It was made without --campaign."
        return [explain("attempts", "in the submission", "nothing", at="$.attempts", remedy=remedy)]
    place = next((n for n, entry in enumerate(entries) if entry.sha256 == section.get("ledger_head")), None)
    if place is None or entries[place].event != "started":
        remedy = "It is of another ledger, or of one that was rewritten."
        got = str(section.get("ledger_head"))
        return [explain("ledger_head", "an attempt's start in the ledger", got, at="$.attempts", remedy=remedy)]
    return list(_differences(document, section, entries, place))


def _differences(
    document: Mapping[str, Any], section: Mapping[str, Any], entries: Sequence[Entry], place: int
) -> Iterator[str]:
    start = entries[place]
    before = tries_of(entries[:place], start.campaign)
    wanted = {"campaign": start.campaign, "preceding": before.started, "aborted": before.aborted}
    for name, value in wanted.items():
        if section.get(name) != value:
            yield explain(name, f"{value!r}, as in the ledger", section.get(name), at=f"$.attempts.{name}")
    sha256 = document_sha256(document)
    ends = [entry for entry in entries[place:] if entry.attempt == start.attempt and entry.event == "finished"]
    if not any(entry.content.get("submission_sha256") == sha256 for entry in ends):
        rule = "the one that the ledger has for this attempt"
        yield explain("the submission", rule, sha256, remedy="It was changed after it was made.")
