"""`tinytorch keygen`: a pair of keys to sign with."""

from __future__ import annotations

from argparse import Namespace

from tinytorch.cli import output
from tinytorch.cli.passphrases import ask_passphrase

__all__ = ["execute"]


def execute(options: Namespace) -> int:
    """Make a pair of keys, and say what it is called."""
    from tinytorch.capstone.provenance import generate_key, key_id, save_key_pair

    key = generate_key()
    passphrase = ask_passphrase(options.file, twice=True) if options.passphrase else None
    public = save_key_pair(key, options.file, passphrase)
    made = {"private_key": options.file, "public_key": public, "keyid": key_id(key.public_key())}
    if options.json:
        output.print_json(made | {"is_encrypted": bool(passphrase)})
    else:
        _print(made, is_encrypted=bool(passphrase))
    return 0


def _print(made: dict[str, str], *, is_encrypted: bool) -> None:
    console = output.console()
    who = "encrypted" if is_encrypted else "not encrypted: whoever reads it can sign as you"
    console.print(f"Private key: {made['private_key']} ({who}). Keep it to yourself.", markup=False, soft_wrap=True)
    console.print(f"Public key:  {made['public_key']}. Give it to whom it may concern.", markup=False, soft_wrap=True)
    console.print(f"Key id:      {made['keyid']}", markup=False, soft_wrap=True)
