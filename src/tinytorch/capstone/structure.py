"""What the published schema says about a document, in the house's words: rule and remedy stand in the schema itself.

Each version has a schema of its own, which stays as it was published: an old document is judged by the old one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tinytorch.capstone.documents import NOTHING, Problem, shortened
from tinytorch.errors import StateError, explain

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

__all__ = ["SCHEMA_FILE", "SCHEMA_FILES", "schema_version", "structure_problems"]

Object = dict[str, Any]

SCHEMA_FILES = {version: Path(__file__).parent / "schema" / f"submission.v{version}.json" for version in (1, 2)}
SCHEMA_FILE = SCHEMA_FILES[1]


def structure_problems(document: object) -> list[Problem]:
    """List what the schema has against a document of JSON's types.

    Example:
        >>> print(structure_problems([])[0])
        the submission must be an object; got [] — at $.
    """
    schema, validator = _schema(schema_version(document))
    if validator.is_valid(document):
        return []
    # every error has a copy of the value it is about: a list of a million texts would take gigabytes
    errors = list(validator.iter_errors(shortened(document)[0])) or [_first_error(validator, document)]
    return [_problem(error, schema) for error in errors]


def schema_version(document: object) -> int:
    """Say which version's schema judges a document: from 2 on the version is a text; the newest judges unknown ones.

    Example:
        >>> schema_version({}), schema_version({"schema_version": "2.0.0"}), schema_version({"schema_version": "9.0.0"})
        (1, 2, 2)
    """
    said = document.get("schema_version") if isinstance(document, dict) else None
    return max(SCHEMA_FILES) if isinstance(said, str) else 1


def _first_error(validator: Draft202012Validator, document: object) -> ValidationError:
    import jsonschema_rs

    try:
        validator.validate(document)
    except jsonschema_rs.ValidationError as error:
        return error
    raise StateError(explain("a document", "valid, or not", "both"))


@cache
def _schema(version: int) -> tuple[Object, Draft202012Validator]:
    import jsonschema_rs

    schema = json.loads(SCHEMA_FILES[version].read_bytes())
    return schema, jsonschema_rs.Draft202012Validator(schema)


def _problem(error: ValidationError, schema: Object) -> Problem:
    steps, broken = tuple(error.instance_path), _at(schema, error.schema_path[:-1])
    if error.kind.name == "required":  # also where one field requires another
        missing = error.kind.as_dict()["property"]
        rule = _rule(schema, broken["properties"][missing])
        return Problem((*steps, missing), rule, NOTHING, "Add it.")
    return Problem(steps, broken["x-rule"], error.instance, _remedy(broken, error.instance))


def _at(schema: Object, path: Iterable[str | int]) -> Object:
    found: Any = schema
    for step in path:
        found = found[step]
    return cast("Object", found)


def _rule(schema: Object, part: Object) -> str:
    """Give a member's own rule, else that of the kind it refers to."""
    found = part if "x-rule" in part else _at(schema, part["$ref"].removeprefix("#/").split("/"))
    return cast("str", found["x-rule"])


def _remedy(broken: Object, value: object) -> str | None:
    if _wants_number(broken.get("type")) and isinstance(value, bool):
        return "True and false are no numbers."
    if _wants_number(broken.get("type")) and isinstance(value, str) and "%" not in value:
        return "Write a number, without quotes or units."
    return broken.get("x-remedy")


def _wants_number(types: str | list[str] | None) -> bool:
    return types is not None and ("number" in types or "integer" in types)
