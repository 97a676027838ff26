"""Envelopes: a payload, what kind it is, and signatures over both, in the form of DSSE version 1.

What is signed is not the payload alone but the pre-authentication encoding (PAE) of its type and itself, so that a
signature for one kind of document never passes for another kind.

Source:
    Secure Systems Lab (2021), DSSE: Dead Simple Signing Envelope, protocol and envelope 1.0.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinytorch.errors import DataError, explain

__all__ = ["PAYLOAD_TYPE", "Envelope", "Signature", "encoding"]

PAYLOAD_TYPE = "application/vnd.tinytorch.submission+json"
MOST_SIGNATURES = 64
TO_STANDARD = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature, and the name of the key that it says it was made with, which nobody should believe.

    Attributes:
        keyid: The name; empty where there is none.
        value: The signature's bytes.
    """

    keyid: str
    value: bytes

    def to_dict(self) -> dict[str, str]:
        """Write it as DSSE does."""
        return {"keyid": self.keyid, "sig": _base64(self.value)}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with its signatures; nothing in it has been verified.

    Attributes:
        payload_type: What kind of document the payload is.
        payload: Its bytes.
        signatures: Any number from 1.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @property
    def signed_bytes(self) -> bytes:
        """What the signatures are over."""
        return encoding(self.payload_type, self.payload)

    def to_dict(self) -> dict[str, Any]:
        """Write it as DSSE does."""
        signatures = [signature.to_dict() for signature in self.signatures]
        return {"payload": _base64(self.payload), "payloadType": self.payload_type, "signatures": signatures}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Envelope:
        """Read an envelope; unknown members are passed over, as DSSE says.

        Raises:
            DataError: If a part is missing or of the wrong kind, no base64, or two signatures name the same key.
        """
        signatures = document.get("signatures")
        if not isinstance(signatures, list) or not 1 <= len(signatures) <= MOST_SIGNATURES:
            got = f"{len(signatures)} of them" if isinstance(signatures, list) else type(signatures).__name__
            raise DataError(explain("signatures", f"a list of 1 to {MOST_SIGNATURES}", got, at="$.signatures"))
        read = tuple(_signature(signature, f"$.signatures[{place}]") for place, signature in enumerate(signatures))
        _require_different(read)
        payload = _bytes(document.get("payload"), "payload", "$.payload")
        return cls(_text(document.get("payloadType"), "payloadType", "$.payloadType"), payload, read)


def encoding(payload_type: str, payload: bytes) -> bytes:
    """Encode what a signature is over: "DSSEv1" SP length SP type SP length SP payload.

    Example:
        >>> encoding("http://example.com/HelloWorld", b"hello world")
        b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b" ".join((b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload))


def _signature(signature: object, at: str) -> Signature:
    if not isinstance(signature, Mapping):
        raise DataError(explain("a signature", "an object", type(signature).__name__, at=at))
    name = signature.get("keyid")
    keyid = "" if name is None else _text(name, "keyid", f"{at}.keyid")
    return Signature(keyid, _bytes(signature.get("sig"), "sig", f"{at}.sig"))


def _require_different(signatures: tuple[Signature, ...]) -> None:
    names = [signature.keyid for signature in signatures if signature.keyid]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        got = f"{twice[0]!r} twice"
        raise DataError(explain("the keyids", "different", got, at="$.signatures", remedy="One signature a key."))


def _text(value: object, what: str, at: str) -> str:
    if not isinstance(value, str):
        raise DataError(explain(what, "text", type(value).__name__, at=at))
    return value


def _bytes(value: object, what: str, at: str) -> bytes:
    """Read base64, of either alphabet, but of one spelling only: no spaces, no stray bits, padded."""
    text = _text(value, what, at).translate(TO_STANDARD)
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(explain(what, "base64", str(error), at=at)) from error
    if _base64(content) != text:
        raise DataError(explain(what, "base64 without stray bits", "other text for the same bytes", at=at))
    return content


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
