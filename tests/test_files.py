"""A file is written whole or not at all."""

import os
import stat

import pytest

from tinytorch.errors import DataError
from tinytorch.files import write_atomically, write_new


def test_the_content_is_written_and_missing_folders_are_made(tmp_path):
    target = tmp_path / "deep" / "down" / "a.bin"
    write_atomically(target, b"\x00\xff")
    assert target.read_bytes() == b"\x00\xff"
    assert list(target.parent.iterdir()) == [target]


def test_an_existing_file_is_replaced_and_keeps_its_mode(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"a longer content than the next")
    target.chmod(0o640)
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_new_file_gets_the_mode_that_any_program_would_give(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "a.bin", b"")
    assert (tmp_path / "a.bin").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError, match="No space left on device"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_error_names_the_path_and_a_remedy(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        write_atomically(blocked / "a.bin", b"")
    assert str(blocked / "a.bin") in str(caught.value)
    assert "Choose another place" in str(caught.value)


def test_a_new_file_is_written_with_the_mode_asked_for(tmp_path):
    write_new(tmp_path / "deep" / "a.bin", b"content", 0o600)
    assert (tmp_path / "deep" / "a.bin").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "deep" / "a.bin").stat().st_mode) == 0o600


def test_a_new_file_does_not_replace_one_that_exists(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"old")
    with pytest.raises(DataError, match="must be a new one; got one that exists"):
        write_new(tmp_path / "a.bin", b"new")
    assert (tmp_path / "a.bin").read_bytes() == b"old"


def test_a_new_file_that_cannot_be_filled_is_not_left_behind(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError, match="No space left on device"):
        write_new(tmp_path / "a.bin", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_in_a_place_that_is_none_is_an_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="Choose another place"):
        write_new(tmp_path / "file" / "a.bin", b"")
