"""The commands and their arguments. Imports nothing heavy: each command is loaded when it is called.

Exit codes: 0 ok, 1 invalid or failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version

from tinytorch.cli import output
from tinytorch.errors import TinyTorchError

__all__ = ["INTERRUPTED", "INVALID", "OK", "USAGE", "parser", "run"]

OK, INVALID, USAGE, INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = "An ML framework small enough to read, and a benchmark you can believe."
NUMBERS = [
    ("seed", 0, 0, "decides the data split and the weights"),
    ("epochs", 1, 40, "passes over the training data"),
    ("runs", 1, 1000, "timed runs of each model"),
]
THREADS = "threads of the matrix library"
EPILOG = "Exit codes: 0 ok, 1 invalid or failed, 2 wrong usage, 130 interrupted."


def run(arguments: Sequence[str]) -> int:
    """Parse `arguments`, run the command they name and return the exit code.

    Raises:
        SystemExit: With code 0 after `--help` or `--version`, with code 2 on wrong usage.
    """
    output.make_streams_encodable()
    chosen = _parse(arguments)
    return _guarded(lambda: import_module(f"tinytorch.cli.{chosen.command}").execute(chosen))


def parser() -> ArgumentParser:
    """Build the parser of the whole command line."""
    top = ArgumentParser("tinytorch", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"tinytorch {version('tinytorch')}")
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for add in (_add_run, _add_validate, _add_info, _add_milestone):
        command = add(commands.add_parser)
        command.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    return top


def _parse(arguments: Sequence[str]) -> Namespace:
    top = parser()
    if not arguments:
        top.print_help(sys.stderr)
        raise SystemExit(USAGE)
    return top.parse_args(arguments)


def _add_run(add: Callable[..., ArgumentParser]) -> ArgumentParser:
    summary = "train, optimize and benchmark a classifier of handwritten digits; write a submission"
    command = add("run", help=summary, description=summary.capitalize() + ".", epilog=EPILOG, allow_abbrev=False)
    for name, minimum, default, what in NUMBERS:
        text = f"{what} (default: {default})"
        command.add_argument(f"--{name}", type=_at_least(minimum), default=default, metavar="N", help=text)
    where = "where to write (default: submission.json)"
    command.add_argument("--output", type=_file, default="submission.json", metavar="FILE", help=where)
    command.add_argument("--student-name", metavar="NAME", help="a name to put into the submission (default: none)")
    return command


def _add_validate(add: Callable[..., ArgumentParser]) -> ArgumentParser:
    summary = "check submissions and list every problem in them"
    command = add("validate", help=summary, description=summary.capitalize() + ".", epilog=EPILOG, allow_abbrev=False)
    command.add_argument("files", nargs="+", metavar="FILE", help="a submission, as `tinytorch run` writes it")
    return command


def _add_info(add: Callable[..., ArgumentParser]) -> ArgumentParser:
    summary = "show the machine, the limits and the versions a measurement would record"
    return add("info", help=summary, description=summary.capitalize() + ".", epilog=EPILOG, allow_abbrev=False)


def _add_milestone(add: Callable[..., ArgumentParser]) -> ArgumentParser:
    summary = "do again what the field once could not, from the perceptron to transformers, and measure how well"
    command = add("milestone", help=summary, description=summary.capitalize() + ".", epilog=EPILOG, allow_abbrev=False)
    command.add_argument("name", nargs="?", metavar="NAME", help="which one (default: list them)")
    command.add_argument("--list", action="store_true", help="list the milestones and their goals")
    command.add_argument("--smoke", action="store_true", help="go through the same code in seconds, on little data")
    for name, minimum, default, what in (("seed", 0, 0, "decides all that is random"), ("threads", 1, None, THREADS)):
        text = f"{what} (default: {'all' if default is None else default})"
        command.add_argument(f"--{name}", type=_at_least(minimum), default=default, metavar="N", help=text)
    command.add_argument("--data", metavar="PATH", help="the data set's archive or folder (default: fetched once)")
    return command


def _at_least(minimum: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        rule = f"must be a whole number of at least {minimum}; got {text!r}"
        try:
            number = int(text)
        except ValueError as error:
            raise ArgumentTypeError(rule) from error
        if number < minimum:
            raise ArgumentTypeError(rule)
        return number

    return whole_number


def _file(text: str) -> str:
    folder = os.path.dirname(text) or "."  # noqa: PTH120  pathlib would double the start-up
    if not text or os.path.isdir(text):  # noqa: PTH112
        raise ArgumentTypeError(f"must be a file to write; got {text!r}")
    if not os.path.isdir(folder):  # noqa: PTH112
        raise ArgumentTypeError(f"must be in a folder that exists; got {text!r}")
    return text


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
