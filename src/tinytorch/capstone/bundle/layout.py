"""What a bundle holds, under which names, and how much of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from tinytorch.errors import explain

__all__ = [
    "COMMAND",
    "CRATE",
    "FIXED",
    "LARGEST_TEXT",
    "MANIFEST",
    "MOST_FILES",
    "README",
    "REQUIRED",
    "REQUIREMENTS",
    "SIGNATURE",
    "SUBMISSION",
    "is_artifact",
    "manifest",
    "name_problems",
    "read_manifest",
]

SUBMISSION = "submission.json"
SIGNATURE = "submission.dsse.json"
MANIFEST = "manifest-sha256.txt"  # as `sha256sum --check` reads it
REQUIREMENTS = "requirements.txt"
COMMAND = "command.txt"
README = "README.md"
CRATE = "ro-crate-metadata.json"
FIXED = (SUBMISSION, SIGNATURE, MANIFEST, REQUIREMENTS, COMMAND, README, CRATE)
REQUIRED = (SUBMISSION, MANIFEST)

MOST_FILES = 100
LONGEST_NAME = 200
DEEPEST = 8
LARGEST_TEXT = 32 * 2**20  # bytes of any file but an artifact: those are read into memory
ARTIFACT_ENDINGS = (".safetensors", ".onnx")

PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE | re.ASCII)  # Windows opens no file there
MANIFEST_LINE = re.compile(r"([0-9a-f]{64})  (\S+)", re.ASCII)


def is_artifact(name: str) -> bool:
    """Say whether a file is a model, by its ending: a form that cannot hold a program.

    Example:
        >>> is_artifact("artifacts/optimized.safetensors"), is_artifact("artifacts/optimized.pkl")
        (True, False)
    """
    return name.lower().endswith(ARTIFACT_ENDINGS)


def name_problems(name: str) -> Iterator[str]:
    """Say what is wrong with the name of a file in a bundle: it must mean the same, and no other place, anywhere.

    Example:
        >>> list(name_problems("artifacts/a.safetensors"))
        []
        >>> len(list(name_problems("../../etc/passwd")))
        1
    """
    what = "the name of a file"
    parts = name.split("/")
    if len(name) > LONGEST_NAME or len(parts) > DEEPEST:
        yield explain(what, f"of at most {LONGEST_NAME} characters, {DEEPEST} folders deep", repr(name))
    elif not all(PART.fullmatch(part) and not part.endswith(".") for part in parts):
        rule = "a path inside the bundle, of letters, digits, dots, dashes and slashes, no part beginning with a dot"
        yield explain(what, rule, repr(name))
    elif any(DEVICES.fullmatch(part) for part in parts):
        yield explain(what, "no device of Windows", repr(name))
    elif name not in FIXED and not is_artifact(name):
        rule = f"{', '.join(FIXED)}, or that of a model that ends in {' or '.join(ARTIFACT_ENDINGS)}"
        yield explain(what, rule, repr(name), remedy="Nothing else belongs into a bundle.")


def manifest(hashes: Mapping[str, str]) -> str:
    """Write the hash of every file, by name, as `sha256sum --check` reads it.

    Example:
        >>> manifest({"b": "2" * 64, "a": "1" * 64}).split()[1::2]
        ['a', 'b']
    """
    return "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))


def read_manifest(text: str) -> tuple[dict[str, str], list[str]]:
    """Read the hash of every file, and list the lines that say no such thing."""
    found: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        matched = MANIFEST_LINE.fullmatch(line)
        if matched is None or matched[2] in found:
            rule = "a SHA-256 in lower-case hex, two spaces and the name of a file that no other line has"
            problems.append(explain("a line", rule, repr(line), at=f"{MANIFEST} line {number}"))
        else:
            found[matched[2]] = matched[1]
    return found, _few(problems)


def _few(problems: Iterable[str], most: int = 20) -> list[str]:
    found = list(problems)
    return found if len(found) <= most else [*found[:most], f"and {len(found) - most} more problems of this kind."]
