"""Whether what a bundle holds belongs together, and who says so."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinytorch.capstone.bundle.archive import Entry
from tinytorch.capstone.bundle.layout import SIGNATURE, SUBMISSION
from tinytorch.errors import DataError, SubmissionError, explain

__all__ = ["artifact_problems", "refuse", "signed_by"]

PARTS = ("baseline", "optimized")


def artifact_problems(document: Mapping[str, Any], entries: Mapping[str, Entry]) -> Iterator[str]:
    """Hold the models' files to what the submission says of them; none may be missing, and none be left over."""
    said = {part: document[part]["artifact"] for part in PARTS if document.get(part, {}).get("artifact")}
    for part, artifact in said.items():
        entry, place = entries.get(artifact["path"]), f"$.{part}.artifact"
        if entry is None:
            yield explain("the file of a model", "in the bundle", f"no {artifact['path']}", at=place)
            continue
        for name, here in (("sha256", entry.sha256), ("size_bytes", entry.size)):
            if artifact.get(name, here) != here:
                yield explain(f"{name} of {entry.name}", f"{artifact[name]}", here, at=f"{place}.{name}")


def signed_by(folder: Path, document: Mapping[str, Any], keys: Sequence[Any]) -> tuple[tuple[str, ...], list[str]]:
    """Check the signature with the keys given; without keys, that the envelope is about this submission at least.

    Returns:
        The names of the keys that signed it, and notes for a reader.

    Raises:
        SubmissionError: If keys are given and none of them signed it, or the envelope is about another document.
    """
    file = folder / SIGNATURE
    if not file.is_file():
        if keys:
            remedy = "Ask for a signed bundle, or check it without a key."
            refuse([explain("the submission", "signed with a key given", f"no {SIGNATURE}", remedy=remedy)])
        return (), ["Nobody signed it: that it is whole says nothing of who made it."]
    try:
        envelope = json.loads(file.read_bytes())
        if not isinstance(envelope, dict):
            raise DataError(explain("an envelope", "one JSON object", f"a {type(envelope).__name__}"))
        return _checked(envelope, document, keys)
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        refuse([explain("the signature", "one that fits this submission", str(error), at=SIGNATURE)])
        raise  # never reached: it tells a reader and a checker of types so


def refuse(problems: Sequence[str]) -> None:
    """Refuse a bundle for all its problems, if it has any.

    Raises:
        SubmissionError: If there is one.
    """
    if problems:
        heading = f"the bundle has {len(problems)} problem{'s' if len(problems) > 1 else ''}:"
        raise SubmissionError("\n".join([heading, *(f"- {problem}" for problem in problems)]), problems)


def _checked(
    envelope: Mapping[str, Any], document: Mapping[str, Any], keys: Sequence[Any]
) -> tuple[tuple[str, ...], list[str]]:
    from tinytorch.capstone.provenance import verify
    from tinytorch.capstone.record import canonical_bytes

    signed = verify(envelope, list(keys)) if keys else None
    payload = base64.b64decode(envelope["payload"])
    if payload != canonical_bytes(dict(document)):
        rule = f"the canonical form of {SUBMISSION}"
        raise DataError(explain("what was signed", rule, "another document", at=SIGNATURE))
    if signed is None:
        named = ", ".join(str(one.get("keyid", ""))[:16] for one in envelope["signatures"])
        return (), [f"It says that {named} signed it; give --public-key to find out."]
    return tuple(signed.keyids), []
