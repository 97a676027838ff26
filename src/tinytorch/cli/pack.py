"""`tinytorch pack`: a submission and its models in one file, for others to check."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from tinytorch.cli import output

if TYPE_CHECKING:
    from tinytorch.capstone.bundle import Packed

__all__ = ["execute"]


def execute(options: Namespace) -> int:
    """Pack, and say what is in it."""
    from tinytorch.capstone.bundle import pack

    packed = pack(options.submission, options.artifact, options.output, licence=options.licence)
    if options.json:
        files = [{"name": one.name, "size_bytes": one.size, "sha256": one.sha256} for one in packed.entries]
        output.print_json({"path": packed.path, "sha256": packed.sha256, "files": files})
    else:
        _print(packed)
    return 0


def _print(packed: Packed) -> None:
    from rich.text import Text

    console = output.console()
    for entry in packed.entries:
        console.print(Text(f"  {entry.name}  {output.bytes_(entry.size)}"), soft_wrap=True)
    console.print(Text.assemble("Packed into ", (packed.path, "bold"), "."), soft_wrap=True)
    console.print(Text(f"SHA-256 {packed.sha256}", style="dim"), soft_wrap=True)
    console.print(Text(f"Check it, anywhere, with: tinytorch verify {packed.path}", style="dim"), soft_wrap=True)
