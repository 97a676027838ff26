"""Reading a bundle that a stranger made: every header is held to the bytes that it must have, and nothing is trusted.

A bundle has one form (see `archive`), so that this needs no lenient reader of zip files: no compressed, encrypted,
linked, overlapping or hidden entry, nothing before, between or behind them, and each file with the hash that the
manifest gives. Memory is bounded: files are read piece by piece, and only texts, which are bounded, are kept whole.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tinytorch.capstone.bundle.archive import END_BYTES, LARGEST, LOCAL_BYTES, Entry, Place, chunks_of, local_header
from tinytorch.capstone.bundle.layout import (
    LARGEST_TEXT,
    MANIFEST,
    REQUIRED,
    is_artifact,
    name_problems,
    read_manifest,
)
from tinytorch.capstone.bundle.listing import Listing, listing_of
from tinytorch.errors import DataError, StateError, SubmissionError, explain
from tinytorch.files import write_atomically

__all__ = ["Bundle", "opened"]

LONGEST_HEADER = 100_000_000  # of a safetensors file, as its own library has it


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A bundle that was found sound, while its file is open.

    Attributes:
        entries: Its files, by name.
        places: Where each of them stands.
        file: The bundle's own file.
        sha256: The hash of all of it.
    """

    entries: Mapping[str, Entry]
    places: Mapping[str, Place]
    file: BinaryIO
    sha256: str

    def read(self, name: str) -> bytes:
        """Give the bytes of a text, which are few enough.

        Raises:
            StateError: If there is no such file, or it is an artifact.
        """
        if name not in self.entries or is_artifact(name):
            raise StateError(explain("a file that is read whole", "a text of the bundle", repr(name)))
        return b"".join(self._pieces(name))

    def extract(self, folder: Path) -> None:
        """Write all files below a folder.

        Raises:
            DataError: If one cannot be written, or the bundle was changed since it was opened.
        """
        for name in self.entries:
            write_atomically(folder / name, self._pieces(name))

    def _pieces(self, name: str) -> Iterator[bytes]:
        sha = hashlib.sha256()
        for chunk in _content(self.file, self.places[name]):
            sha.update(chunk)
            yield chunk
        if sha.hexdigest() != self.entries[name].sha256:
            raise DataError(explain("the bundle", "left alone while it is read", f"another {name} than before"))


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Bundle]:
    """Open a bundle, once all of it was found sound.

    Raises:
        DataError: If the file cannot be read.
        SubmissionError: If it is no sound bundle; it lists all that is wrong.
    """
    try:
        file = Path(path).open("rb")  # noqa: SIM115  closed below
    except OSError as error:
        raise DataError(explain("the bundle", "readable", error.strerror, at=os.fspath(path))) from error
    with file:
        try:
            bundle, problems = _examined(file)
        except OSError as error:
            raise DataError(explain("the bundle", "readable", error.strerror, at=os.fspath(path))) from error
        if problems or bundle is None:
            heading = f"the bundle has {len(problems)} problem{'s' if len(problems) > 1 else ''}:"
            raise SubmissionError("\n".join([heading, *(f"- {problem}" for problem in problems)]), problems)
        yield bundle


def _examined(file: BinaryIO) -> tuple[Bundle | None, list[str]]:
    """Look at the file, its list and its headers, and then, where they can be found, at the contents."""
    size = _size(file)
    if isinstance(size, str):
        return None, [size]
    listing, problems = listing_of(file, size)
    if listing is None:
        return None, problems
    problems += [problem for name in listing.names for problem in name_problems(name)]
    problems += [*_order(listing), *_headers(file, listing)]
    if problems:
        return None, problems
    entries = {name: _entry(file, place, name) for name, place in listing.by_name.items()}
    problems = [*_checksums(entries, listing), *_kinds(file, entries, listing)]
    problems += [] if problems else _hashes(file, entries, listing)
    return Bundle(entries, listing.by_name, file, _sha256(file, size)), problems


def _size(file: BinaryIO) -> int | str:
    told = os.fstat(file.fileno())
    if not stat.S_ISREG(told.st_mode):
        return explain("the bundle", "a regular file", "something else")
    if not END_BYTES <= told.st_size <= LARGEST:
        return explain("the bundle", f"of {END_BYTES} to {LARGEST:,} bytes", f"{told.st_size:,}")
    return told.st_size


