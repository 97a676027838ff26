"""Packed samples come back as they were, take little room, and cannot be made to take much."""

import base64
import contextlib
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinytorch.capstone.record import pack_integers, pack_labels, unpack_integers, unpack_labels
from tinytorch.capstone.record.packing import BITS, DELTAS, LARGEST, MOST
from tinytorch.errors import DataError, RangeError


def packed(data, count, encoding=DELTAS):
    """Pack bytes as they are."""
    return {"encoding": encoding, "count": count, "data": base64.b64encode(zlib.compress(data)).decode()}


@settings(deadline=None)
@given(st.lists(st.integers(-LARGEST, LARGEST), max_size=40))
@example([2, -LARGEST, LARGEST])
def test_integers_come_back_as_they_were(values):
    """All that canonical JSON could hold, in every order."""
    made = pack_integers(values)
    assert unpack_integers(made).tolist() == values
    assert made["count"] == len(values)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**31 - 1), max_size=40))
def test_labels_come_back_as_they_were(values):
    """Every class index below 2^31."""
    assert unpack_labels(pack_labels(values)).tolist() == values


def test_many_integers_cross_the_pieces_they_are_unpacked_in():
    """More than two pieces of a mebibyte, cut in the middle of an integer."""
    values = np.random.default_rng(0).integers(0, LARGEST, 400_000)
    assert np.array_equal(unpack_integers(pack_integers(values)), values)


def test_the_bytes_are_those_that_the_page_describes():
    """A reader of another language can do it by hand: differences, zigzag, seven bits a byte."""
    data = base64.b64decode(pack_integers([300, 299, 299])["data"])
    assert zlib.decompress(data) == bytes([0b11011000, 0b100, 1, 0])  # 600 in two bytes, 1, 0
    labels = base64.b64decode(pack_labels([5, 1, 2])["data"])
    assert zlib.decompress(labels) == bytes([3, 0b10100101, 0b00000000])


def test_ten_thousand_latencies_take_no_more_than_twenty_kilobytes():
    """Latencies as a clock gives them: about 2 µs, a long tail."""
    rng = np.random.default_rng(0)
    times = np.round(1500 * rng.lognormal(0.05, 0.04, 10_000) + 200_000 * (rng.random(10_000) < 0.001)).astype(int)
    assert len(pack_integers(times)["data"]) < 20_000


def test_three_hundred_and_fifty_nine_labels_take_two_bytes_of_text_each_at_most():
    """Four bits each, and hardly more."""
    assert len(pack_labels(np.random.default_rng(0).integers(0, 10, 359))["data"]) < 280


@pytest.mark.parametrize("encoding", [DELTAS, BITS])
def test_a_bomb_costs_no_more_than_its_count_allows(encoding):
    """A gigabyte of zeros in a megabyte of text is given up after the first piece."""
    bomb = zlib.compressobj()
    data = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(256)) + bomb.flush()
    text = base64.b64encode(data).decode()
    tracemalloc.start()
    with pytest.raises(DataError, match=r"zlib stream of at most|as count says"):
        unpack_integers({"encoding": encoding, "count": 100, "data": text})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 << 20


HOSTILE = {
    "no object's members": ({}, "encoding"),
    "another encoding": ({"encoding": "pickle", "count": 0, "data": ""}, "encoding"),
    "a count that is true": (packed(b"", 0) | {"count": True}, "count"),
    "a negative count": (packed(b"", 0) | {"count": -1}, "count"),
    "no text": (packed(b"", 0) | {"data": 7}, "base64"),
    "no base64": (packed(b"", 0) | {"data": "%%%"}, "base64"),
    "no ASCII": (packed(b"", 0) | {"data": "é"}, "base64"),
    "no zlib": (packed(b"", 0) | {"data": "AAAA"}, "zlib"),
    "half a stream": ({"encoding": DELTAS, "count": 4, "data": "eJxj"}, "beginning of one"),
    "more than the count": (packed(bytes(4), 3), "another number"),
    "less than the count": (packed(bytes(2), 3), "another number"),
    "half an integer": (packed(b"\x00\x80", 1), "another number"),
    "an integer without an end": (packed(b"\x80" * 12, 2), "a longer one"),
    "an integer of nine bytes": (packed(b"\x80" * 8 + b"\x01" + b"\x00" * 8, 9), "a longer one"),
    "integers beyond 2^53": (packed(b"\xfe\xff\xff\xff\xff\xff\xff\x7f" * 3, 3), "2\\^53"),
    "bits of no width": (packed(b"", 0, BITS), "bytes"),
    "bits too wide": (packed(b"\x20\x00\x00\x00\x00", 1, BITS), "bytes"),
    "too few bits": (packed(b"\x08\x00", 2, BITS), "bytes"),
    "too many bits": (packed(b"\x08\x00\x00\x00", 2, BITS), "bytes"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_nobody_packed_is_refused(case):
    """With the reason, and never with another error."""
    given_one, reason = HOSTILE[case]
    with pytest.raises(DataError, match=reason):
        unpack_integers(given_one)


def test_bytes_after_the_end_are_refused():
    """Nothing can be smuggled behind the samples."""
    data = zlib.compress(b"\x00") + b"more"
    with pytest.raises(DataError, match="after its end"):
        unpack_integers({"encoding": DELTAS, "count": 1, "data": base64.b64encode(data).decode()})


def test_more_integers_than_a_reader_takes_are_refused_before_unpacking():
    """Ten million, or as few as the reader says."""
    with pytest.raises(RangeError, match="at most 2"):
        unpack_integers(pack_integers([1, 2, 3]), most=2)
    with pytest.raises(RangeError, match=f"at most {MOST}"):
        unpack_integers(packed(b"", MOST + 1))


def test_a_label_below_zero_is_refused():
    """Integers may be packed where labels should be."""
    with pytest.raises(DataError, match="at least 0"):
        unpack_labels(pack_integers([0, -1]))


@pytest.mark.parametrize("values", [[0.5], [True], [[1]], ["1"], [LARGEST + 1]])
def test_only_whole_numbers_are_packed(values):
    """Nothing is rounded in silence."""
    with pytest.raises(RangeError, match="what is packed"):
        pack_integers(values)


@pytest.mark.parametrize("values", [[-1], [2**31]])
def test_only_class_indices_are_packed_as_labels(values):
    """From 0, below 2^31."""
    with pytest.raises(RangeError):
        pack_labels(values)


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 50), st.sampled_from([DELTAS, BITS]))
def test_any_bytes_are_unpacked_or_refused(data, count, encoding):
    """Never another error, and never another number of integers."""
    with contextlib.suppress(DataError):
        assert len(unpack_integers(packed(data, count, encoding))) == count
