"""What image data sets are published in."""

import gzip
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from datasets import archives
from tinytorch.datasets.formats import read_archive, read_folder, read_idx, read_png
from tinytorch.errors import DataError

modestly = settings(deadline=None, derandomize=True, max_examples=60, database=None)

FILES = {"a.bin": b"first", "b.bin": b"second", "other": b"x"}


@modestly
@given(arrays(np.uint8, st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)))
def test_an_idx_file_gives_its_array(array):
    """Whatever its rank, compressed or not."""
    for raw in (archives.idx(array), gzip.compress(archives.idx(array))):
        assert np.array_equal(read_idx(raw), array)


IDX = archives.idx(np.arange(6, dtype=np.uint8).reshape(2, 3))
BROKEN_IDX = {
    "empty": b"",
    "of floats": IDX[:2] + b"\x0d" + IDX[3:],
    "short": IDX[:-1],
    "long": IDX + b"\0",
    "without sizes": IDX[:5],
    "compressed and cut": gzip.compress(IDX)[:-6],
}


@pytest.mark.parametrize("raw", BROKEN_IDX.values(), ids=BROKEN_IDX)
def test_a_broken_idx_file_is_refused(raw):
    """With its name."""
    with pytest.raises(DataError, match="labels must be"):
        read_idx(raw, "labels")


@modestly
@given(arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 6), st.just(3))), st.permutations(range(5)))
def test_a_png_gives_its_picture(picture, filters):
    """Through each of the five filters, in any order."""
    assert np.array_equal(read_png(archives.png(picture, filters)), picture)


PICTURE = archives.png(np.arange(36, dtype=np.uint8).reshape(3, 4, 3))
GREY = archives.png(np.zeros((2, 2, 3), np.uint8), kind=(8, 0, 0, 0, 0))
BROKEN_PNG = {
    "empty": b"",
    "another signature": b"GIF" + PICTURE[3:],
    "one bit": PICTURE[:45] + bytes([PICTURE[45] ^ 1]) + PICTURE[46:],
    "cut": PICTURE[:-20],
    "grey": GREY,
    "without a header": PICTURE[:8],
}


@pytest.mark.parametrize("raw", BROKEN_PNG.values(), ids=BROKEN_PNG)
def test_a_broken_png_is_refused(raw):
    """With its name; every chunk's checksum is looked at."""
    with pytest.raises(DataError, match="batch must be"):
        read_png(raw, "batch")


def test_a_filter_that_does_not_exist_is_refused():
    """With its row."""
    content = zlib.compress(bytes([0, 1, 2, 3, 5, 1, 2, 3]))
    header = archives.chunk(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 2, 8, 2, 0, 0, 0]))
    with pytest.raises(DataError, match="a PNG filter must be 0 to 4; got 5 — at row 1"):
        read_png(PICTURE[:8] + header + archives.chunk(b"IDAT", content))


@pytest.mark.parametrize("make", [archives.tgz, archives.tar, archives.deb])
def test_an_archive_gives_files_by_name(tmp_path, make):
    """In whatever folder they are in it."""
    (tmp_path / "archive").write_bytes(make(FILES))
    assert read_archive(tmp_path / "archive", ["b.bin", "a.bin"]) == {"a.bin": b"first", "b.bin": b"second"}


@pytest.mark.parametrize("make", [archives.tgz, archives.deb])
@pytest.mark.parametrize("cut", [0, 9, 100])
def test_a_cut_archive_is_refused(tmp_path, make, cut):
    """With its place."""
    path = tmp_path / "archive"
    path.write_bytes(make(FILES)[:cut])
    with pytest.raises(DataError, match=r"the archive must be one that can be read; got .* — at .*archive"):
        read_archive(path, ["a.bin"])


def test_a_missing_archive_is_named(tmp_path):
    """As one that cannot be read."""
    with pytest.raises(DataError, match=r"none\.tgz"):
        read_archive(tmp_path / "none.tgz", ["a.bin"])


def test_a_file_that_is_not_in_an_archive_is_named(tmp_path):
    """All that are missing at once."""
    (tmp_path / "archive").write_bytes(archives.tgz(FILES))
    with pytest.raises(DataError, match=r"complete; got no c\.bin, d\.bin — at"):
        read_archive(tmp_path / "archive", ["a.bin", "c.bin", "d.bin"])


def test_a_folder_gives_files_compressed_or_not(tmp_path):
    """As people unpack them."""
    (tmp_path / "a.bin.gz").write_bytes(b"first")
    (tmp_path / "b.bin").write_bytes(b"second")
    assert read_folder(tmp_path, ["a.bin", "b.bin.gz"]) == {"a.bin": b"first", "b.bin.gz": b"second"}
    with pytest.raises(DataError, match=r"got no c\.bin"):
        read_folder(tmp_path, ["c.bin"])
