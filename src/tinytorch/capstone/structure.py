"""What the published schema says about a document, in the house's words: rule and remedy stand in the schema itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tinytorch.capstone.documents import NOTHING, Problem

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

__all__ = ["SCHEMA_FILE", "structure_problems"]

Object = dict[str, Any]

SCHEMA_FILE = Path(__file__).parent / "schema" / "submission.v1.json"


def structure_problems(document: object) -> list[Problem]:
    """List what the schema has against a document of JSON's types.

    Example:
        >>> print(structure_problems([])[0])
        the submission must be an object; got [] — at $.
    """
    schema, validator = _schema()
    return [_problem(error, schema) for error in validator.iter_errors(document)]


@cache
def _schema() -> tuple[Object, Draft202012Validator]:
    import jsonschema_rs

    schema = json.loads(SCHEMA_FILE.read_bytes())
    return schema, jsonschema_rs.Draft202012Validator(schema)


def _problem(error: ValidationError, schema: Object) -> Problem:
    steps, broken = tuple(error.instance_path), _at(schema, error.schema_path[:-1])
    if error.kind.name == "required":  # also where one field requires another
        missing = error.kind.as_dict()["property"]
        rule = _resolved(schema, broken["properties"][missing])["x-rule"]
        return Problem((*steps, missing), rule, NOTHING, "Add it.")
    return Problem(steps, broken["x-rule"], error.instance, _remedy(broken, error.instance))


def _at(schema: Object, path: Iterable[str | int]) -> Object:
    found: Any = schema
    for step in path:
        found = found[step]
    return cast("Object", found)


def _resolved(schema: Object, part: Object) -> Object:
    return _at(schema, part["$ref"].removeprefix("#/").split("/")) if "$ref" in part else part


def _remedy(broken: Object, value: object) -> str | None:
    if _wants_number(broken.get("type")) and isinstance(value, bool):
        return "True and false are no numbers."
    if _wants_number(broken.get("type")) and isinstance(value, str) and "%" not in value:
        return "Write a number, without quotes or units."
    return broken.get("x-remedy")


def _wants_number(types: str | list[str] | None) -> bool:
    return types is not None and ("number" in types or "integer" in types)
