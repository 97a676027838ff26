"""The commands and their arguments. Imports nothing heavy: each command is loaded when it is called.

Exit codes: 0 ok, 1 invalid or failed, 2 wrong usage, 130 interrupted; and 3 where `verify` cannot tell.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version

from tinytorch.cli import output
from tinytorch.cli.arguments import ADDERS
from tinytorch.cli.parsers import EPILOG
from tinytorch.errors import TinyTorchError

__all__ = ["INTERRUPTED", "INVALID", "OK", "USAGE", "parser", "run"]

OK, INVALID, USAGE, INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = "An ML framework small enough to read, and a benchmark you can believe."


def run(arguments: Sequence[str]) -> int:
    """Parse `arguments`, run the command they name and return the exit code.

    Raises:
        SystemExit: With code 0 after `--help` or `--version`, with code 2 on wrong usage.
    """
    output.make_streams_encodable()
    chosen = _parse(arguments)
    return _guarded(lambda: import_module(f"tinytorch.cli.{chosen.command.replace('-', '_')}").execute(chosen))


def parser() -> ArgumentParser:
    """Build the parser of the whole command line."""
    top = ArgumentParser("tinytorch", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"tinytorch {version('tinytorch')}")
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for add in ADDERS:
        command = add(commands.add_parser)
        command.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    return top


def _parse(arguments: Sequence[str]) -> Namespace:
    top = parser()
    if not arguments:
        top.print_help(sys.stderr)
        raise SystemExit(USAGE)
    return top.parse_args(arguments)


def _guarded(command: Callable[[], int]) -> int:
    try:
        code = command()
        sys.stdout.flush()
    except TinyTorchError as error:
        print(f"tinytorch: error: {error}", file=sys.stderr)
        return INVALID
    except KeyboardInterrupt:
        print("\ntinytorch: interrupted; no file was written.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough, as in `tinytorch info | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INVALID
    return code
