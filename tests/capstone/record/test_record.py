"""The models of a record and the published schema take the same documents, and keep whatever they are given."""

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tinytorch.capstone.record import Record
from tinytorch.capstone.structure import SCHEMA_FILES, structure_problems
from tools import make_format_page, make_schema

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "submissions"
FULL = json.loads((GOLDEN / "measured.v2.json").read_text(encoding="utf-8"))
SCHEMA = json.loads(SCHEMA_FILES[2].read_text(encoding="utf-8"))
WRONG = [None, True, 0, -1, 1.5, 2**60, "", "text", [], [1], {}, {"value": 2}]


def places(value, steps=()):
    """List the way to everything in a document, lists of numbers as one."""
    if steps:
        yield steps
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*steps, name))
    elif isinstance(value, list) and value and not isinstance(value[0], int | float):
        yield from places(value[0], (*steps, 0))


def put(document, steps, value):
    """Copy a document with something else at a place; nothing for `...`."""
    made = copy.deepcopy(document)
    owner = made
    for step in steps[:-1]:
        owner = owner[step]
    owner[steps[-1]] = value
    if value is ...:
        del owner[steps[-1]]
    return made


def is_accepted(document):
    """Say whether the models take a document."""
    try:
        Record.model_validate(document)
    except ValidationError:
        return False
    return True


def test_the_published_schema_is_what_the_models_give():
    """Written by tools/make_schema.py, never by hand."""
    assert SCHEMA_FILES[2].read_text(encoding="utf-8") == make_schema.written(make_schema.schema())


def test_the_page_of_the_format_is_what_the_schema_gives():
    """Written by tools/make_format_page.py."""
    assert make_format_page.PAGE_FILE.read_text(encoding="utf-8") == make_format_page.page()


def test_everything_in_the_schema_says_its_rule():
    """The validator's sentences are made of them; `$ref` leads to one."""

    def silent(part, at="$"):
        for name, inner in part.get("properties", {}).items():
            yield from [f"{at}.{name}"] if not {"x-rule", "$ref"} & inner.keys() else []
            yield from silent(inner, f"{at}.{name}")

    found = [*silent(SCHEMA), *(place for name, kind in SCHEMA["$defs"].items() for place in silent(kind, name))]
    assert found == []
    assert all("x-rule" in kind for kind in SCHEMA["$defs"].values())
    assert "anyOf" not in json.dumps(SCHEMA)  # it would hide what is wrong inside


@pytest.mark.parametrize("steps", sorted(set(places(FULL)), key=str), ids=lambda steps: ".".join(map(str, steps)))
def test_the_models_and_the_schema_take_the_same_values_everywhere(steps):
    """Each value replaced by others of every kind, and left out."""
    for value in (*WRONG, ...):
        document = put(FULL, steps, value)
        assert is_accepted(document) == (not structure_problems(document)), (steps, value)


def test_a_record_gives_back_what_it_was_given_and_nothing_else():
    """Unknown members anywhere, and nulls where they were."""
    document = put(FULL, ("baseline", "metrics", "accuracy", "mood"), {"is": ["glad", None]})
    document["environment"]["resource"]["host_arch"] = "not the alias"
    document["attempts_of_mine"] = 3
    assert Record.model_validate(document).document() == document


@pytest.mark.parametrize("steps", [("baseline", "metrics", "latency_std_seconds"), ("extensions",), ("mood",)])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused_everywhere(steps, value):
    """In unknown members too."""
    assert not is_accepted(put(FULL, steps, value))
    assert not is_accepted(put(FULL, steps, {"inside": [value]}))


def test_numpys_numbers_are_taken_as_numbers():
    """Whoever measures has them."""
    document = put(FULL, ("baseline", "metrics", "parameter_count"), np.int64(7))
    assert type(Record.model_validate(document).baseline.metrics.parameter_count) is int


def test_an_integer_written_with_a_point_is_that_integer():
    """JSON knows one kind of number."""
    assert is_accepted(put(FULL, ("baseline", "metrics", "parameter_count"), 7.0))


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../up", "a/../b", "a\\b", "c:x", ".hidden", "a//b", "a/", "a\x00b", ""]
)
def test_an_artifacts_path_leads_nowhere_but_down(path):
    """A stranger's file is never looked for elsewhere."""
    artifact = {"path": path, "media_type": "x", "size_bytes": 1, "sha256": "0" * 64}
    document = put(FULL, ("baseline", "artifact"), artifact)
    assert not is_accepted(document)
    assert [problem.path for problem in structure_problems(document)] == ["$.baseline.artifact.path"]


@pytest.mark.parametrize("path", ["model.safetensors", "models/größe 1.onnx"])
def test_an_artifact_may_lie_beside_or_below(path):
    """With slashes on every system."""
    artifact = {"path": path, "media_type": "x", "size_bytes": 1, "sha256": "0" * 64}
    assert is_accepted(put(FULL, ("baseline", "artifact"), artifact))
