"""Bundles from strangers: each trick is refused, for what it is."""

import os
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capstone.bundle.conftest import FILES, MODEL, with_manifest
from tinytorch.capstone.bundle import layout, reading
from tinytorch.capstone.bundle.archive import CENTRAL, write_archive
from tinytorch.capstone.bundle.reading import opened
from tinytorch.errors import DataError, StateError, SubmissionError


def refusal(path):
    """Give the problems that a bundle is refused for."""
    with pytest.raises(SubmissionError) as caught, opened(path):
        pass
    assert all(str(problem) in str(caught.value) for problem in caught.value.problems)
    return list(caught.value.problems)


def rewritten(path, files, change=None):
    """Write a bundle, change its bytes, and say what it is refused for."""
    write_archive(path, files)
    if change:
        path.write_bytes(change(path.read_bytes()))
    return refusal(path)


def in_list(raw, name, field, value):
    """Change a field of a file's entry in the list at the end."""
    at = raw.index(b"PK\x01\x02")
    while raw[at + CENTRAL.size :][: len(name)] != name:
        at = raw.index(b"PK\x01\x02", at + 4)
    fields = list(CENTRAL.unpack(raw[at : at + CENTRAL.size]))
    fields[field] = value
    return raw[:at] + CENTRAL.pack(*fields) + raw[at + CENTRAL.size :]


FLAGS, METHOD, CRC, PACKED, SIZE, ATTRIBUTES, OFFSET = 3, 4, 7, 8, 9, 15, 16


def test_a_sound_bundle_is_read(bundle, files, tmp_path):
    """Names, texts, hashes; and all files below a folder."""
    with opened(bundle) as found:
        assert list(found.entries) == sorted(files)
        assert found.read("README.md") == b"Hello.\n"
        found.extract(tmp_path / "out")
    there = {path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*.*")}
    assert {name: path.read_bytes() for name, path in there.items()} == files


@pytest.mark.parametrize("name", ["models/a.safetensors", "none.md"])
def test_only_texts_are_read_whole(bundle, name):
    """A model may be larger than memory."""
    with opened(bundle) as found, pytest.raises(StateError, match="must be a text of the bundle"):
        found.read(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../../etc/cron.d/x.onnx", "a path inside the bundle"),
        ("/etc/passwd.onnx", "a path inside the bundle"),
        ("C:/x.onnx", "a path inside the bundle"),
        ("a\\..\\x.onnx", "a path inside the bundle"),
        ("a//x.onnx", "a path inside the bundle"),
        ("./x.onnx", "a path inside the bundle"),
        (".ssh/x.onnx", "a path inside the bundle"),
        ("x.onnx\0.txt", "a path inside the bundle"),
        ("x.onnx\n", "a path inside the bundle"),
        ("folder/", "a path inside the bundle"),
        ("", "a path inside the bundle"),
        ("con.onnx", "no device of Windows"),
        ("a/NUL.tar.onnx", "no device of Windows"),
        ("model.pkl", "or that of a model that ends in .safetensors or .onnx"),
        ("model.pt", "or that of a model that ends in .safetensors or .onnx"),
        ("setup.py", "or that of a model that ends in .safetensors or .onnx"),
        ("x" * 200 + ".onnx", "of at most 200 characters"),
        ("a/" * 8 + "x.onnx", "8 folders deep"),
    ],
)
def test_a_name_leads_nowhere_else(tmp_path, name, words):
    """Nor means anything else on another system; nothing but models and the known texts is taken."""
    found = rewritten(tmp_path / "b.zip", with_manifest(FILES | {name: MODEL}))
    assert any(words in problem for problem in found), found


def test_a_name_beyond_ascii_is_refused(tmp_path):
    """It may look like another one."""
    found = rewritten(
        tmp_path / "b.zip", with_manifest(FILES), lambda raw: raw.replace(b"README.md", b"READM\xc3\x89md")
    )
    assert any("a path inside the bundle" in problem for problem in found)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ((ATTRIBUTES, 0o120777 << 16), "an entry must be a regular file; got a symbolic link — at README.md"),
        ((ATTRIBUTES, 0o040755 << 16), "an entry must be a regular file; got a folder"),
        ((ATTRIBUTES, 0o020666 << 16), "an entry must be a regular file; got a device"),
        ((ATTRIBUTES, 0o104755 << 16), "as tinytorch pack writes it"),
        ((FLAGS, 1), "a file must be not encrypted"),
        ((FLAGS, 8), "as tinytorch pack writes it"),
        ((METHOD, 8), "stored as it is; got compressed by deflate"),
        ((METHOD, 99), "stored as it is; got compressed by 99"),
        ((PACKED, 3), "the size of a file must be 3; got 7"),
        ((SIZE, 2**31), "the size of a file must be 7; got 2147483648"),
        ((CRC, 1), "the header of a file must be the same as its entry in the list"),
        ((OFFSET, 1), "right behind what stands before it, at 0; got at 1"),
    ],
)
def test_an_entry_is_a_plain_file_in_its_place(tmp_path, changed, words):
    """No link, no folder, no device; nothing encrypted, compressed, hidden or overlapping."""
    found = rewritten(tmp_path / "b.zip", with_manifest(FILES), lambda raw: in_list(raw, b"README.md", *changed))
    assert any(words in problem for problem in found), found


