"""Signing a submission, and finding out who signed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tinytorch.capstone.provenance.canonical import canonical_document
from tinytorch.capstone.provenance.envelope import PAYLOAD_TYPE, Envelope, Signature
from tinytorch.capstone.provenance.keys import key_id, require_cryptography
from tinytorch.capstone.record.canonical import canonical_bytes
from tinytorch.errors import DataError, StateError, explain

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["Signed", "cosign", "is_envelope", "sign", "verify"]


@dataclass(frozen=True, slots=True)
class Signed:
    """A document that the named keys have signed.

    Attributes:
        document: What was signed.
        keyids: The names of the given keys that signed it, at least one, in the envelope's order.
        unknown: What the other signatures call their keys; nothing is known of them.
    """

    document: dict[str, Any]
    keyids: tuple[str, ...]
    unknown: tuple[str, ...] = ()


def sign(document: Mapping[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """Put a document into an envelope, as its canonical bytes, and sign it.

    Returns:
        The envelope, as JSON holds it.

    Raises:
        DataError: If canonical JSON cannot hold the document.

    Example:
        >>> from tinytorch.capstone.provenance import generate_key, verify
        >>> key = generate_key()
        >>> verify(sign({"accuracy": 0.9}, key), [key.public_key()]).document
        {'accuracy': 0.9}
    """
    unsigned = Envelope(PAYLOAD_TYPE, canonical_bytes(dict(document)), ())
    return _with_signature(unsigned, key).to_dict()


def cosign(envelope: Mapping[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """Add another key's signature to an envelope; those that are there are kept, and not verified.

    Raises:
        DataError: If it is no envelope of a submission, or its payload is not canonical.
        StateError: If the key has signed it already.
    """
    read = Envelope.from_dict(envelope)
    _document(read)
    name = key_id(key.public_key())
    if name in {signature.keyid for signature in read.signatures}:
        raise StateError(explain("a key", "one that has not signed this yet", name, at="$.signatures"))
    return _with_signature(read, key).to_dict()


def verify(envelope: Mapping[str, Any], public_keys: Sequence[Ed25519PublicKey]) -> Signed:
    """Check an envelope's signatures with the keys given, and with no others, whatever the envelope says.

    At least one of the keys must have signed it. A signature that names one of them but does not fit is refused even
    where another one fits: somebody changed something.

    Args:
        envelope: As JSON holds it.
        public_keys: Those that the caller trusts, from somewhere else than the envelope; at least one.

    Raises:
        StateError: If `cryptography` is not installed.
        DataError: If it is no envelope, none of the keys has signed it, a signature does not fit its key, or the
            payload is not the canonical form of one document.
    """
    require_cryptography()
    if not public_keys:
        raise DataError(explain("public_keys", "at least one key", "none", remedy="Ask the signer for the key."))
    read, trusted = Envelope.from_dict(envelope), {key_id(key): key for key in public_keys}
    makers = [_maker(signature, read.signed_bytes, trusted) for signature in read.signatures]
    found = tuple(dict.fromkeys(maker for maker in makers if maker))
    if not found:
        named = ", ".join(signature.keyid[:16] or "no name" for signature in read.signatures)
        remedy = "Check that the public key is the signer's."
        got = f"signatures of {named}"
        raise DataError(explain("the envelope", "signed with a key given", got, at="$.signatures", remedy=remedy))
    unknown = tuple(one.keyid for one, maker in zip(read.signatures, makers, strict=True) if maker is None)
    return Signed(_document(read), found, unknown)


def is_envelope(document: Mapping[str, Any]) -> bool:
    """Say whether a document looks like an envelope.

    Example:
        >>> is_envelope({"payload": "", "payloadType": "", "signatures": []}), is_envelope({"baseline": {}})
        (True, False)
    """
    return {"payload", "payloadType", "signatures"} <= document.keys()


def _with_signature(envelope: Envelope, key: Ed25519PrivateKey) -> Envelope:
    made = Signature(key_id(key.public_key()), key.sign(envelope.signed_bytes))
    return replace(envelope, signatures=(*envelope.signatures, made))


def _maker(signature: Signature, content: bytes, trusted: Mapping[str, Ed25519PublicKey]) -> str | None:
    """Find the trusted key that made a signature: the one it names, or any where it names none."""
    if signature.keyid and signature.keyid not in trusted:
        return None
    for name in [signature.keyid] if signature.keyid else trusted:
        if _fits(signature.value, content, trusted[name]):
            return name
    if signature.keyid:
        got = "one that does not"
        raise DataError(explain(f"the signature of {signature.keyid[:16]}", "one that fits", got, at="$.signatures"))
    return None


def _fits(signature: bytes, content: bytes, key: Ed25519PublicKey) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _document(envelope: Envelope) -> dict[str, Any]:
    if envelope.payload_type != PAYLOAD_TYPE:
        raise DataError(explain("payloadType", f"{PAYLOAD_TYPE!r}", envelope.payload_type, at="$.payloadType"))
    return canonical_document(envelope.payload, "$.payload")
