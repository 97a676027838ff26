"""`tinytorch verify-signature`: who signed it?"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from tinytorch.cli import output
from tinytorch.errors import DataError, explain

__all__ = ["execute"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Who signed a document, and what it is; or why nobody is known to have."""

    document: dict[str, Any] | None = None
    signers: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    reason: str = ""


def execute(options: Namespace) -> int:
    """Verify and say who signed; return 1 if nobody known did."""
    if wrong := _misuse(options):
        return output.misused(wrong)
    found = _found(options)
    if found.document is not None and options.output:
        from tinytorch.capstone.record import canonical_bytes
        from tinytorch.files import write_atomically

        write_atomically(options.output, canonical_bytes(found.document))
    if options.json:
        output.print_json(_document(options.file, found))
    else:
        _print(options.file, found)
    return int(found.document is None)


def _misuse(options: Namespace) -> str:
    if options.allowed_signers and not options.identity:
        return "--allowed-signers must come with --identity; got none."
    if options.public_key and (options.identity or options.signature):
        return "--identity and --signature are for --allowed-signers; got --public-key."
    return ""


def _found(options: Namespace) -> Finding:
    try:
        return _by_ssh(options) if options.allowed_signers else _by_keys(options)
    except DataError as error:
        return Finding(reason=str(error))


def _by_keys(options: Namespace) -> Finding:
    from tinytorch.capstone.provenance import is_envelope, load_public_key, verify
    from tinytorch.capstone.submission import load_submission

    keys, envelope = [load_public_key(path) for path in options.public_key], load_submission(options.file)
    if not is_envelope(envelope):
        remedy = "Give the file that `tinytorch sign` wrote."
        raise DataError(explain("the file", "an envelope", "no signatures", at=options.file, remedy=remedy))
    signed = verify(envelope, keys)
    return Finding(signed.document, signed.keyids, signed.unknown)


def _by_ssh(options: Namespace) -> Finding:
    from tinytorch.capstone.provenance import verify_with_ssh
    from tinytorch.capstone.provenance.canonical import read_bounded
    from tinytorch.capstone.submission import load_submission

    document = load_submission(options.file)
    signature = read_bounded(options.signature or f"{options.file}.sig", 2**20)
    key = verify_with_ssh(document, signature, options.allowed_signers, options.identity)
    return Finding(document, (f"{options.identity} with the key {key}",))


def _document(file: str, found: Finding) -> dict[str, Any]:
    return {
        "file": file,
        "verified": found.document is not None,
        "signers": list(found.signers),
        "unknown": list(found.unknown),
        "reason": found.reason or None,
    }


def _print(file: str, found: Finding) -> None:
    from rich.text import Text

    console = output.console()
    if found.document is None:
        console.print(Text.assemble(("NOT VERIFIED", "bold red"), f"  {file}"), soft_wrap=True)
        console.print(Text(f"  - {found.reason}"), soft_wrap=True)
        return
    console.print(Text.assemble(("VERIFIED", "bold green"), f"  {file}"), soft_wrap=True)
    for signer in found.signers:
        console.print(Text(f"  signed by {signer}"), soft_wrap=True)
    if found.unknown:
        console.print(Text(f"  and by {len(found.unknown)} that no key was given for", style="dim"), soft_wrap=True)
