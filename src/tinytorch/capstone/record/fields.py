"""The kinds of values in a record: each says in the house's words what it must be, for readers of the schema too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic import StringConstraints as Pattern
from pydantic_core import CoreSchema, core_schema

from tinytorch.capstone.record.canonical import LARGEST_INTEGER

__all__ = [
    "WHOLE",
    "Absent",
    "Confidence",
    "Count",
    "CountOrZero",
    "Difference",
    "Digest",
    "NotNegative",
    "Number",
    "Origin",
    "Part",
    "Positive",
    "Rule",
    "Share",
    "Text",
]

Object = dict[str, Any]
T = TypeVar("T")

PERCENTAGES = "Divide percentages by 100."


@dataclass(frozen=True, slots=True)
class Rule:
    """What completes "the value must be ...", and what to do where it is not."""

    text: str
    remedy: str | None = None

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Object:
        """Add both to the schema of what is annotated."""
        return handler(core) | {"x-rule": self.text} | ({"x-remedy": self.remedy} if self.remedy else {})


class NeverNull:
    """Marks a member that may be left out, and is never null."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuse null where it is written."""
        return core_schema.no_info_before_validator_function(_given, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Object:
        """Take null away from the schema."""
        kinds = [kind for kind in handler(core)["anyOf"] if kind != {"type": "null"}]
        return dict(kinds[0])


def _given(value: Any) -> Any:
    if value is None:
        raise ValueError("null says nothing: leave the member out")
    return value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value  # JSON knows one kind of number


Absent = Annotated[T | None, NeverNull()]

Text = Annotated[str, MinLen(1), Rule("a text that is not empty")]
Digest = Annotated[
    str,
    Pattern(pattern="^[0-9a-f]{64}$"),
    Rule("the 64 hexadecimal digits of a SHA-256, in lower case", "Compute it with sha256sum."),
]
Number = Annotated[float, Rule("a number")]
Positive = Annotated[float, Gt(0), Rule("a number above 0")]
NotNegative = Annotated[float, Ge(0), Rule("a number of at least 0")]
Share = Annotated[float, Ge(0), Le(1), Rule("a ratio in [0, 1]", PERCENTAGES)]
Confidence = Annotated[float, Gt(0), Le(1), Rule("a probability in (0, 1]", PERCENTAGES)]
Difference = Annotated[float, Ge(-1), Le(1), Rule("a difference of ratios in [-1, 1]", PERCENTAGES)]
WHOLE = BeforeValidator(_whole)  # the outermost: it sees the number as it was written
Count = Annotated[int, Ge(1), Le(LARGEST_INTEGER), WHOLE, Rule("a whole number from 1 to 2^53-1")]
CountOrZero = Annotated[int, Ge(0), Le(LARGEST_INTEGER), WHOLE, Rule("a whole number from 0 to 2^53-1")]
Origin = Annotated[
    Literal["measured", "derived", "declared"],
    Rule(
        "'measured', 'derived' or 'declared'",
        "Say derived where the raw numbers are in this file, declared where nothing in it can show the number.",
    ),
]


class Part(BaseModel):
    """An object of a record: members that it does not name are kept, and NaN and infinity are none of its numbers."""

    model_config = ConfigDict(
        strict=True,
        extra="allow",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        json_schema_extra={"x-rule": "an object"},
    )

    dependent: ClassVar[dict[str, tuple[str, ...]]] = {}  # members that others cannot stand without

    def document(self) -> Object:
        """Give it in JSON's types: what was given to it, unknown members too, and nothing else."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        for name, needed in self.dependent.items():
            missing = set(needed) - self.model_fields_set
            if name in self.model_fields_set and missing:
                raise ValueError(f"{name} cannot stand without {', '.join(sorted(missing))}")
        return self
