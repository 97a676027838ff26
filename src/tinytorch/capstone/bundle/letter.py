"""The README.md of a bundle: what it claims, and how a stranger checks it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from tinytorch.capstone.bundle.layout import COMMAND, MANIFEST, REQUIREMENTS, SIGNATURE, SUBMISSION
from tinytorch.capstone.bundle.requirements import recorded_versions

__all__ = ["command_line", "letter"]

UNKNOWN = "The command was not recorded."
FILES = {
    SUBMISSION: "the claim with its raw samples",
    SIGNATURE: "the claim in a signed envelope (DSSE)",
    REQUIREMENTS: "the versions that it was made with",
    COMMAND: "the command that made it",
    MANIFEST: "the SHA-256 of every file",
}
BODY = """\
# {title}

{claim}

Whether that is so is not for this file to say. To find out, on any machine:

```
pip install "tinytorch[fast,sign]=={version}"
tinytorch verify BUNDLE.zip
```

It checks every hash{signature}, works out all numbers of the submission again, rebuilds the models from their
description without running any code of this bundle, counts again how much they get right, and measures them side by
side. Its answer is `reproduced`, `not reproduced` or `cannot tell`, with the reason.

Without TinyTorch, `sha256sum --check {manifest}` in the unpacked folder says whether the files are whole.

{files}
Made at {time} with:

```
{command}
```
"""


def command_line(document: Mapping[str, Any]) -> str:
    """Write the command that made a submission as a shell takes it.

    Example:
        >>> command_line({"protocol": {"command": ["tinytorch", "run", "--student-name", "A B"]}})
        "tinytorch run --student-name 'A B'"
    """
    command = (document.get("protocol") or {}).get("command")
    return shlex.join(map(str, command)) if command else UNKNOWN


def letter(document: Mapping[str, Any], names: Iterable[str]) -> str:
    """Write the README.md.

    Args:
        document: The submission, in version 2.
        names: The files of the bundle.
    """
    there = list(names)
    listed = "".join(f"- `{name}`: {FILES.get(name, 'a model')}\n" for name in there)
    return BODY.format(
        title="A benchmark to check",
        claim=_claim(document),
        version=recorded_versions(document).get("tinytorch", "0.1.0"),
        signature=" and the signature (give `--public-key`)" if SIGNATURE in there else "",
        manifest=MANIFEST,
        files=listed,
        time=_plain(document["timestamp"]),
        command=_fenced(command_line(document)),
    )


def _claim(document: Mapping[str, Any]) -> str:
    name = _plain(document["baseline"]["model_name"])
    if "optimized" not in document:
        return f"This bundle says what the model {name} is worth."
    other, comparison = _plain(document["optimized"]["model_name"]), document.get("comparison")
    if not comparison or not comparison.get("speedup"):
        return f"This bundle says how the model {other} differs from {name}."
    ends = [comparison.get("low"), comparison.get("high")]
    interval = "" if None in ends else f", 95 % interval {ends[0]:.3f} to {ends[1]:.3f}"
    return f"It claims that {other} is {comparison['speedup']:.3f} times as fast as {name}{interval}."


def _plain(name: str) -> str:
    """Keep a name from being read as anything but text."""
    return "".join(sign if sign.isalnum() or sign in "-_.:+ " else "?" for sign in name)


def _fenced(command: str) -> str:
    return command.replace("`", "'").replace("\n", " ")
