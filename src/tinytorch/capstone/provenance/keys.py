"""Ed25519 keys: made, kept where only their owner reads them, and named by a hash.

A private key is a PEM file (PKCS #8), encrypted where there is a passphrase; a public one is a PEM file too. Both are
what `openssl pkey` reads.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinytorch.capstone.provenance.canonical import read_bounded
from tinytorch.errors import DataError, StateError, explain
from tinytorch.files import write_new

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = [
    "generate_key",
    "is_encrypted",
    "is_exposed",
    "key_id",
    "load_private_key",
    "load_public_key",
    "public_key_path",
    "require_cryptography",
    "save_key_pair",
]

MOST_KEY_BYTES = 64 * 1024
OWNER_ONLY, EVERYBODY = 0o600, 0o644
REMEDY = "Make one with `tinytorch keygen`."


def require_cryptography() -> Any:
    """Give the module of Ed25519 keys.

    Raises:
        StateError: If `cryptography` is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        remedy = "pip install 'tinytorch[sign]' brings it."
        raise StateError(explain("cryptography", "installed for signatures", str(error), remedy=remedy)) from error
    return ed25519


def generate_key() -> Ed25519PrivateKey:
    """Make a new private key.

    Raises:
        StateError: If `cryptography` is not installed.
    """
    return require_cryptography().Ed25519PrivateKey.generate()


def key_id(public: Ed25519PublicKey) -> str:
    """Name a public key: the SHA-256 of its 32 bytes.

    Example:
        >>> len(key_id(generate_key().public_key()))
        64
    """
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()


def public_key_path(path: str | os.PathLike[str]) -> str:
    """Say where the public key of a pair is kept.

    Example:
        >>> public_key_path("key.pem"), public_key_path("mine")
        ('key.pub.pem', 'mine.pub.pem')
    """
    return f"{os.fspath(path).removesuffix('.pem')}.pub.pem"


def save_key_pair(key: Ed25519PrivateKey, path: str | os.PathLike[str], passphrase: str | None = None) -> str:
    """Write both keys of a pair; a file that is there already is never replaced.

    Args:
        key: The private key; the public one follows from it.
        path: Where to write the private key, readable by its owner only.
        passphrase: What the private key is encrypted with; without one, whoever reads the file can sign.

    Returns:
        Where the public key is.

    Raises:
        DataError: If one of the two files is there already, or cannot be written; then neither is new.
    """
    from cryptography.hazmat.primitives import serialization as forms

    place = public_key_path(path)
    lock = forms.BestAvailableEncryption(passphrase.encode()) if passphrase else forms.NoEncryption()
    private = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, lock)
    public = key.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
    write_new(path, private, OWNER_ONLY)
    try:
        write_new(place, public, EVERYBODY)
    except BaseException:
        Path(path).unlink()  # it was made a moment ago, by us
        raise
    return place


def is_encrypted(path: str | os.PathLike[str]) -> bool:
    """Say whether a private key asks for a passphrase.

    Raises:
        DataError: If the file cannot be read.
    """
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in read_bounded(path, MOST_KEY_BYTES)


def is_exposed(path: str | os.PathLike[str]) -> bool:
    """Say whether others than its owner may read a file; never so where the system does not tell."""
    return os.name == "posix" and Path(path).exists() and bool(Path(path).stat().st_mode & 0o077)


def load_private_key(path: str | os.PathLike[str], passphrase: str | None = None) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        StateError: If `cryptography` is not installed.
        DataError: If the file cannot be read, is no private key in PEM, not one of Ed25519, or the passphrase is wrong.
    """
    kind = require_cryptography().Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    secret = passphrase.encode() if passphrase and is_encrypted(path) else None
    return _loaded(path, "a private key", kind, lambda content: load_pem_private_key(content, secret))


def load_public_key(path: str | os.PathLike[str]) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        StateError: If `cryptography` is not installed.
        DataError: If the file cannot be read, is no public key in PEM, or not one of Ed25519.
    """
    kind = require_cryptography().Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return _loaded(path, "a public key", kind, load_pem_public_key)


def _loaded(path: str | os.PathLike[str], what: str, kind: type, load: Any) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm

    place = os.fspath(path)
    content = read_bounded(path, MOST_KEY_BYTES)
    try:
        key = load(content)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # a TypeError is a passphrase missing
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(explain(what, "readable PEM, with its passphrase", said, at=place, remedy=REMEDY)) from error
    if not isinstance(key, kind):
        raise DataError(explain(what, "one of Ed25519", type(key).__name__, at=place, remedy=REMEDY))
    return key
