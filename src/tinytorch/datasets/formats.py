"""Reading what image data sets are published in: IDX and PNG files, in npm's and Debian's archives or in folders."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.errors import DataError, explain

__all__ = ["Files", "read_archive", "read_folder", "read_idx", "read_png"]

Bytes = NDArray[np.uint8]
Files = dict[str, bytes]

IDX_UNSIGNED_BYTE = 8
GZIP = b"\x1f\x8b"
AR, AR_HEADER = b"!<arch>\n", 60
PNG = b"\x89PNG\r\n\x1a\n"
RGB, EIGHT_BITS = 2, 8


def read_archive(path: Path, names: Iterable[str]) -> Files:
    """Read files by their names, whatever folders they are in, from a .tgz of npm or a .deb.

    Raises:
        DataError: If the archive cannot be read, or a file is not in it.
    """
    try:
        raw = path.read_bytes()
        found = _members(_data_of_deb(raw) if raw.startswith(AR) else raw, set(names))
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError, zlib.error, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(explain("the archive", "one that can be read", reason, at=str(path))) from error
    return _complete(found, names, path)


def read_folder(path: Path, names: Iterable[str]) -> Files:
    """Read files by their names from a folder, where they may stand with or without `.gz`.

    Raises:
        DataError: If a file cannot be read or is not there.
    """
    found = {}
    for name in names:
        plain = name.removesuffix(".gz")
        for file in (path / name, path / plain, path / f"{plain}.gz"):
            if file.is_file():
                found[name] = file.read_bytes()
                break
    return _complete(found, names, path)


def _members(raw: bytes, names: set[str]) -> Files:
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        wanted = ((entry, Path(entry.name).name) for entry in archive if entry.isfile())
        return {name: archive.extractfile(entry).read() for entry, name in wanted if name in names}  # type: ignore[union-attr]  # a file has content


def _data_of_deb(raw: bytes) -> bytes:
    """Find the files in a Debian package, an `ar` archive of members with headers of 60 bytes."""
    position = len(AR)
    while position + AR_HEADER <= len(raw):
        header = raw[position : position + AR_HEADER]
        start, size = position + AR_HEADER, int(header[48:58])
        if header.startswith(b"data.tar"):
            return raw[start : start + size]
        position = start + size + size % 2
    raise ValueError("a Debian package without data.tar")


def _complete(found: Files, names: Iterable[str], path: Path) -> Files:
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(explain("the data set", "complete", f"no {', '.join(missing)}", at=str(path)))
    return found


def read_idx(raw: bytes, name: str = "the IDX file") -> Bytes:
    """Read an array of unsigned bytes; compressed content is uncompressed.

    Raises:
        DataError: If it is no such file, or of another length than it says.

    Example:
        >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
        array([7, 8, 9], dtype=uint8)

    Source:
        Y. LeCun, C. Cortes, C. Burges (1998), The MNIST Database of Handwritten Digits, file formats.
    """
    content = _gunzipped(raw, name)
    start = 4 + 4 * content[3] if len(content) > 3 else 4
    if content[:3] != bytes([0, 0, IDX_UNSIGNED_BYTE]) or len(content) < start:
        raise DataError(explain(name, "an IDX file of unsigned bytes", content[:4].hex() or "nothing"))
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    return _shaped(content[start:], shape, name)


def _gunzipped(raw: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(raw) if raw.startswith(GZIP) else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(explain(name, "whole", str(error))) from error


def _shaped(content: bytes, shape: tuple[int, ...], name: str) -> Bytes:
    values = np.frombuffer(content, dtype=np.uint8)
    if values.size != np.prod(shape, dtype=np.int64):
        raise DataError(explain(name, f"as long as its shape {shape} says", f"{values.size} bytes"))
    return values.reshape(shape)


def read_png(raw: bytes, name: str = "the PNG file") -> Bytes:
    """Read a picture of 8-bit RGB without interlacing.

    Returns:
        (height, width, 3).

    Raises:
        DataError: If it is another kind of picture, or damaged.

    Source:
        World Wide Web Consortium (2003), Portable Network Graphics Specification, sections 5, 9 and 11.
    """
    try:
        chunks = list(_chunks(raw))
        width, height, *kind = struct.unpack(">IIBBBBB", chunks[0][1])
        if kind != [EIGHT_BITS, RGB, 0, 0, 0]:
            raise DataError(explain(name, "8-bit RGB without interlacing", kind))
        content = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    except (IndexError, struct.error, zlib.error) as error:
        raise DataError(explain(name, "a whole PNG picture", str(error))) from error
    rows = _shaped(content, (height, 1 + 3 * width), name)
    return _unfiltered(rows[:, 0], rows[:, 1:].reshape(height, width, 3))


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not raw.startswith(PNG):
        raise struct.error("another signature")
    position = len(PNG)
    while position < len(raw):
        length, kind = struct.unpack(">I4s", raw[position : position + 8])
        data = raw[position + 8 : position + 8 + length]
        yield kind, data
        if raw[position + 8 + length : position + 12 + length] != struct.pack(">I", zlib.crc32(kind + data)):
            raise struct.error(f"another checksum of {kind!r}")
        position += 12 + length


def _unfiltered(filters: Bytes, rows: Bytes) -> Bytes:
    """Undo the filters: each row says what was subtracted from its bytes."""
    made = np.empty_like(rows)
    above = np.zeros_like(rows[0])
    for number, (kind, row) in enumerate(zip(filters, rows, strict=True)):
        if kind not in FILTERS:
            raise DataError(explain("a PNG filter", "0 to 4", int(kind), at=f"row {number}"))
        above = made[number] = FILTERS[kind](row, above)
    return made


def _sub(row: Bytes, above: Bytes) -> Bytes:  # noqa: ARG001  each filter takes both
    return np.cumsum(row, axis=0, dtype=np.uint8)


def _average(row: Bytes, above: Bytes) -> Bytes:
    return _one_by_one(row, above, lambda left, up, _: (left + up) // 2)


def _paeth(row: Bytes, above: Bytes) -> Bytes:
    return _one_by_one(row, above, _nearest)


def _one_by_one(row: Bytes, above: Bytes, predict: Callable[[int, int, int], int]) -> Bytes:
    """Add a prediction from the bytes to the left, above, and above left; each needs the one before it."""
    values, up = row.tolist(), above.tolist()
    made: list[list[int]] = []
    left = upper_left = [0, 0, 0]
    for pixel, higher in zip(values, up, strict=True):
        left = [(b + predict(*near)) & 255 for b, *near in zip(pixel, left, higher, upper_left, strict=True)]
        made.append(left)
        upper_left = higher
    return np.array(made, dtype=np.uint8)


def _nearest(left: int, up: int, upper_left: int) -> int:
    estimate = left + up - upper_left
    return min((left, up, upper_left), key=lambda value: abs(estimate - value))


FILTERS: dict[int, Callable[[Any, Any], Bytes]] = {
    0: lambda row, _: row,
    1: _sub,
    2: lambda row, above: row + above,
    3: _average,
    4: _paeth,
}
