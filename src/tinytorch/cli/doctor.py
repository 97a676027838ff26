"""`tinytorch doctor`: what this machine can and cannot tell apart, and what to do about it."""

from __future__ import annotations

from argparse import Namespace

from tinytorch.cli import output
from tinytorch.cli.compare import print_certificate
from tinytorch.cli.progress import shown

__all__ = ["execute"]

INTERRUPTED = 130
DEFAULT = "tinytorch.benchmarking.specimen:small_product"


def execute(options: Namespace) -> int:
    """Make a null run and print the certificate; return 1 if it told two identical variants apart."""
    from tinytorch.benchmarking import Hooks, certify

    with shown() as on_progress:
        subject = options.subject or DEFAULT
        found = certify(subject, seed=options.seed, seconds=options.seconds, hooks=Hooks(on_progress=on_progress))
    if options.json:
        output.print_json(found.to_dict() | found.findings())
    else:
        print_certificate(output.console(), found)
    return int(found.is_false_alarm) if found.complete else INTERRUPTED
