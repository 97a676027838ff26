"""`tinytorch verify`: is a bundle what it says, and is its claim true on this machine too?"""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from tinytorch.cli import output
from tinytorch.cli.progress import shown
from tinytorch.errors import SubmissionError

if TYPE_CHECKING:
    from rich.console import Console

    from tinytorch.capstone.bundle import Verification

__all__ = ["CANNOT_TELL", "execute"]

CANNOT_TELL = 3  # neither a success nor a failure of the claim
CODES = {"reproduced": 0, "not reproduced": 1, "cannot tell": CANNOT_TELL}
STYLES = {"reproduced": "bold green", "not reproduced": "bold red", "cannot tell": "bold yellow"}
INTERVALS = (("claimed", "claimed"), ("found", "found here"), ("change", "found / claimed"))


def execute(options: Namespace) -> int:
    """Check and print; return 0 where it is reproduced, 1 where not or where it is refused, 3 where nobody can tell."""
    try:
        found = _verified(options)
    except SubmissionError as error:
        return _refused(error, options)
    if options.json:
        output.print_json(found.to_dict())
    else:
        _print(found)
    return CODES[found.answer]


def _verified(options: Namespace) -> Verification:
    from tinytorch.benchmarking import Hooks
    from tinytorch.capstone.bundle import Checks, verify

    keys = tuple(map(_public_key, options.public_key))
    with shown() as on_progress:
        checks = Checks(
            preset=options.preset,
            speed=not options.no_speed,
            trust_code=options.trust_code,
            public_keys=keys,
            margin=None if options.margin is None else options.margin / 100,
            data=options.data,
            hooks=Hooks(on_progress=on_progress),
        )
        return verify(options.bundle, checks)


def _public_key(path: str) -> Any:
    from tinytorch.capstone.provenance import load_public_key

    return load_public_key(path)


def _refused(error: SubmissionError, options: Namespace) -> int:
    """Say why nothing was measured."""
    problems = [str(problem) for problem in error.problems]
    if options.json:
        output.print_json({"answer": "refused", "problems": problems})
        return CODES["not reproduced"]
    from rich.text import Text

    console = output.console()
    console.print(Text.assemble(("REFUSED", STYLES["not reproduced"]), f"  {options.bundle}"), soft_wrap=True)
    for problem in problems:
        console.print(Text(f"  - {problem}"), soft_wrap=True)
    return CODES["not reproduced"]


def _print(found: Verification) -> None:
    from rich.text import Text

    console = output.console()
    for finding in found.findings:
        mark = (f"{finding.answer}: ".upper(), STYLES[finding.answer])
        console.print(Text.assemble(mark, f"{finding.what}: {finding.reason}."), soft_wrap=True)
        for detail in finding.details:
            console.print(Text(f"  - {detail}", style="dim"), soft_wrap=True)
    _print_intervals(console, found)
    for signer in found.signers:
        console.print(Text(f"Signed with the key {signer}."), soft_wrap=True)
    for note in found.notes:
        console.print(Text(f"Note: {note}", style="dim"), soft_wrap=True)
    console.print(Text.assemble("The claim is ", (str(found.answer).upper(), STYLES[found.answer]), "."))


def _print_intervals(console: Console, found: Verification) -> None:
    """Show the claimed speed-up, the one found here, and one divided by the other, below each other."""
    from rich.text import Text

    for name, words in INTERVALS:
        if told := found.intervals.get(name):
            ends = [told["low"], told["high"]]
            interval = "not bounded" if None in ends else f"95 % interval {ends[0]:.3f} to {ends[1]:.3f}"
            console.print(Text(f"  speed-up {words}: {told['value']:.3f}, {interval}"), soft_wrap=True)
