"""Writing files whole or not at all."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tinytorch.errors import DataError, explain

__all__ = ["write_atomically", "write_new"]


def write_atomically(path: str | os.PathLike[str], content: bytes | Iterable[bytes]) -> None:
    """Write `content` so that a reader finds the old file or the new one, never a part of it.

    A temporary file beside the target is filled, synced to disk and renamed over it; missing folders are made. What is
    too large for memory is given piece by piece.

    Raises:
        DataError: If the file cannot be written; an existing file is then untouched.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, content)
    except OSError as error:
        remedy = "Choose another place, or free some room."
        raise DataError(explain("the file", "writable", error.strerror, at=str(target), remedy=remedy)) from error


def write_new(path: str | os.PathLike[str], content: bytes, mode: int = 0o666) -> None:
    """Write a file that must not be there yet, whole or not at all.

    Args:
        path: Where; missing folders are made.
        content: The whole file.
        mode: Who may read and write it, less what the process's mask takes away; never more, not even for an instant.

    Raises:
        DataError: If the file is there already, which is then untouched, or cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))  # the name is ours from here on
    except FileExistsError as error:
        remedy = "Choose another place, or move that one away."
        raise DataError(explain("the file", "a new one", "one that exists", at=str(target), remedy=remedy)) from error
    except OSError as error:
        remedy = "Choose another place."
        raise DataError(explain("the file", "writable", error.strerror, at=str(target), remedy=remedy)) from error
    try:
        write_atomically(target, content)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _replace(target: Path, content: bytes | Iterable[bytes]) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(_mode(target))
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _mode(target: Path) -> int:
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)  # the only portable way to read it is to set it
    os.umask(mask)
    return 0o666 & ~mask
