"""Raw samples small enough to travel: integers as text that says how many it holds.

`delta-varint+zlib+base64`: each integer less the one before it (the first less 0), zigzag (0, -1, 1, -2 … become 0, 1,
2, 3 …), seven bits a byte with the lowest first and the high bit set on all bytes but the last; the bytes compressed
by zlib and written in base64. Ten thousand latencies of about 2 µs take 15 kB.

`bits+zlib+base64`: one byte that says how many bits an integer takes, from 0 to 31, then the integers without a gap,
the highest bit first, 0 up to the end of the last byte; compressed and written likewise.

A text may come from anyone: it is unpacked a piece at a time and never beyond what `count` allows, so that what is
small and claims to be small stays small.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.errors import DataError, RangeError, explain

__all__ = ["BITS", "DELTAS", "MOST", "pack_integers", "pack_labels", "unpack_integers", "unpack_labels"]

DELTAS, BITS = "delta-varint+zlib+base64", "bits+zlib+base64"
MOST = 10_000_000
LARGEST = 2**53 - 1  # what canonical JSON can write, and so the largest integer of a record
PIECE = 1 << 20
LONGEST_VARINT = 8  # bytes: 56 bits hold every difference of two such integers, in zigzag
WIDEST = 31

Integers = NDArray[np.int64]
Packed = Mapping[str, Any]


def pack_integers(values: Sequence[int] | NDArray[Any]) -> dict[str, Any]:
    """Pack integers of similar size, such as the nanoseconds of one call after the other.

    Raises:
        RangeError: If one is not a whole number in ±(2^53-1), or there are more than ten million.

    Example:
        >>> packed = pack_integers([1500, 1490, 1510])
        >>> packed["count"], unpack_integers(packed).tolist()
        (3, [1500, 1490, 1510])
    """
    numbers = _whole(values, -LARGEST)
    deltas = np.diff(numbers, prepend=np.int64(0))
    zigzag = (deltas << 1) ^ (deltas >> 63)
    return _packed(DELTAS, len(numbers), _varints(zigzag.astype(np.uint64)))


def unpack_integers(packed: Packed, most: int = MOST) -> Integers:
    """Unpack what `pack_integers` packed, of either encoding.

    Args:
        packed: `encoding`, `count` and `data`.
        most: How many integers to take at most.

    Returns:
        (count,) int64.

    Raises:
        DataError: If it is not packed so, does not hold exactly `count` integers, or holds one beyond ±(2^53-1).
        RangeError: If `count` is above `most`.
    """
    encoding, count, data = _parts(packed, most)
    return (_unpack_deltas if encoding == DELTAS else _unpack_bits)(data, count)


def pack_labels(labels: Sequence[int] | NDArray[Any]) -> dict[str, Any]:
    """Pack class indices from 0, in as few bits each as the largest one takes.

    Raises:
        RangeError: If one is not a whole number in [0, 2^31), or there are more than ten million.

    Example:
        >>> unpack_labels(pack_labels([3, 0, 9])).tolist()
        [3, 0, 9]
    """
    numbers = _whole(labels, 0)
    width = int(numbers.max(initial=0)).bit_length()
    if width > WIDEST:
        raise RangeError(explain("a label", "below 2^31", int(numbers.max())))
    digits = (numbers[:, None] >> np.arange(width)[::-1]) & 1  # (n, width), the highest bit first
    return _packed(BITS, len(numbers), bytes([width]) + np.packbits(digits.astype(np.uint8)).tobytes())


def unpack_labels(packed: Packed, most: int = MOST) -> Integers:
    """Unpack class indices: as `unpack_integers`, and none is below 0.

    Raises:
        DataError: Also if one is below 0.
        RangeError: If `count` is above `most`.
    """
    labels = unpack_integers(packed, most)
    if labels.min(initial=0) < 0:
        raise DataError(explain("a label", "at least 0", int(labels.min())))
    return labels


def _whole(values: Sequence[int] | NDArray[Any], least: int) -> Integers:
    given = np.asarray(values)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu") or len(given) > MOST:
        got = f"{given.dtype} of the shape {given.shape}"
        raise RangeError(explain("what is packed", f"at most {MOST} whole numbers in a row", got))
    if given.size and not least <= int(given.min()) <= int(given.max()) <= LARGEST:
        raise RangeError(explain("what is packed", f"in [{least}, 2^53)", f"{given.min()} to {given.max()}"))
    return given.astype(np.int64)


def _packed(encoding: str, count: int, data: bytes) -> dict[str, Any]:
    text = base64.b64encode(zlib.compress(data, 9)).decode()
    return {"encoding": encoding, "count": count, "data": text}


def _varints(numbers: NDArray[np.uint64]) -> bytes:
    groups = numbers[:, None] >> (7 * np.arange(LONGEST_VARINT, dtype=np.uint64))  # (n, 8): what is left at each byte
    is_written = np.column_stack([np.ones(len(numbers), bool), groups[:, 1:] > 0])
    continues = np.column_stack([is_written[:, 1:], np.zeros(len(numbers), bool)])
    digits = (groups & np.uint64(127)).astype(np.uint8) | (continues.astype(np.uint8) << 7)
    return digits[is_written].tobytes()


def _parts(packed: Packed, most: int) -> tuple[str, int, bytes]:
    encoding, count, data = (packed.get(name) for name in ("encoding", "count", "data"))
    if encoding not in {DELTAS, BITS}:
        raise DataError(explain("encoding", f"{DELTAS!r} or {BITS!r}", encoding))
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise DataError(explain("count", "a whole number of at least 0", count))
    if count > most:
        raise RangeError(explain("count", f"at most {most}", count))
    try:
        return encoding, count, base64.b64decode(data, validate=True)  # type: ignore[arg-type]
    except (TypeError, ValueError, binascii.Error) as error:
        raise DataError(explain("data", "base64", str(error))) from error


def _inflated(data: bytes, most: int) -> Iterator[bytes]:
    """Decompress a piece at a time, and refuse more than `most` bytes, or bytes that go on after the end."""
    stream, total = zlib.decompressobj(), 0
    try:
        while not stream.eof:
            piece = stream.decompress(data, PIECE)
            data, total = stream.unconsumed_tail, total + len(piece)
            if (not piece and not stream.eof) or total > most:
                rule = f"a whole zlib stream of at most {most} bytes, as its count says"
                raise DataError(explain("data", rule, f"{'more' if total > most else 'the beginning of one'}"))
            yield piece
    except zlib.error as error:
        raise DataError(explain("data", "compressed by zlib", str(error))) from error
    if stream.unused_data:
        raise DataError(explain("data", "one zlib stream", "more after its end"))


def _unpack_deltas(data: bytes, count: int) -> Integers:
    made, filled, last, rest = np.empty(count, np.int64), 0, 0, b""
    for piece in _inflated(data, LONGEST_VARINT * count):
        deltas, rest = _deltas(rest + piece)
        if filled + len(deltas) > count:
            break
        values = last + np.cumsum(deltas)
        # the doubles round, but cannot overflow, so that a wrapped sum does not pass for a small one
        is_wrapped = np.abs(last + np.cumsum(deltas.astype(np.float64))).max(initial=0) > 2.0**62
        if is_wrapped or np.abs(values).max(initial=0) > LARGEST:
            raise DataError(explain("an unpacked integer", "in ±(2^53-1)", "a larger one"))
        made[filled : filled + len(values)] = values
        filled, last = filled + len(values), int(values[-1]) if len(values) else last
    else:
        if filled == count and not rest:
            return made
    raise DataError(explain("data", f"of {count} integers, as count says", "another number of them"))


def _deltas(piece: bytes) -> tuple[Integers, bytes]:
    """Decode the whole varints of a piece; what follows the last one is given back."""
    digits = np.frombuffer(piece, np.uint8)
    ends = np.flatnonzero(digits < 128)
    if not len(ends):
        return np.empty(0, np.int64), _short(piece)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    rest = _short(piece[int(ends[-1]) + 1 :])
    if lengths.max() > LONGEST_VARINT:
        raise _too_long()
    zigzag = np.zeros(len(ends), np.uint64)
    for place in range(int(lengths.max())):
        rows = np.flatnonzero(lengths > place)
        zigzag[rows] |= (digits[starts[rows] + place] & 127).astype(np.uint64) << np.uint64(7 * place)
    return (zigzag >> np.uint64(1)).astype(np.int64) ^ -(zigzag & np.uint64(1)).astype(np.int64), rest


def _short(rest: bytes) -> bytes:
    if len(rest) >= LONGEST_VARINT:
        raise _too_long()
    return rest


def _too_long() -> DataError:
    return DataError(explain("an integer", f"of at most {LONGEST_VARINT} bytes", "a longer one"))


def _unpack_bits(data: bytes, count: int) -> Integers:
    whole = b"".join(_inflated(data, 1 + (WIDEST * count + 7) // 8))
    width = whole[0] if whole else WIDEST + 1
    if width > WIDEST or len(whole) != 1 + (width * count + 7) // 8:
        raise DataError(explain("data", f"of {count} integers, as count says", f"{len(whole)} bytes"))
    packed, made = np.frombuffer(whole, np.uint8, offset=1), np.zeros(count, np.int64)
    for place in range(width):
        bits = np.arange(count, dtype=np.int64) * width + place
        made = (made << 1) | ((packed[bits >> 3] >> (7 - (bits & 7)).astype(np.uint8)) & 1)
    return made
