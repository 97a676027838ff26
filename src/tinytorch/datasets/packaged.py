"""Reading a file that travels with the package."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tinytorch.errors import DataError, explain

__all__ = ["read_packaged"]

REMEDY = "Reinstall tinytorch: the file travels with the package."


def read_packaged(path: Path, sha256: str, what: str) -> bytes:
    """Read a file, and make sure that it is the one that was published.

    Raises:
        DataError: If it is missing, or another.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(explain(what, "readable", error.strerror, at=str(path), remedy=REMEDY)) from error
    found = hashlib.sha256(raw).hexdigest()
    if found != sha256:
        raise DataError(explain(what, f"the published file, of SHA-256 {sha256}", found, at=str(path), remedy=REMEDY))
    return raw
