"""The parent's ends of a worker's pipes: replies awaited with a deadline, printed text kept but for its beginning."""

from __future__ import annotations

import contextlib
import os
import select
from collections import deque
from collections.abc import Callable
from typing import Any

from tinytorch.benchmarking.clock import CLOCK
from tinytorch.benchmarking.workers.program.frames import BrokenFrameError, Decoder, encoded

__all__ = ["OpenPipes", "Pipes", "Silence", "Tail", "ends_of_others"]

KEPT = 16_384
PIECE = 65_536
LOOK_EVERY = 0.05  # seconds between two looks at whether a silent worker still lives
OPEN: set[int] = set()


class Silence(Exception):  # noqa: N818  two of its kinds are told apart by whoever waited
    """No reply came: in time, or at all, because the other side is gone or talks gibberish."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Tail:
    """The last of a stream, and how much there was.

    Example:
        >>> tail = Tail()
        >>> tail.add(b"hello")
        >>> tail.text, tail.total
        ('hello', 5)
    """

    def __init__(self) -> None:
        self.total = 0
        self._kept = b""

    def add(self, piece: bytes) -> None:
        """Take in what was printed."""
        self.total += len(piece)
        self._kept = (self._kept + piece)[-KEPT:]

    @property
    def text(self) -> str:
        """What is kept of it."""
        return self._kept.decode(errors="replace")

    def last(self, count: int) -> str:
        """Give the last so many bytes, as far as they are kept."""
        return self._kept[-count:].decode(errors="replace") if count else ""


class Pipes:
    """Talks with one worker."""

    def __init__(self, requests: int, replies: int, stdout: int, stderr: int) -> None:
        self.stdout, self.stderr = Tail(), Tail()
        self._requests, self._replies = requests, replies
        self._tails = {stdout: self.stdout, stderr: self.stderr}
        self._decoder = Decoder()
        self._messages: deque[dict[str, Any]] = deque()
        self.ends: tuple[int, ...] = (requests, replies, stdout, stderr)
        self._poll = select.poll()
        OPEN.update(self.ends)
        for descriptor in (replies, stdout, stderr):
            os.set_blocking(descriptor, False)
            self._poll.register(descriptor, select.POLLIN)

    def send(self, message: dict[str, Any]) -> None:
        """Send a request; to one that is gone, in vain: the wait for its reply will tell."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._requests, encoded(message))

    def receive(self, seconds: float, lives: Callable[[], bool]) -> dict[str, Any]:
        """Wait for a reply, and keep what is printed meanwhile.

        Raises:
            Silence: With `hung`, `died` or `garbled` as its reason.
        """
        end = CLOCK.now_ns() + seconds * 1e9
        while not self._messages:
            left = (end - CLOCK.now_ns()) / 1e9
            if left <= 0:
                raise Silence("hung")
            if not self._wait(min(left, LOOK_EVERY)) and not lives() and not self._wait(0):
                raise Silence("died")
        return self._messages.popleft()

    def drain(self, seconds: float = 0.0) -> None:
        """Take in whatever comes within so many seconds of silence, at most a bounded amount."""
        for _ in range(PIECE):
            if not self._wait(seconds, forgive=True):
                return

    def close(self) -> None:
        """Close every end; a second time does nothing."""
        for descriptor in self.ends:
            if descriptor in OPEN:
                OPEN.discard(descriptor)
                os.close(descriptor)
        self.ends = ()

    def close_requests(self) -> None:
        """Tell the worker that there will be no more."""
        if self._requests in OPEN:
            OPEN.discard(self._requests)
            os.close(self._requests)

    def _wait(self, seconds: float, *, forgive: bool = False) -> bool:
        """Wait for anything to read and read it; say whether there was."""
        found = False
        for descriptor, _ in self._poll.poll(seconds * 1000):
            piece = _read(descriptor)
            found = found or bool(piece)
            if piece == b"":
                self._poll.unregister(descriptor)
            elif descriptor in self._tails:
                self._tails[descriptor].add(piece or b"")
            else:
                self._take(piece or b"", forgive=forgive)
        return found

    def _take(self, piece: bytes, *, forgive: bool) -> None:
        try:
            self._messages.extend(self._decoder.feed(piece))
        except BrokenFrameError as error:
            if not forgive:
                raise Silence("garbled") from error


class OpenPipes:
    """What a worker's side is given, and the parent's ends beside it."""

    def __init__(self) -> None:
        self.theirs_requests, ours_requests = os.pipe()
        ours_replies, self.theirs_replies = os.pipe()
        ours_stdout, self.theirs_stdout = os.pipe()
        ours_stderr, self.theirs_stderr = os.pipe()
        self.pipes = Pipes(ours_requests, ours_replies, ours_stdout, ours_stderr)

    @property
    def theirs(self) -> tuple[int, ...]:
        """The worker's ends: requests, replies, standard output, standard error."""
        return self.theirs_requests, self.theirs_replies, self.theirs_stdout, self.theirs_stderr

    def close_theirs(self) -> None:
        """Close the worker's ends here, so that its death is seen as the end of them."""
        for descriptor in self.theirs:
            os.close(descriptor)


def _read(descriptor: int) -> bytes | None:
    try:
        return os.read(descriptor, PIECE)
    except BlockingIOError:
        return None


def ends_of_others(pipes: Pipes) -> list[int]:
    """List the parent's ends of all pipes but these: a forked child must not hold the others' open."""
    return sorted(OPEN - set(pipes.ends))
