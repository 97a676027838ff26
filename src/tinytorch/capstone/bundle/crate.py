"""What is in a bundle, as an RO-Crate says it: linked data that archives and search engines read.

Source:
    P. Sefton and others (2023), RO-Crate Metadata Specification 1.1.3, doi 10.5281/zenodo.7867028.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tinytorch.capstone.bundle.archive import Entry
from tinytorch.capstone.bundle.layout import CRATE, SIGNATURE, SUBMISSION, is_artifact
from tinytorch.capstone.bundle.requirements import recorded_versions

__all__ = ["crate"]

Entity = dict[str, Any]

PROFILE = "https://w3id.org/ro/crate/1.1"
CONTEXT = [f"{PROFILE}/context", {"sha256": "https://schema.org/sha256"}]  # 1.1 has no word for a hash
KINDS = {
    ".json": "application/json",
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".safetensors": "application/vnd.safetensors",
    ".onnx": "application/onnx",
}
ABOUT = {
    SUBMISSION: "The submission: what was measured, how, on which machine, with the raw samples.",
    SIGNATURE: "The submission in a signed envelope (DSSE).",
}
NO_LICENCE = "No licence was stated"
UNSAID = "Whoever made this bundle stated no licence; ask before you use it for more than checking the claim."


def crate(document: Mapping[str, Any], entries: Iterable[Entry], licence: str | None = None) -> str:
    """Write the crate's metadata; its date is that of the measurement, not of today.

    Args:
        document: The submission, in version 2.
        entries: The files of the bundle, without the metadata itself.
        licence: The URL of a licence.

    Returns:
        JSON-LD.
    """
    files = [_file(entry, document) for entry in sorted(entries, key=lambda entry: entry.name)]
    people, software = _author(document), _software(document)
    graph = [
        _descriptor(),
        _root(document, files, people, licence),
        *files,
        *people,
        *_licence(licence),
        *software,
        _action(document, files, software),
    ]
    return json.dumps({"@context": CONTEXT, "@graph": graph}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _descriptor() -> Entity:
    return {
        "@id": CRATE,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": PROFILE},
    }


def _root(document: Mapping[str, Any], files: list[Entity], people: list[Entity], licence: str | None) -> Entity:
    names = [document[part]["model_name"] for part in ("baseline", "optimized") if part in document]
    made = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"TinyTorch benchmark: {' and '.join(names)}",
        "description": "A benchmark submission with its models, to be checked with `tinytorch verify`.",
        "datePublished": document["timestamp"],
        "license": {"@id": licence or "#no-licence"},
        "hasPart": _links(files),
        "mentions": {"@id": "#measurement"},
    }
    return made | ({"author": _links(people)} if people else {})


def _file(entry: Entry, document: Mapping[str, Any]) -> Entity:
    ending = entry.name[entry.name.rindex(".") :]
    return {
        "@id": entry.name,
        "@type": "File",
        "name": entry.name,
        "description": ABOUT.get(entry.name) or _artifact_of(entry, document),
        "contentSize": str(entry.size),
        "encodingFormat": KINDS[ending.lower()],
        "sha256": entry.sha256,
    }


def _artifact_of(entry: Entry, document: Mapping[str, Any]) -> str:
    if not is_artifact(entry.name):
        return "Goes with the submission."
    of = [
        document[part]["model_name"]
        for part in ("baseline", "optimized")
        if (document.get(part, {}).get("artifact") or {}).get("sha256") == entry.sha256
    ]
    return f"The model {' and '.join(of)}, as it was measured." if of else "A model."


def _author(document: Mapping[str, Any]) -> list[Entity]:
    name = (document.get("author") or {}).get("name")
    return [{"@id": "#author", "@type": "Person", "name": name}] if name else []


def _licence(licence: str | None) -> list[Entity]:
    if licence:
        return [{"@id": licence, "@type": "CreativeWork", "name": licence, "url": licence}]
    return [{"@id": "#no-licence", "@type": "CreativeWork", "name": NO_LICENCE, "description": UNSAID}]


def _software(document: Mapping[str, Any]) -> list[Entity]:
    return [
        {"@id": f"#{name}", "@type": "SoftwareApplication", "name": name, "softwareVersion": said}
        for name, said in sorted(recorded_versions(document).items())
    ]


def _action(document: Mapping[str, Any], files: list[Entity], software: list[Entity]) -> Entity:
    command = (document.get("protocol") or {}).get("command")
    models = [entity for entity in files if is_artifact(entity["@id"])]
    made = {
        "@id": "#measurement",
        "@type": "CreateAction",
        "name": "The measurement",
        "endTime": document["timestamp"],
        "instrument": _links(software),
        "result": [{"@id": SUBMISSION}, *_links(models)],
    }
    return made | ({"description": " ".join(map(str, command))} if command else {})


def _links(entities: Iterable[Entity]) -> list[Entity]:
    return [{"@id": entity["@id"]} for entity in entities]
