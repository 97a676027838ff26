"""The lines of a ledger: each names the one before by its hash, so that none can be changed, moved or taken out.

Taking lines from the end is what a chain cannot show: that is why submissions carry the head of the ledger they know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinytorch.capstone.provenance.canonical import canonical_document, sha256_of
from tinytorch.capstone.record.canonical import canonical_bytes
from tinytorch.errors import DataError, explain

__all__ = ["EVENTS", "FIRST", "Entry", "Tries", "chained", "line_of", "read_lines", "tries_of"]

FIRST = "0" * 64  # what the first entry names as the one before
STARTED, FINISHED, ABORTED, REPAIRED = EVENTS = ("started", "finished", "aborted", "repaired")
NEEDED: Mapping[str, tuple[str, ...]] = {
    STARTED: ("attempt", "campaign"),
    FINISHED: ("attempt", "campaign"),
    ABORTED: ("attempt", "campaign"),
    REPAIRED: ("torn_sha256",),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line.

    Attributes:
        content: What it says: `number` from 0, `event`, `time`, `previous`, and what belongs to the event.
        sha256: Of its bytes, without the line's end.
    """

    content: dict[str, Any]
    sha256: str

    @property
    def event(self) -> str:
        """What happened: one of `EVENTS`."""
        return self.content["event"]

    @property
    def attempt(self) -> str:
        """Which attempt it is of; empty where it is of none."""
        return self.content.get("attempt", "")

    @property
    def campaign(self) -> str:
        """Which campaign it is of; empty where it is of none."""
        return self.content.get("campaign", "")


@dataclass(frozen=True, slots=True)
class Tries:
    """The attempts of a campaign up to some place of a ledger.

    Attributes:
        started: How many.
        finished: How many of them came to an end with a result.
    """

    started: int
    finished: int

    @property
    def aborted(self) -> int:
        """How many did not: broken off, crashed, or never heard of again."""
        return self.started - self.finished


def line_of(content: Mapping[str, Any]) -> bytes:
    """Write an entry as its line."""
    return canonical_bytes(dict(content)) + b"\n"


def chained(content: Mapping[str, Any], entries: Sequence[Entry]) -> dict[str, Any]:
    """Give an entry its number, and the hash of the one before."""
    return {**content, "number": len(entries), "previous": entries[-1].sha256 if entries else FIRST}


def read_lines(lines: Sequence[bytes], at: str) -> tuple[list[Entry], list[str]]:
    """Read the lines of a ledger, and list everything that is wrong with them.

    Example:
        >>> read_lines([b"{}"], "ledger")[1][0]
        'event must be one of started, finished, aborted, repaired; got None — at ledger:1.'
    """
    entries: list[Entry] = []
    problems: list[str] = []
    for number, line in enumerate(lines):
        place = f"{at}:{number + 1}"
        try:
            entry = Entry(canonical_document(line, place), sha256_of(line))
        except DataError as error:
            problems.append(str(error))
            entry = Entry({"event": None}, sha256_of(line))
        else:
            problems.extend(_wrong(entry, number, entries[-1].sha256 if entries else FIRST, place))
        entries.append(entry)
    return entries, problems + list(_out_of_order(entries, at))


def tries_of(entries: Sequence[Entry], campaign: str) -> Tries:
    """Count a campaign's attempts."""
    ours = [entry for entry in entries if entry.campaign == campaign]
    started = {entry.attempt for entry in ours if entry.event == STARTED}
    return Tries(len(started), len({entry.attempt for entry in ours if entry.event == FINISHED} & started))


def _wrong(entry: Entry, number: int, previous: str, at: str) -> Iterator[str]:
    content = entry.content
    if content.get("event") not in EVENTS:
        yield explain("event", f"one of {', '.join(EVENTS)}", content.get("event"), at=at)
    if repr(content.get("number")) != repr(number):  # not 0.0, not False
        yield explain("number", f"{number}, as lines are counted from 0", content.get("number"), at=at)
    if content.get("previous") != previous:
        remedy = "This line or the one before was changed, moved or taken out."
        got = str(content.get("previous"))
        yield explain("previous", f"the hash of the line before, {previous}", got, at=at, remedy=remedy)
    for name in ("time", *NEEDED.get(str(content.get("event")), ())):
        if not isinstance(content.get(name), str) or not content[name]:
            yield explain(name, "text", content.get(name), at=at)


def _out_of_order(entries: Sequence[Entry], at: str) -> Iterator[str]:
    """Find attempts that end before they start, end twice, start twice, or change their campaign."""
    state: dict[Any, tuple[str, Any]] = {}
    for number, entry in enumerate(entries):
        if entry.content.get("event") not in EVENTS[:3]:
            continue
        attempt, campaign = entry.content.get("attempt"), entry.content.get("campaign")
        if not isinstance(attempt, str):
            continue
        before = state.get(attempt)
        if before != (None if entry.event == STARTED else (STARTED, campaign)):
            got = "nothing" if before is None else f"{before[0]} in {before[1]!r}"
            rule = "new" if entry.event == STARTED else f"started in {campaign!r}"
            what, place = f"the attempt {attempt[:16]}", f"{at}:{number + 1}"
            yield explain(what, f"{rule} before it is {entry.event}", got, at=place)
        state[attempt] = (entry.event, campaign)
