"""One process at a time: a lock on an open file, waited for so long and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tinytorch.clock import CLOCK, SLEEPER, Clock, Sleeper
from tinytorch.errors import StateError, explain

__all__ = ["Patience", "locked"]

STEP_NS = 5_000_000


class Patience:
    """How long to wait for another process, and by which clock.

    Args:
        seconds: At most so long; an entry is written in milliseconds.
        clock: What tells the time.
        sleeper: What lets it pass.
    """

    def __init__(self, seconds: float = 30.0, clock: Clock = CLOCK, sleeper: Sleeper = SLEEPER) -> None:
        self.seconds = seconds
        self.clock = clock
        self.sleeper = sleeper

    def moments(self) -> Iterator[None]:
        """Come back at once, and then every few milliseconds until the time is over."""
        end = self.clock.now_ns() + int(1e9 * self.seconds)
        yield
        while (now := self.clock.now_ns()) < end:
            self.sleeper.sleep_until(min(now + STEP_NS, end))
            yield


@contextmanager
def locked(file: IO[bytes], at: str, patience: Patience | None = None) -> Iterator[None]:
    """Hold an open file alone among all processes that lock it.

    Raises:
        StateError: If another one held it all the time.
    """
    for _ in (patience or Patience()).moments():
        if _lock(file):
            break
    else:
        remedy = "Try again when the other process is done."
        raise StateError(explain("the ledger", "free to write", "one that is locked", at=at, remedy=remedy))
    try:
        yield
    finally:
        _unlock(file)


try:
    import fcntl
except ImportError:  # Windows locks bytes: one far beyond the end will do
    import msvcrt

    FAR = 2**31 - 2

    def _lock(file: IO[bytes]) -> bool:
        file.seek(FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]
else:

    def _lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
