"""Passphrases: from the environment, or from a person at the terminal; never from the arguments, which others see."""

from __future__ import annotations

import os
import sys

from tinytorch.errors import DataError, explain

__all__ = ["VARIABLE", "ask_passphrase"]

VARIABLE = "TINYTORCH_PASSPHRASE"


def ask_passphrase(path: str, *, twice: bool = False) -> str:
    """Get the passphrase of a private key.

    Raises:
        DataError: If it is empty, or there is nobody to ask, or what was typed twice differs.
    """
    given = os.environ.get(VARIABLE) or _typed(path, twice=twice)
    if not given:
        raise DataError(explain("the passphrase", "at least one character", "none", at=path))
    return given


def _typed(path: str, *, twice: bool) -> str:
    from getpass import getpass

    if not sys.stdin.isatty():
        remedy = f"Set {VARIABLE}."
        raise DataError(explain("the passphrase", "given", "nobody to ask", at=path, remedy=remedy))
    said = getpass(f"Passphrase of {path}: ")
    if twice and getpass("The same again: ") != said:
        raise DataError(explain("the passphrase", "typed twice alike", "two that differ", at=path))
    return said