def _order(listing: Listing) -> Iterator[str]:
    names = listing.names
    folded = Counter(name.casefold() for name in names)
    yield from (
        explain("the names of files", "different, in capitals or not", f"{name!r} {count} times")
        for name, count in folded.items()
        if count > 1
    )
    if list(names) != sorted(names):
        yield explain("the files", "in the order of their names", "another order", remedy="Use tinytorch pack.")
    # A name that another one goes through cannot be a file and a folder at once.
    through = {"/".join(parts[:end]) for parts in (name.split("/") for name in folded) for end in range(1, len(parts))}
    yield from (explain("a file", "no folder too", repr(name)) for name in sorted(through & set(folded)))
    for name in REQUIRED:
        if name not in names:
            yield explain("a bundle", f"one that holds {name}", "none", remedy="Use tinytorch pack.")


def _headers(file: BinaryIO, listing: Listing) -> Iterator[str]:
    """Hold each file to its place, right behind the one before, and its header to its bytes."""
    offset = 0
    for place, name in zip(listing.places, listing.names, strict=True):
        if place.offset != offset:
            rule = f"right behind what stands before it, at {offset}"
            yield explain("a file", rule, f"at {place.offset}", at=name)
        elif _read(file, offset, LOCAL_BYTES + len(place.name)) != local_header(place):
            rule = "the same as its entry in the list at the end"
            yield explain("the header of a file", rule, "another", at=name)
        offset = place.stop
    if offset != listing.offset:
        rule = f"followed by the list of them, at {offset}"
        yield explain("the last file", rule, f"a list at {listing.offset}")


def _entry(file: BinaryIO, place: Place, name: str) -> Entry:
    sha, crc, size = hashlib.sha256(), 0, 0
    for chunk in _content(file, place):
        sha.update(chunk)
        crc, size = zlib.crc32(chunk, crc), size + len(chunk)
    return Entry(name, size, crc, sha.hexdigest())


def _checksums(entries: Mapping[str, Entry], listing: Listing) -> Iterator[str]:
    for name, place in listing.by_name.items():
        if entries[name].crc != place.crc:
            rule = f"that of its bytes, {entries[name].crc:08x}"
            yield explain("the CRC-32 of a file", rule, f"{place.crc:08x}", at=name, remedy="Copy the bundle again.")


def _kinds(file: BinaryIO, entries: Mapping[str, Entry], listing: Listing) -> Iterator[str]:
    for name, entry in entries.items():
        if not is_artifact(name) and entry.size > LARGEST_TEXT:
            yield explain("a text", f"of at most {LARGEST_TEXT:,} bytes", f"{entry.size:,}", at=name)
        if name.lower().endswith(".safetensors"):
            start = next(_content(file, listing.by_name[name]), b"")[:9]
            length = int.from_bytes(start[:8], "little")
            if start[8:] != b"{" or length > min(LONGEST_HEADER, entry.size - 8):
                yield explain("a model", "a safetensors file", f"one that begins with {start!r}", at=name)


def _hashes(file: BinaryIO, entries: Mapping[str, Entry], listing: Listing) -> Iterator[str]:
    raw = b"".join(_content(file, listing.by_name[MANIFEST]))
    listed, problems = read_manifest(raw.decode("ascii", errors="replace"))
    yield from problems
    there = {name: entry.sha256 for name, entry in entries.items() if name != MANIFEST}
    for name in sorted(there.keys() | listed.keys()):
        if listed.get(name) != there.get(name):
            got, rule = there.get(name, "no such file"), listed.get(name, "listed there")
            yield explain("the SHA-256 of a file", f"as in {MANIFEST}: {rule}", got, at=name)


def _content(file: BinaryIO, place: Place) -> Iterator[bytes]:
    file.seek(place.stop - place.size)
    yield from chunks_of(file, place.size)


def _sha256(file: BinaryIO, size: int) -> str:
    file.seek(0)
    sha = hashlib.sha256()
    for chunk in chunks_of(file, size):
        sha.update(chunk)
    return sha.hexdigest()


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return b"".join(chunks_of(file, size))
