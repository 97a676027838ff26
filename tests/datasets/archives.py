"""Small archives of the formats that packages have, made for tests."""

import gzip
import io
import lzma
import struct
import tarfile
import zlib

import numpy as np


def tar(files, folder="package/"):
    """Make an uncompressed tar of files in a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(folder + name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def tgz(files):
    """Make what npm packs."""
    return gzip.compress(tar(files))


def deb(files):
    """Make what Debian packs: an odd member first, so that padding matters."""
    parts = {"debian-binary": b"2.0\n", "control.tar": b"odd", "data.tar.xz": lzma.compress(tar(files, "./usr/share/"))}
    out = b"!<arch>\n"
    for name, content in parts.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode() + content
        out += b"\n" * (len(content) % 2)
    return out


def idx(array):
    """Write an array of bytes as IDX."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def png(picture, filters=(0, 1, 2, 3, 4), kind=(8, 2, 0, 0, 0)):
    """Write (height, width, 3) bytes as PNG, the rows filtered in turn."""
    height, width, _ = picture.shape
    rows = picture.astype(int)
    content = b"".join(
        bytes([filters[n % len(filters)]]) + _filtered(filters[n % len(filters)], rows, n) for n in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, *kind)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


def chunk(kind, data):
    """Write one chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _filtered(kind, rows, number):
    """Subtract what the filter predicts, straight from the specification."""
    row = rows[number]
    above = rows[number - 1] if number else np.zeros_like(row)
    left, upper_left = (np.vstack([np.zeros((1, 3), int), line[:-1]]) for line in (row, above))
    estimate = left + above - upper_left
    distances = [abs(estimate - near) for near in (left, above, upper_left)]
    paeth = np.where(
        (distances[0] <= distances[1]) & (distances[0] <= distances[2]),
        left,
        np.where(distances[1] <= distances[2], above, upper_left),
    )
    prediction = [0 * row, left, above, (left + above) // 2, paeth][kind]
    return ((row - prediction) & 255).astype(np.uint8).tobytes()
