"""Signatures by the keys that people have already: `ssh-keygen -Y sign` and `-Y verify`.

Over the canonical bytes of the document, in a namespace of their own, so that a signature made for anything else does
not fit. Who may have signed is said by an allowed-signers file, as ssh-keygen describes it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinytorch.capstone.record.canonical import canonical_bytes
from tinytorch.errors import DataError, StateError, explain

__all__ = ["NAMESPACE", "sign_with_ssh", "verify_with_ssh"]

NAMESPACE = "tinytorch-submission"
SECONDS = 60.0  # a key on a token waits for a finger
FINGERPRINT = re.compile(r"key (SHA256:[A-Za-z0-9+/]+)")
ARMOUR = b"-----BEGIN SSH SIGNATURE-----"


def sign_with_ssh(document: Mapping[str, Any], key: str | os.PathLike[str], seconds: float = SECONDS) -> bytes:
    """Sign a document with an SSH key.

    Args:
        document: What is signed, as its canonical bytes.
        key: The file of a private key, or of a public key whose private part an agent holds.
        seconds: How long ssh-keygen may take.

    Returns:
        The signature, in the armour that ssh-keygen writes.

    Raises:
        StateError: If there is no ssh-keygen, or it does not end in time.
        DataError: If the key cannot be used: it is no key, or its passphrase is asked for where nobody can answer.
    """
    _require_readable(key)
    done = _run(["-Y", "sign", "-q", "-f", os.fspath(key), "-n", NAMESPACE], canonical_bytes(dict(document)), seconds)
    if done.returncode or not done.stdout.startswith(ARMOUR):
        remedy = "Where the key has a passphrase, add it to ssh-agent and give the public key's file."
        raise DataError(explain("the key", "one that signs", _said(done), at=os.fspath(key), remedy=remedy))
    return done.stdout


def verify_with_ssh(
    document: Mapping[str, Any],
    signature: bytes,
    allowed_signers: str | os.PathLike[str],
    identity: str,
    seconds: float = SECONDS,
) -> str:
    """Check that `identity` signed a document, with a key that the allowed-signers file gives it.

    Returns:
        The fingerprint of the key.

    Raises:
        StateError: If there is no ssh-keygen, or it does not end in time.
        DataError: If the signature does not fit, or the identity is not allowed that key.
    """
    _require_readable(allowed_signers)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "signature"
        file.write_bytes(signature)
        said = ["-f", os.fspath(allowed_signers), "-I", identity, "-n", NAMESPACE, "-s", os.fspath(file)]
        done = _run(["-Y", "verify", *said], canonical_bytes(dict(document)), seconds)
    found = FINGERPRINT.search(done.stdout.decode(errors="replace"))
    if done.returncode or not found:
        rule = f"one of {identity!r}, by a key that {os.fspath(allowed_signers)} allows"
        raise DataError(explain("the signature", rule, _said(done)))
    return found[1]


def _require_readable(path: str | os.PathLike[str]) -> None:
    """Refuse a file that ssh-keygen could not read, before it says so in its own words."""
    if not os.access(path, os.R_OK):
        raise DataError(explain("the file", "readable", "no such file", at=os.fspath(path)))


def _run(arguments: Sequence[str], content: bytes, seconds: float) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        remedy = "Install OpenSSH 8.0 or later, or sign with `tinytorch keygen` and `tinytorch sign`."
        raise StateError(explain("ssh-keygen", "installed", "nothing on the path", remedy=remedy))
    # It asks for a passphrase on the terminal; where there is none, it shall fail at once rather than open a window.
    quiet = os.environ | {"SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}
    command = [program, *arguments]
    try:
        return subprocess.run(  # noqa: S603  a program of the system, with arguments that no shell reads
            command, input=content, capture_output=True, check=False, timeout=seconds, env=quiet
        )
    except subprocess.TimeoutExpired as error:
        raise StateError(explain("ssh-keygen", f"done in {seconds:g} s", "still at work")) from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    text = " ".join((done.stderr + b" " + done.stdout).decode(errors="replace").split())
    return text or f"exit code {done.returncode}"
