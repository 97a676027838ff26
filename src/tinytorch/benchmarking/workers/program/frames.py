"""Messages over a pipe: four bytes of length, then JSON. Both sides use this file."""

from __future__ import annotations

import json
import os
import struct
from typing import Any, Iterator

__all__ = ["LONGEST_REPLY", "BrokenFrameError", "Decoder", "encoded", "read_frame", "write_frame"]

HEADER = struct.Struct(">I")
LONGEST_REPLY = 1 << 28


class BrokenFrameError(Exception):
    """What came over the pipe is no message."""


def encoded(message: dict[str, Any]) -> bytes:
    r"""Write a message as one frame.

    Example:
        >>> encoded({"a": 1})[4:]
        b'{"a":1}'
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(len(body)) + body


def write_frame(descriptor: int, message: dict[str, Any]) -> None:
    """Send a message, however many writes it takes."""
    left = memoryview(encoded(message))
    while left:
        left = left[os.write(descriptor, left) :]


def read_frame(descriptor: int) -> dict[str, Any] | None:
    """Wait for a message; none where the other side has closed the pipe."""
    header = _read(descriptor, HEADER.size)
    if header is None:
        return None
    body = _read(descriptor, HEADER.unpack(header)[0])
    return None if body is None else json.loads(body)


class Decoder:
    """Puts messages together from whatever pieces they come in.

    Example:
        >>> decoder = Decoder()
        >>> list(decoder.feed(encoded({"a": 1})[:6])), list(decoder.feed(encoded({"a": 1})[6:]))
        ([], [{'a': 1}])
    """

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, piece: bytes) -> Iterator[dict[str, Any]]:
        """Take in a piece, and give every message that is whole now.

        Raises:
            BrokenFrameError: If it is no message, or one longer than any the program sends.
        """
        self._bytes += piece
        while len(self._bytes) >= HEADER.size:
            (length,) = HEADER.unpack_from(self._bytes)
            if length > LONGEST_REPLY:
                raise BrokenFrameError(f"a message of {length} bytes")
            if len(self._bytes) < HEADER.size + length:
                return
            body = bytes(self._bytes[HEADER.size : HEADER.size + length])
            del self._bytes[: HEADER.size + length]
            yield _parsed(body)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except ValueError as error:
        raise BrokenFrameError(f"no JSON: {error}") from error
    if not isinstance(message, dict):
        raise BrokenFrameError(f"a {type(message).__name__} where an object belongs")
    return message


def _read(descriptor: int, count: int) -> bytes | None:
    pieces = []
    while count:
        piece = os.read(descriptor, count)
        if not piece:
            return None
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)
