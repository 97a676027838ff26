"""Packing a submission with all that a stranger needs to check it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinytorch.capstone.bundle.archive import Content, Entry, entry_of, write_archive
from tinytorch.capstone.bundle.crate import crate
from tinytorch.capstone.bundle.layout import (
    COMMAND,
    CRATE,
    MANIFEST,
    README,
    REQUIREMENTS,
    SIGNATURE,
    SUBMISSION,
    is_artifact,
    manifest,
    name_problems,
)
from tinytorch.capstone.bundle.letter import command_line, letter
from tinytorch.capstone.bundle.requirements import requirements
from tinytorch.errors import SubmissionError, explain

__all__ = ["Packed", "pack"]

MODELS = ("baseline", "optimized")


@dataclass(frozen=True, slots=True)
class Packed:
    """A bundle that was written.

    Attributes:
        path: Where.
        entries: What is in it, in order.
        sha256: The hash of all of it: the same for the same submission, whenever and wherever it is packed.
    """

    path: str
    entries: tuple[Entry, ...]
    sha256: str


def pack(
    submission: str | os.PathLike[str],
    artifacts: Iterable[str | os.PathLike[str]] = (),
    output: str | os.PathLike[str] | None = None,
    *,
    licence: str | None = None,
) -> Packed:
    """Write a submission and its models as one bundle, whose bytes do not depend on the day, the machine or the order.

    A model's file is looked for among those given, and then where the submission says that it is, from its own folder;
    it is known by its hash. A signed envelope that stands beside the submission, `NAME.dsse.json`, goes along.

    Args:
        submission: The file of a valid submission.
        artifacts: Files of its models, where they are not where it says.
        output: Where to write; by default beside the submission, with `.zip` for its ending.
        licence: The URL of the licence that the models and the record are under.

    Raises:
        DataError: If a file cannot be read or written.
        SubmissionError: If the submission is not valid, or its models cannot be had; it lists all that is missing.
    """
    from tinytorch.capstone.record import upgraded
    from tinytorch.capstone.submission import load_submission
    from tinytorch.capstone.validation import validate_submission_schema

    source = Path(submission)
    document = load_submission(source)
    validate_submission_schema(document)
    current = upgraded(document)
    files: dict[str, Content] = {SUBMISSION: _text_of(source, document), **_signature(source)}
    files |= _models(current, source.parent, [Path(given) for given in artifacts])
    files |= {REQUIREMENTS: requirements(current).encode(), COMMAND: f"{command_line(current)}\n".encode()}
    files[README] = letter(current, sorted({*files, CRATE, MANIFEST})).encode()
    files[CRATE] = crate(current, [entry_of(name, content) for name, content in files.items()], licence).encode()
    hashes = {name: entry_of(name, content).sha256 for name, content in files.items()}
    files[MANIFEST] = manifest(hashes).encode()
    target = Path(output) if output is not None else source.with_suffix(".zip")
    entries = write_archive(target, files)
    return Packed(os.fspath(target), entries, entry_of("bundle", target).sha256)


def _text_of(source: Path, document: Mapping[str, Any]) -> bytes:
    """Give a submission's file as it was written; one that is not JSON is written as canonical JSON."""
    raw = source.read_bytes()
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return raw
    from tinytorch.capstone.record import canonical_bytes

    return canonical_bytes(dict(document))


def _signature(source: Path) -> dict[str, Content]:
    beside = source.with_suffix(".dsse.json")
    return {SIGNATURE: beside} if beside.is_file() else {}


def _models(document: Mapping[str, Any], folder: Path, given: Sequence[Path]) -> dict[str, Content]:
    """Find the file of each model that has one."""
    problems: list[str] = []
    found: dict[str, Content] = {}
    by_hash = {entry_of(path.name, path).sha256: path for path in given}
    said = [(part, document[part]["artifact"]) for part in MODELS if document.get(part, {}).get("artifact")]
    for part, artifact in said:
        name, place = artifact["path"], f"$.{part}.artifact.path"
        path = by_hash.get(artifact["sha256"]) or folder / name
        wrong = [*name_problems(name), *([] if is_artifact(name) else [explain("a model", "a model's file", name)])]
        wrong = [f"{problem} — at {place}" for problem in wrong] or list(_file_problems(path, artifact, place))
        problems += wrong
        found[name] = path
    named = {artifact["sha256"] for _, artifact in said}
    problems += [_unknown(path) for hash, path in by_hash.items() if hash not in named]
    if problems:
        heading = f"the submission cannot be packed for {len(problems)} reason{'s' if len(problems) > 1 else ''}:"
        raise SubmissionError("\n".join([heading, *(f"- {problem}" for problem in problems)]), problems)
    return found


def _file_problems(path: Path, artifact: Mapping[str, Any], place: str) -> Iterator[str]:
    if not path.is_file():
        remedy = "Name the file with --artifact."
        yield explain("the file of a model", "where the submission says", f"no file {path}", at=place, remedy=remedy)
    elif (found := entry_of(path.name, path).sha256) != artifact["sha256"]:
        rule = f"the one of SHA-256 {artifact['sha256']}"
        yield explain("the file of a model", rule, found, at=str(path), remedy="It was changed since: run it again.")


def _unknown(path: Path) -> str:
    remedy = "Leave it out, or pack the submission that it belongs to."
    return explain("a file given", "that of a model of the submission", "another hash", at=str(path), remedy=remedy)
