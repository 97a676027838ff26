"""Write the published schema of the current submission, and its page, from the models of `tinytorch.capstone.record`.

`python tools/make_schema.py` writes both; a test holds that they are what it would write.
"""

import json
import re
from pathlib import Path
from typing import Any

from tinytorch.capstone.record import Record
from tinytorch.capstone.record.fields import Part

ROOT = Path(__file__).resolve().parent.parent
SCHEMA_FILE = ROOT / "src" / "tinytorch" / "capstone" / "schema" / "submission.v2.json"
DESCRIPTION = (
    "What one model, or two, were measured to be worth, and on what machine. Members that are not named here may be "
    "added anywhere. `x-rule` completes the sentence 'the value must be ...', and `x-remedy` says what to do where it "
    "is not; the validator's messages quote both. The validator also recomputes every number that follows from others, "
    "which no schema can say."
)
Object = dict[str, Any]

NULL = {"type": "null"}
DROPPED = ("title", "default")
SHORT_LIST = re.compile(r"\[\n([^\[\]{}]{1,120}?)\n\s*\]")  # nothing in a description looks like one
LAST = ("required", "dependentRequired", "properties", "items", "x-rule", "x-remedy")
ANYTHING = {"$ref": "#/$defs/JsonValue"}


def schema() -> Object:
    """Give the schema as it is published."""
    given = Record.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    kinds = {name: kind for name, kind in given.pop("$defs").items() if name != "JsonValue"}
    nullable = {}
    made = _tidy(_dependent(given, Record), nullable)
    tidied = {name: _tidy(_dependent(kind, MODELS[name]), nullable) for name, kind in kinds.items()}
    tidied |= {f"{name}OrNull": _or_null(tidied[name]) for name in nullable}
    heading = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:tinytorch:schema:submission:2",
        "title": "TinyTorch submission, version 2",
        "description": DESCRIPTION,
    }
    return heading | {name: value for name, value in made.items() if name not in heading} | {"$defs": tidied}


def written(document: Object) -> str:
    """Give the text of a file: short lists on one line."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return SHORT_LIST.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def _subclasses(kind: type[Part]) -> dict[str, type[Part]]:
    return {kind.__name__: kind} | {
        name: one for inner in kind.__subclasses__() for name, one in _subclasses(inner).items()
    }


MODELS = _subclasses(Part)


def _dependent(kind: Object, model: type[Part]) -> Object:
    needed = {name: list(others) for name, others in model.dependent.items()}
    return kind | ({"dependentRequired": needed} if needed else {})


def _tidy(part: Any, nullable: dict[str, bool]) -> Any:
    """Leave out what says nothing, and write "or null" into the kind itself, so that an error names the inner rule."""
    if isinstance(part, list):
        return [_tidy(item, nullable) for item in part]
    if not isinstance(part, dict):
        return part
    if NULL in part.get("anyOf", ()):
        return _tidy(_one_kind(part, nullable), nullable)
    made = {}
    for name, value in part.items():
        if name == "properties":
            made[name] = {key: _tidy(value[key], nullable) for key in value}
        elif name not in DROPPED and not (name == "additionalProperties" and value in (True, ANYTHING)):
            made[name] = _tidy(value, nullable)
    return {name: made[name] for name in sorted(made, key=_place)} if "x-rule" in made else made


def _place(name: str) -> tuple[bool, int]:
    """Say what comes first: the description, then the kind and its bounds, then what is inside, then the rule."""
    return (name != "description", LAST.index(name) if name in LAST else -1)


def _one_kind(part: Object, nullable: dict[str, bool]) -> Object:
    inner = next(kind for kind in part["anyOf"] if kind != NULL)
    around = {name: value for name, value in part.items() if name != "anyOf"}
    if "$ref" in inner:
        name = inner["$ref"].rpartition("/")[2]
        nullable[name] = True
        return around | inner | {"$ref": f"{inner['$ref']}OrNull"}
    return around | _or_null(inner)


def _or_null(kind: Object) -> Object:
    return kind | {"type": [kind["type"], "null"], "x-rule": f"{kind['x-rule']}, or null"}


def main() -> None:
    """Write what is published."""
    SCHEMA_FILE.write_text(written(schema()), encoding="utf-8")


if __name__ == "__main__":
    main()
