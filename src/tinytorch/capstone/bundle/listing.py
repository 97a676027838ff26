"""The list of files at the end of a bundle, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tinytorch.capstone.bundle.archive import (
    CENTRAL,
    CENTRAL_BYTES,
    END,
    END_BYTES,
    Place,
    central_header,
    end_record,
)
from tinytorch.capstone.bundle.layout import LONGEST_NAME, MOST_FILES
from tinytorch.errors import explain

__all__ = ["Listing", "listing_of"]

ENCRYPTED = 1 << 0
STORED = 0
METHODS = {8: "deflate", 9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz"}
KINDS = {0o120000: "a symbolic link", 0o040000: "a folder", 0o060000: "a device", 0o020000: "a device"}
KIND_OF_FILE = 0o170000
AGAIN = "Write the bundle with tinytorch pack."


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a bundle as its end lists them.

    Attributes:
        names: In their order.
        places: Of each.
        offset: Where the list begins.
    """

    names: tuple[str, ...]
    places: tuple[Place, ...]
    offset: int

    @property
    def by_name(self) -> dict[str, Place]:
        """The places, once no name stands there twice."""
        return dict(zip(self.names, self.places, strict=True))


def listing_of(file: BinaryIO, size: int) -> tuple[Listing | None, list[str]]:
    """Read the list, and say all that is wrong with it; none where there is none that can be read.

    Args:
        file: The bundle.
        size: Of it, in bytes.
    """
    file.seek(size - END_BYTES)
    end = file.read(END_BYTES)
    if end[:4] != b"PK\x05\x06":
        rule = "a zip file that ends with its list of files, whole and with nothing behind it"
        return None, [explain("the bundle", rule, "another end", remedy=AGAIN)]
    _, _, _, _, count, length, offset, _ = END.unpack(end)
    if problem := _end_problem(end, size):
        return None, [problem]
    file.seek(offset)
    return _parsed(file.read(length), count, offset)


def _end_problem(end: bytes, size: int) -> str | None:
    _, _, _, _, count, length, offset, comment = END.unpack(end)
    if comment or offset + length + END_BYTES != size or end != end_record(count, length, offset):
        rule = "one file, with a list of its files right before its end and no comment"
        return explain("the bundle", rule, "another form", remedy=AGAIN)
    if count > MOST_FILES:
        return explain("the files of a bundle", f"at most {MOST_FILES}", count)
    if length > MOST_FILES * (CENTRAL_BYTES + LONGEST_NAME):
        return explain("the list of files", f"as long as {count} files make it", f"{length:,} bytes")
    return None


def _parsed(raw: bytes, count: int, offset: int) -> tuple[Listing | None, list[str]]:
    names: list[str] = []
    places: list[Place] = []
    problems: list[str] = []
    at = 0
    for _ in range(count):
        header = raw[at : at + CENTRAL_BYTES]
        if len(header) < CENTRAL_BYTES or header[:4] != b"PK\x01\x02":
            return None, [*problems, _broken_list()]
        place, length = _place(header, raw[at + CENTRAL_BYTES :])
        name = place.name.decode("ascii", errors="backslashreplace")
        problems += list(_entry_problems(raw[at : at + length], place, name))
        names.append(name)
        places.append(place)
        at += length
    if at != len(raw):
        return None, [*problems, _broken_list()]
    return Listing(tuple(names), tuple(places), offset), problems


def _place(header: bytes, rest: bytes) -> tuple[Place, int]:
    """Read an entry: where its file is, and how long the entry itself is, with name, extra field and comment."""
    fields = CENTRAL.unpack(header)
    crc, _, size, name, extra, comment = fields[7:13]
    return Place(rest[:name], crc, size, fields[16]), CENTRAL_BYTES + name + extra + comment


def _entry_problems(raw: bytes, place: Place, name: str) -> Iterator[str]:
    """Say what an entry is that it must not be; whatever else differs is told as one."""
    fields = CENTRAL.unpack(raw[:CENTRAL_BYTES])
    flags, method, packed, attributes = fields[3], fields[4], fields[8], fields[15]
    found = [
        explain(what, rule, got, at=name, remedy=AGAIN)
        for is_wrong, what, rule, got in (
            (flags & ENCRYPTED, "a file", "not encrypted", "an encrypted one"),
            (method != STORED, "a file", "stored as it is", f"compressed by {METHODS.get(method, method)}"),
            (method == STORED and packed != place.size, "the size of a file", str(packed), place.size),
        )
        if is_wrong
    ]
    kind = KINDS.get(attributes >> 16 & KIND_OF_FILE)
    if kind:
        found.append(explain("an entry", "a regular file", kind, at=name))
    if not found and raw != central_header(place):
        rule = "as tinytorch pack writes it: no date, no extra field, no comment, the usual rights"
        found.append(explain("an entry of the list", rule, "another", at=name, remedy=AGAIN))
    yield from found


def _broken_list() -> str:
    return explain("the list of files", "whole, one entry a file", "something else in it", remedy=AGAIN)
