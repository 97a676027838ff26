"""The ledger of attempts: a file that only grows, in which every try of a campaign stands, also those nobody shows.

An entry says that an attempt started, before anything is measured; a later one that it finished, with the hash of what
came out, or that it was aborted. An attempt of which only the start is known counts as aborted.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tinytorch.capstone.provenance.attempt import Attempt
from tinytorch.capstone.provenance.canonical import MOST_BYTES, read_bounded, sha256_of
from tinytorch.capstone.provenance.entries import FIRST, Entry, Tries, chained, line_of, read_lines, tries_of
from tinytorch.capstone.provenance.locking import Patience, locked
from tinytorch.clock import utc_now
from tinytorch.errors import DataError, RangeError, explain
from tinytorch.files import write_atomically

__all__ = ["Ledger", "default_ledger"]

LONGEST_NAME = 200
BINARY = getattr(os, "O_BINARY", 0)  # Windows would write two bytes for a line's end
REPAIR = "If the machine went down while it was written, run `tinytorch attempts --repair` on it."
ELSEWHERE = "Give a ledger in a folder that can be written, with --ledger FILE."


def default_ledger(environment: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """Say where the ledger is kept if nobody says otherwise: XDG_STATE_HOME, or the platform's own place.

    Example:
        >>> default_ledger({"XDG_STATE_HOME": "/somewhere"}).as_posix()
        '/somewhere/tinytorch/attempts.jsonl'
    """
    given = os.environ if environment is None else environment
    chosen = given.get("XDG_STATE_HOME", "")
    if chosen and Path(chosen).is_absolute():  # the specification says to pass over relative ones
        return Path(chosen) / "tinytorch" / "attempts.jsonl"
    if platform == "win32":
        home = Path(given.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        return home / "tinytorch" / "attempts.jsonl"
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "tinytorch" / "attempts.jsonl"
    return Path.home() / ".local" / "state" / "tinytorch" / "attempts.jsonl"


class Ledger:
    """A file of entries, one a line, each with the hash of the one before.

    A second file beside it, `NAME.head`, keeps the hash of the last entry, so that entries missing at the end are
    noticed too, as long as nobody rewrites both.

    Args:
        path: Where it is; the user's own ledger if none is given. It is made with the first entry.
        patience: How long to wait for another process that writes.
        now: Says what time it is.

    Example:
        >>> import tempfile
        >>> ledger = Ledger(tempfile.mkdtemp() + "/attempts.jsonl")
        >>> with ledger.start("lenet") as attempt:
        ...     entry = attempt.finish("ab" * 32, "1.3 times as fast")
        >>> ledger.tries("lenet"), ledger.problems()
        (Tries(started=1, finished=1), [])
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        patience: Patience | None = None,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self.path = default_ledger() if path is None else Path(path)
        self.patience = patience or Patience()
        self.now = now

    @property
    def head_path(self) -> Path:
        """Where the hash of the last entry is kept."""
        return self.path.with_name(f"{self.path.name}.head")

    def start(self, campaign: str, about: Mapping[str, Any] | None = None) -> Attempt:
        """Enter that an attempt starts; do it before measuring, and use what comes back as a context.

        Args:
            campaign: Whose attempt it is: tries of the same thing have the same one.
            about: What else there is to say, as JSON holds it.

        Raises:
            RangeError: If the campaign's name is empty, longer than 200 characters, or has line breaks.
            DataError: If the ledger cannot be written, or is not whole: torn, or changed.
            StateError: If another process holds it all the time.
        """
        _require_name(campaign)
        name = secrets.token_hex(16)
        content: dict[str, Any] = {"event": "started", "attempt": name, "campaign": campaign}
        before, entry = self._append(content | ({"about": dict(about)} if about else {}))
        return Attempt(self.append, campaign, name, entry.sha256, tries_of(before, campaign))

    def append(self, content: Mapping[str, Any]) -> Entry:
        """Write one more entry and let the disk confirm it.

        Args:
            content: The event and what belongs to it; the number, the time and the hash before are added.

        Raises:
            DataError, StateError: As `start` does.
        """
        return self._append(content)[1]

    def entries(self) -> list[Entry]:
        """Read all entries, and refuse a ledger that is not whole.

        Raises:
            DataError: If anything is wrong with it; it says all that is.
        """
        return self._sound(_content(self.path))

    def problems(self) -> list[str]:
        """Say all that is wrong with the ledger, a line each; nothing where there is no ledger yet.

        Raises:
            DataError: If the file cannot be read.
        """
        return self._judged(_content(self.path))[1]

    def head(self) -> str:
        """Give the hash of the last entry; zeros where there is none."""
        entries = self.entries()
        return entries[-1].sha256 if entries else FIRST

    def tries(self, campaign: str) -> Tries:
        """Count the attempts of a campaign."""
        return tries_of(self.entries(), campaign)

    def preceding(self, campaign: str) -> int:
        """Count the attempts of a campaign that have started, however they ended."""
        return self.tries(campaign).started

    def repair(self) -> Entry | None:
        """Replace a last line that was not written to its end by an entry that says so and keeps its bytes.

        Returns:
            The entry; none where no line is torn.

        Raises:
            DataError: If something else is wrong with the ledger too: that is not for a repair to hide.
        """
        with self._open() as file:
            whole, torn = _parted(_read(file, self.path))
            if not torn:
                return None
            entries = self._sound(whole)
            kept = base64.b64encode(torn[:4096]).decode()
            said = {"event": "repaired", "torn_sha256": sha256_of(torn), "torn_size": len(torn), "torn_base64": kept}
            # The entry is written over the torn line. If that is torn too, there is one torn line, as before.
            return self._written(file, len(whole), self._line(said, entries))

    def _append(self, content: Mapping[str, Any]) -> tuple[list[Entry], Entry]:
        with self._open() as file:
            whole = _read(file, self.path)
            before = self._sound(whole)
            return before, self._written(file, len(whole), self._line(content, before))

    def _line(self, content: Mapping[str, Any], before: list[Entry]) -> dict[str, Any]:
        return chained({**content, "time": self.now().replace("+00:00", "Z")}, before)

    def _written(self, file: IO[bytes], place: int, content: dict[str, Any]) -> Entry:
        line = line_of(content)
        try:
            _write(file, place, line)
        except OSError as error:
            with suppress(OSError):
                file.truncate(place)  # half an entry is worse than none; if it stays, it is found as torn
            raise self._unwritable(error) from error
        entry = Entry(content, sha256_of(line[:-1]))
        write_atomically(self.head_path, entry.sha256.encode() + b"\n")
        return entry

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | BINARY, 0o666), "r+b", buffering=0)
        except OSError as error:
            raise self._unwritable(error) from error
        with file, locked(file, os.fspath(self.path), self.patience):
            yield file

    def _unwritable(self, error: OSError) -> DataError:
        return DataError(explain("the ledger", "writable", error.strerror, at=os.fspath(self.path), remedy=ELSEWHERE))

    def _sound(self, content: bytes) -> list[Entry]:
        entries, problems = self._judged(content)
        if problems:
            raise DataError("\n".join(problems))
        return entries

    def _judged(self, content: bytes) -> tuple[list[Entry], list[str]]:
        whole, torn = _parted(content)
        entries, problems = read_lines(whole.split(b"\n")[:-1], os.fspath(self.path))
        if torn:
            place, got = f"{self.path}:{len(entries) + 1}", f"{len(torn)} bytes without an end"
            problems.append(explain("the last line", "whole", got, at=place, remedy=REPAIR))
        return entries, problems + self._cut_short(entries)

    def _cut_short(self, entries: list[Entry]) -> list[str]:
        if not self.head_path.exists():
            return []
        head = read_bounded(self.head_path, 1024).decode(errors="replace").strip()
        if head in {entry.sha256 for entry in entries}:
            return []
        remedy = "Entries at its end were changed or taken out, or it is another ledger's head."
        got = f"{len(entries)} entries without it"
        return [explain("the ledger", f"one with the entry {head[:64]}", got, at=os.fspath(self.path), remedy=remedy)]


def _parted(content: bytes) -> tuple[bytes, bytes]:
    """Divide a ledger into its whole lines and what comes after them."""
    place = content.rfind(b"\n") + 1
    return content[:place], content[place:]


def _content(path: Path) -> bytes:
    return read_bounded(path) if path.exists() else b""


def _read(file: IO[bytes], path: Path) -> bytes:
    if os.fstat(file.fileno()).st_size > MOST_BYTES:
        remedy = "Begin another one."
        raise DataError(explain("the ledger", f"at most {MOST_BYTES} bytes", "more", at=os.fspath(path), remedy=remedy))
    return file.read()


def _write(file: IO[bytes], place: int, line: bytes) -> None:
    """Write all of a line, end the file there, and wait until the disk has it."""
    file.seek(place)
    left = line
    while left:
        left = left[file.write(left) :]  # an unbuffered file may take a part
    file.truncate(place + len(line))
    os.fsync(file.fileno())


def _require_name(campaign: str) -> None:
    rule = f"a name of 1 to {LONGEST_NAME} characters on one line"
    if not isinstance(campaign, str) or not 1 <= len(campaign) <= LONGEST_NAME or not campaign.isprintable():
        raise RangeError(explain("the campaign", rule, repr(campaign)))
