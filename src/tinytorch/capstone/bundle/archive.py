"""The one form of a bundle's zip file: its bytes follow from the files in it, and from nothing else.

Entries stand in the order of their names, one right behind the other, as they are: compressed bytes would depend on who
wrote the compressor, and a file that is not compressed cannot unpack to more than its size. Every other choice that the
format leaves is made once here, so that a reader can hold each header to the bytes that it must have.

Source:
    PKWARE (2022), .ZIP File Format Specification, version 6.3.10.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tinytorch.errors import DataError, RangeError, explain
from tinytorch.files import write_atomically

__all__ = [
    "CENTRAL",
    "CENTRAL_BYTES",
    "END",
    "END_BYTES",
    "LARGEST",
    "LOCAL_BYTES",
    "Content",
    "Entry",
    "Place",
    "central_header",
    "chunks_of",
    "end_record",
    "entry_of",
    "local_header",
    "write_archive",
]

LARGEST = 2**31 - 1  # of a bundle, in bytes: beyond 4 GiB the format has another form
CHUNK = 1 << 20
LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")
LOCAL_BYTES, CENTRAL_BYTES, END_BYTES = LOCAL.size, CENTRAL.size, END.size
VERSION = 20  # 2.0: a plain file
UNIX = 3 << 8
STORED, NO_FLAGS = 0, 0
MIDNIGHT, FIRST_DAY = 0, 1 << 5 | 1  # 1980-01-01, the earliest that the format knows
REGULAR_FILE = 0o100644 << 16

Content = bytes | Path


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a bundle.

    Attributes:
        name: Its path in the bundle, ASCII, with slashes.
        size: In bytes.
        crc: Its CRC-32, which the format asks for.
        sha256: What it is known by, in lower-case hex.
    """

    name: str
    size: int
    crc: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Place:
    """What the headers of an entry say.

    Attributes:
        name: Of the file, as bytes.
        crc: Its CRC-32.
        size: In bytes.
        offset: Where its local header begins.
    """

    name: bytes
    crc: int
    size: int
    offset: int

    @property
    def stop(self) -> int:
        """Where the next entry begins."""
        return self.offset + LOCAL_BYTES + len(self.name) + self.size


def local_header(place: Place) -> bytes:
    """Give the bytes before a file's own, its name included."""
    fixed = (VERSION, NO_FLAGS, STORED, MIDNIGHT, FIRST_DAY, place.crc, place.size, place.size, len(place.name), 0)
    return LOCAL.pack(b"PK\x03\x04", *fixed) + place.name


def central_header(place: Place) -> bytes:
    """Give a file's entry in the list at the end, its name included."""
    fixed = (UNIX | VERSION, VERSION, NO_FLAGS, STORED, MIDNIGHT, FIRST_DAY, place.crc, place.size, place.size)
    rest = (len(place.name), 0, 0, 0, 0, REGULAR_FILE, place.offset)
    return CENTRAL.pack(b"PK\x01\x02", *fixed, *rest) + place.name


def end_record(count: int, size: int, offset: int) -> bytes:
    """Give the last bytes: how many entries, and how long the list of them is, and where it begins."""
    return END.pack(b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


def write_archive(path: str | os.PathLike[str], files: Mapping[str, Content]) -> tuple[Entry, ...]:
    """Write a bundle, whole or not at all.

    Args:
        path: Where to.
        files: What is in it, by name: its bytes, or the file that has them.

    Returns:
        What was written, in the order in which it stands there.

    Raises:
        RangeError: If there is more than fits a bundle.
        DataError: If a file cannot be read, or changes while it is, or the bundle cannot be written.

    Example:
        >>> import tempfile, zipfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_archive(f"{folder}/a.zip", {"b.txt": b"two", "a.txt": b"one"})
        ...     with zipfile.ZipFile(f"{folder}/a.zip") as archive:
        ...         archive.namelist(), archive.read("b.txt"), archive.testzip()
        (['a.txt', 'b.txt'], b'two', None)
    """
    entries = tuple(entry_of(name, files[name]) for name in sorted(files))
    total = sum(entry.size + LOCAL_BYTES + CENTRAL_BYTES + 2 * len(entry.name) for entry in entries) + END_BYTES
    if total > LARGEST:
        raise RangeError(explain("a bundle", f"of at most {LARGEST:,} bytes", f"{total:,}"))
    write_atomically(path, _written(entries, files))
    return entries


def entry_of(name: str, content: Content) -> Entry:
    """Read a file once, for its size and what it is known by.

    Raises:
        DataError: If it cannot be read.
    """
    sha, crc, size = hashlib.sha256(), 0, 0
    for chunk in _pieces(name, content):
        sha.update(chunk)
        crc, size = zlib.crc32(chunk, crc), size + len(chunk)
    return Entry(name, size, crc, sha.hexdigest())


def chunks_of(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Read the next bytes of a file piece by piece, fewer where it ends early."""
    while size > 0 and (chunk := file.read(min(size, CHUNK))):
        size -= len(chunk)
        yield chunk


def _pieces(name: str, content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    try:
        with content.open("rb") as file:
            yield from chunks_of(file, LARGEST + 1)
    except OSError as error:
        raise DataError(explain(f"the file of {name}", "readable", error.strerror, at=str(content))) from error


def _written(entries: Iterable[Entry], files: Mapping[str, Content]) -> Iterator[bytes]:
    offset, places = 0, []
    for entry in entries:
        place = Place(entry.name.encode("ascii"), entry.crc, entry.size, offset)
        yield local_header(place)
        yield from _unchanged(entry, files[entry.name])
        places.append(place)
        offset = place.stop
    listed = b"".join(map(central_header, places))
    yield listed + end_record(len(places), len(listed), offset)


def _unchanged(entry: Entry, content: Content) -> Iterator[bytes]:
    """Give a file's bytes again, and make sure that they are those that were hashed."""
    sha = hashlib.sha256()
    for chunk in _pieces(entry.name, content):
        sha.update(chunk)
        yield chunk
    if sha.hexdigest() != entry.sha256:
        rule = "left alone while it is packed"
        raise DataError(explain(f"the file of {entry.name}", rule, "another content at the second reading"))
