"""The arguments of the commands that sign, verify and keep count of attempts."""

from __future__ import annotations

from argparse import ArgumentParser

from tinytorch.cli.parsers import Add, add_command

__all__ = ["PROVENANCE_ADDERS", "add_campaign"]

SECRET = "TINYTORCH_PASSPHRASE, or what is typed"  # noqa: S105  the name of a variable


def add_campaign(command: ArgumentParser) -> None:
    """Add what a command needs to enter its attempt into a ledger."""
    what = "enter this attempt into the ledger under this name, and say how many there were before (default: do not)"
    command.add_argument("--campaign", metavar="NAME", help=what)
    command.add_argument("--ledger", metavar="FILE", help="which ledger (default: your own, in the state folder)")


def _add_keygen(add: Add) -> ArgumentParser:
    command = add_command(add, "keygen", "make a pair of Ed25519 keys to sign submissions with")
    command.add_argument("file", metavar="FILE", help="where to write the private key; the public one lies beside it")
    command.add_argument("--passphrase", action="store_true", help=f"encrypt the private key with {SECRET}")
    return command


def _add_sign(add: Add) -> ArgumentParser:
    command = add_command(add, "sign", "sign a valid submission, or add a signature to an envelope")
    command.add_argument("submission", metavar="SUBMISSION", help="a submission, or an envelope that this command made")
    key = "the private key; where it is encrypted, its passphrase is " + SECRET
    command.add_argument("--key", required=True, metavar="FILE", help=key)
    command.add_argument("--ssh", action="store_true", help="the key is an SSH key: sign with ssh-keygen")
    where = "where to write (default: NAME.dsse.json, the envelope itself, or with --ssh SUBMISSION.sig)"
    command.add_argument("--output", metavar="FILE", help=where)
    return command


def _add_verify_signature(add: Add) -> ArgumentParser:
    command = add_command(add, "verify-signature", "say whether a submission is signed by somebody you know")
    command.add_argument("file", metavar="FILE", help="an envelope, or with --allowed-signers a submission")
    who = command.add_mutually_exclusive_group(required=True)
    public = "a public key that you have from its owner; may be given several times, and one must fit"
    who.add_argument("--public-key", action="append", metavar="FILE", help=public)
    who.add_argument("--allowed-signers", metavar="FILE", help="for an SSH signature: who may sign, with which keys")
    command.add_argument("--identity", metavar="NAME", help="for an SSH signature: who must have signed")
    command.add_argument("--signature", metavar="FILE", help="the SSH signature (default: FILE.sig)")
    command.add_argument("--output", metavar="FILE", help="where to write the bytes that were signed, if all is well")
    return command


def _add_attempts(add: Add) -> ArgumentParser:
    command = add_command(add, "attempts", "show a ledger of attempts, and check that nothing in it was changed")
    command.add_argument("ledger", nargs="?", metavar="LEDGER", help="which (default: your own, in the state folder)")
    command.add_argument("--campaign", metavar="NAME", help="show this campaign only")
    command.add_argument("--submission", metavar="FILE", help="check too what this submission says of its attempts")
    repair = "first replace a last line that was not written to its end by an entry that says so"
    command.add_argument("--repair", action="store_true", help=repair)
    return command


PROVENANCE_ADDERS = (_add_keygen, _add_sign, _add_verify_signature, _add_attempts)
