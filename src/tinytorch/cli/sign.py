"""`tinytorch sign`: an envelope with a signature, or a signature by ssh-keygen."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinytorch.cli import output
from tinytorch.cli.passphrases import ask_passphrase

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["execute"]


def execute(options: Namespace) -> int:
    """Sign, write, and say where; an invalid submission is not signed."""
    made = _by_ssh(options) if options.ssh else _by_key(options)
    if options.json:
        output.print_json(made)
    else:
        where = f"{options.submission} is signed; the signature is in {made['output']}."
        output.console().print(where, markup=False, soft_wrap=True)
    return 0


def _by_key(options: Namespace) -> dict[str, Any]:
    from tinytorch.capstone.provenance import cosign, is_envelope, key_id, sign
    from tinytorch.capstone.submission import load_submission
    from tinytorch.files import write_atomically, write_new

    document = load_submission(options.submission)
    is_signed = is_envelope(document)
    if not is_signed:
        _require_valid(document)
    key = _private_key(options.key)
    envelope = cosign(document, key) if is_signed else sign(document, key)
    place = options.output or (options.submission if is_signed else _beside(options.submission))
    write = write_atomically if place == options.submission else write_new
    write(place, json.dumps(envelope, indent=1).encode() + b"\n")
    return {"submission": options.submission, "output": place, "keyid": key_id(key.public_key())}


def _by_ssh(options: Namespace) -> dict[str, Any]:
    from tinytorch.capstone.provenance import NAMESPACE, sign_with_ssh
    from tinytorch.capstone.submission import load_submission
    from tinytorch.files import write_new

    document = load_submission(options.submission)
    _require_valid(document)
    place = options.output or f"{options.submission}.sig"
    write_new(place, sign_with_ssh(document, options.key))
    return {"submission": options.submission, "output": place, "namespace": NAMESPACE}


def _require_valid(document: dict[str, Any]) -> None:
    from tinytorch.capstone.validation import validate_submission_schema

    validate_submission_schema(document)


def _private_key(path: str) -> Ed25519PrivateKey:
    from tinytorch.capstone.provenance import is_encrypted, is_exposed, load_private_key

    if is_exposed(path):
        print(f"tinytorch: others can read {path}; run `chmod 600` on it.", file=sys.stderr)
    return load_private_key(path, ask_passphrase(path) if is_encrypted(path) else None)


def _beside(submission: str) -> str:
    """Name the envelope of a submission.

    Example:
        >>> _beside("mine/submission.json")
        'mine/submission.dsse.json'
    """
    return str(Path(submission).with_suffix(".dsse.json"))