def test_all_problems_are_told_at_once(tmp_path):
    """Of every entry, and of the whole."""
    tricks = {"../a.onnx": MODEL, "b.pkl": b"", "readme.MD": b""}
    found = rewritten(
        tmp_path / "b.zip", FILES | tricks, lambda raw: in_list(raw, b"submission.json", ATTRIBUTES, 0o120777 << 16)
    )
    for words in ("'../a.onnx'", "'b.pkl'", "'readme.md' 2 times", "symbolic link", "manifest-sha256.txt; got none"):
        assert any(words in problem for problem in found), words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw + b"\0", "with nothing behind it"),
        (lambda raw: raw + b"PK\x05\x06" + bytes(18), "one file, with a list of its files right before its end"),
        (lambda raw: raw[:-2] + b"\x05\0hello", "with nothing behind it"),
        (lambda raw: b"#!/bin/sh\n" + raw, "one file, with a list of its files right before its end"),
        (lambda raw: raw[:-1], "with nothing behind it"),
        (lambda raw: raw[: len(raw) // 2], "with nothing behind it"),
        (lambda raw: raw[:30], "with nothing behind it"),
        (lambda raw: raw[:-14] + struct.pack("<2H", 60_000, 60_000) + raw[-10:], "at most 100; got 60000"),
        (lambda raw: raw[:-14] + struct.pack("<2H", 3, 3) + raw[-10:], "the list of files must be whole"),
        (lambda raw: raw[:-14] + struct.pack("<2H", 5, 5) + raw[-10:], "the list of files must be whole"),
    ],
)
def test_the_file_is_a_bundle_and_nothing_else(tmp_path, change, words):
    """Nothing before it, between its files, or behind it."""
    found = rewritten(tmp_path / "b.zip", with_manifest(FILES), change)
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize("count", [0, 21])
def test_a_file_that_is_too_small_or_no_zip_is_refused(tmp_path, count):
    """As any other."""
    path = tmp_path / "b.zip"
    path.write_bytes(b"x" * count)
    assert "the bundle must be of 22 to" in refusal(path)[0]


def test_a_zip_of_another_program_is_refused(tmp_path):
    """With what to do about it."""
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in with_manifest(FILES).items():
            made.writestr(name, content)
    assert any("Write the bundle with tinytorch pack." in problem for problem in refusal(path))


def test_a_bomb_does_not_go_off(tmp_path):
    """Ten megabytes in ten kilobytes are refused before a byte of them is unpacked."""
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("submission.json", bytes(10**7))
    assert path.stat().st_size < 20_000
    assert any("stored as it is; got compressed by deflate" in problem for problem in refusal(path))


def test_files_that_share_their_bytes_are_refused(tmp_path):
    """The other kind of bomb: many entries for one place."""
    found = rewritten(tmp_path / "b.zip", with_manifest(FILES), lambda raw: in_list(raw, b"submission.json", OFFSET, 0))
    assert any("right behind what stands before it" in problem for problem in found)


def test_too_many_files_are_refused(tmp_path):
    """By their number, before they are read."""
    many = {f"{number}.onnx": b"" for number in range(101)}
    assert "the files of a bundle must be at most 100" in rewritten(tmp_path / "b.zip", many)[0]


def test_a_folder_that_is_a_file_too_is_refused(tmp_path):
    """It could be unpacked nowhere."""
    found = rewritten(tmp_path / "b.zip", with_manifest(FILES | {"a.onnx": b"", "a.onnx/b.onnx": b""}))
    assert any("a file must be no folder too; got 'a.onnx'" in problem for problem in found)


