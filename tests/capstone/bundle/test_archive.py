"""The one form of a bundle's file."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tinytorch.capstone.bundle import archive
from tinytorch.capstone.bundle.archive import write_archive
from tinytorch.errors import DataError, RangeError


def test_the_bytes_follow_from_the_files_alone(tmp_path, files):
    """Not from their order, their dates, their rights, their folder, or whether they lie in files."""
    first, second = tmp_path / "1.zip", tmp_path / "elsewhere" / "2.zip"
    write_archive(first, files)
    loose = {}
    for age, name in enumerate(sorted(files, reverse=True)):
        path = tmp_path / f"{age}"
        path.write_bytes(files[name])
        path.chmod(0o700)
        os.utime(path, (age * 10**8, age * 10**8))
        loose[name] = path
    write_archive(second, loose)
    assert first.read_bytes() == second.read_bytes()


def test_the_bytes_are_these(tmp_path):
    """So that a change of the form does not go unnoticed: it would make every bundle another one."""
    path = tmp_path / "a.zip"
    write_archive(path, {"a.txt": b"one", "b.txt": b"two"})
    parts = (("f1866c7a", "612e747874", "6f6e65", "00000000"), ("668aca11", "622e747874", "74776f", "26000000"))
    local = [f"504b030414000000000000002100{crc}030000000300000005000000{name}{text}" for crc, name, text, _ in parts]
    listed = [
        f"504b0102140314000000000000002100{crc}0300000003000000050000000000000000000000a481{place}{name}"
        for crc, name, _, place in parts
    ]
    end = "504b05060000000002000200660000004c0000000000"
    assert path.read_bytes() == bytes.fromhex("".join([*local, *listed, end]))


def test_any_reader_of_zip_files_can_read_it(bundle, files):
    """Python's own, and unzip where it is there."""
    with zipfile.ZipFile(bundle) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == files
        assert opened.namelist() == sorted(files)
    if tool := shutil.which("unzip"):
        subprocess.run([tool, "-tqq", bundle], check=True)


def test_what_was_written_is_told(bundle, files, tmp_path):
    """Each file with its size and hash."""
    entries = write_archive(tmp_path / "again.zip", files)
    assert [(entry.name, entry.size) for entry in entries] == [(name, len(files[name])) for name in sorted(files)]


def test_a_file_that_changes_meanwhile_is_refused(tmp_path, monkeypatch):
    """Its header would tell of another one; nothing is then written."""
    source, target = tmp_path / "a.txt", tmp_path / "a.zip"
    source.write_bytes(b"before")
    whole = archive.entry_of

    def then_changed(name, content):
        entry = whole(name, content)
        source.write_bytes(b"behind")
        return entry

    monkeypatch.setattr(archive, "entry_of", then_changed)
    with pytest.raises(DataError, match=r"the file of a\.txt must be left alone while it is packed"):
        write_archive(target, {"a.txt": source})
    assert not target.exists()


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """With its place."""
    with pytest.raises(DataError, match=r"the file of a\.txt must be readable; got No such file"):
        write_archive(tmp_path / "a.zip", {"a.txt": Path(tmp_path / "none")})


def test_more_than_fits_is_refused(tmp_path, monkeypatch):
    """Before anything is written."""
    monkeypatch.setattr(archive, "LARGEST", 100)
    with pytest.raises(RangeError, match="a bundle must be of at most 100 bytes; got 1"):
        write_archive(tmp_path / "a.zip", {"a.txt": b"12345"})
