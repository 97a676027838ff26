"""The state of the checkout that is worked in: which commit, and what was changed since."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

__all__ = ["git_state"]

SECONDS = 10
HEADER = "# branch.oid "


def git_state(_: Path, folder: Path | None = None) -> dict[str, object]:
    """Name the commit, and the hash of what differs from it: of tracked files the content, of others name and size.

    Nothing of it tells whose checkout it is or where it lies.

    Args:
        folder: Any folder of the checkout; the current one by default.

    Returns:
        `commit` (none before the first), `is_dirty`, and `dirty_sha256` (none for a clean checkout).

    Raises:
        LookupError: Outside a checkout.
        OSError: Without git.
    """
    place = folder or Path.cwd()
    status = _git(place, "status", "--porcelain=v2", "--branch", "-z").decode(errors="replace").split("\0")
    commit = next(line.removeprefix(HEADER) for line in status if line.startswith(HEADER))
    commit_or_none = commit if len(commit) >= 40 else None  # git calls it (initial)
    changed = [line for line in status if line and not line.startswith("# ")]
    digest = _digest(place, changed, has_commit=commit_or_none is not None) if changed else None
    return {"commit": commit_or_none, "is_dirty": bool(changed), "dirty_sha256": digest}


def _digest(place: Path, changed: list[str], *, has_commit: bool) -> str:
    digest = hashlib.sha256("\0".join(changed).encode())
    top = Path(os.fsdecode(_git(place, "rev-parse", "--show-toplevel")).rstrip("\n"))
    for line in changed:
        file = top / line.removeprefix("? ")
        if line.startswith("? ") and file.is_file():
            digest.update(str(file.stat().st_size).encode())
    if has_commit:
        digest.update(_git(place, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv"))
    return digest.hexdigest()


def _git(place: Path, *words: str) -> bytes:
    # neither a hook of the checkout nor a lock on its index: looking must change nothing and run nothing
    command = ["git", "-c", "core.fsmonitor=false", "--no-optional-locks", *words]
    done = subprocess.run(command, cwd=place, capture_output=True, check=False, timeout=SECONDS)  # noqa: S603
    if done.returncode:
        raise LookupError("not in a checkout that git can read")
    return done.stdout