def test_a_changed_file_is_refused(tmp_path):
    """Its checksum tells, or the manifest does."""
    one = rewritten(tmp_path / "b.zip", with_manifest(FILES), lambda raw: raw.replace(b"Hello", b"Hullo"))
    assert any("the CRC-32 of a file must be that of its bytes" in problem for problem in one)
    two = rewritten(tmp_path / "b.zip", with_manifest(FILES) | {"README.md": b"Hullo.\n"})
    assert any("the SHA-256 of a file must be as in manifest-sha256.txt" in problem for problem in two)


def test_a_file_that_the_manifest_has_not_is_refused(tmp_path):
    """And one that only the manifest has."""
    more = rewritten(tmp_path / "b.zip", with_manifest(FILES) | {"more.onnx": b""})
    assert any("listed there" in problem and "more.onnx" in problem for problem in more)
    less = with_manifest(FILES)
    del less["README.md"]
    assert any("got no such file — at README.md" in problem for problem in rewritten(tmp_path / "b.zip", less))


def test_a_manifest_is_nothing_but_hashes(tmp_path):
    """A line that is none is told; of a thousand, a few."""
    found = rewritten(tmp_path / "b.zip", FILES | {"manifest-sha256.txt": b"x\n" * 1000})
    assert sum("two spaces and the name" in problem for problem in found) == 20
    assert any("and 980 more problems" in problem for problem in found)


@pytest.mark.parametrize("content", [b"\x80\x04}.", b"", b"12345678", (10**9).to_bytes(8, "little") + b"{}"])
def test_a_model_that_is_no_safetensors_file_is_refused(tmp_path, content):
    """By its beginning: a pickle is not even looked at."""
    found = rewritten(tmp_path / "b.zip", with_manifest(FILES | {"models/a.safetensors": content}))
    assert any("a model must be a safetensors file" in problem for problem in found)


def test_a_text_that_is_too_large_is_refused(tmp_path, monkeypatch):
    """Texts are read whole."""
    monkeypatch.setattr(reading, "LARGEST_TEXT", 200)
    found = rewritten(tmp_path / "b.zip", with_manifest(FILES | {"README.md": bytes(201)}))
    assert any("a text must be of at most 200 bytes" in problem for problem in found)


def test_what_is_no_file_is_refused(tmp_path):
    """A pipe would never end."""
    with pytest.raises(DataError, match="the bundle must be readable"), opened(tmp_path / "none.zip"):
        pass
    with pytest.raises((DataError, SubmissionError)), opened(tmp_path):
        pass
    if os.name == "posix":
        assert "a regular file" in refusal("/dev/zero")[0]


def test_a_bundle_that_changes_while_it_is_read_is_refused(bundle):
    """What was checked is what is unpacked."""
    with opened(bundle) as found:
        raw = bundle.read_bytes().replace(b"Hello", b"Hullo")
        with bundle.open("r+b") as file:
            file.write(raw)
        found.file.seek(0, os.SEEK_END)  # and forget what was read ahead
        with pytest.raises(DataError, match="the bundle must be left alone while it is read"):
            found.read("README.md")


def test_every_byte_counts(tmp_path):
    """Whichever is changed, the bundle is refused."""
    path = tmp_path / "b.zip"
    write_archive(path, with_manifest({"submission.json": b"{}"}))
    raw = path.read_bytes()
    for place in range(len(raw)):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ (1 + place % 255)]) + raw[place + 1 :])
        refusal(path)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_the_bytes_it_is_an_answer(tmp_path_factory, data):
    """Bytes changed, cut, repeated, put in or made up: refused for a reason, and nothing else happens."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.zip"
    write_archive(path, with_manifest(FILES))
    raw = bytearray(path.read_bytes())
    sound = bytes(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        start, end = sorted(data.draw(st.tuples(st.integers(0, len(raw)), st.integers(0, len(raw)))))
        kind = data.draw(st.sampled_from(["cut", "put", "replace", "repeat", "number"]))
        piece = data.draw(st.binary(max_size=40))
        if kind == "cut":
            del raw[start:end]
        elif kind == "put":
            raw[start:start] = piece
        elif kind == "replace":
            raw[start : start + len(piece)] = piece
        elif kind == "repeat":
            raw[start:start] = raw[start:end]
        else:
            raw[start : start + 4] = struct.pack("<I", data.draw(st.integers(0, 2**32 - 1)))
    path.write_bytes(bytes(raw[:100_000]))
    if bytes(raw) != sound:
        refusal(path)


def test_every_known_text_has_a_kind():
    """The crate tells what each file is."""
    from tinytorch.capstone.bundle.crate import KINDS

    assert {name[name.rindex(".") :] for name in layout.FIXED} | set(layout.ARTIFACT_ENDINGS) == set(KINDS)
