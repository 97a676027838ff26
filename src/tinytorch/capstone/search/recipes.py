"""What a search tries: recipes, each a few techniques one after the other.

A recipe is one line in `RECIPES`, the cheap ones first; a task may have recipes of its own. One that does not suit a
model is tried all the same: what the technique says of the model is then in the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["AWARE", "COMPILED", "DISTIL", "INT8", "RECIPES", "Recipe", "Step", "recipe"]

COMPILED = "compile.v1"
DISTIL = "distil.v1"
AWARE, INT8 = "quantize.int8.aware.v1", "quantize.int8.dynamic.v1"
LABELS = {
    "compile.v1": "compiled",
    "distil.v1": "taught",
    "factorize.low_rank.v1": "rank {rank_ratio:.0%}",
    "prune.blocks.v1": "{keep} blocks",
    "prune.units.v1": "units {keep_ratio:.0%}",
    "quantize.int4.v1": "int4",
    "quantize.int8.aware.v1": "int8 rehearsed",
    "quantize.int8.dynamic.v1": "int8",
    "quantize.int8.static.v1": "int8 static",
}

Option = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """A technique with its options.

    Attributes:
        technique: Its name in `tinytorch.perf.TECHNIQUES`, or `distil.v1`, which needs data as well.
        options: Name and value of each option.
    """

    technique: str
    options: tuple[Option, ...] = ()

    def __str__(self) -> str:
        return LABELS.get(self.technique, self.technique).format(**dict(self.options)).replace("%", " %")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps, one after the other.

    Attributes:
        steps: Compiling, where it is one of them, is the last: it is done where the model runs, not in the file.

    Example:
        >>> print(Recipe((Step("prune.units.v1", (("keep_ratio", 0.5),)), Step(DISTIL), Step(COMPILED))))
        units 50 % > taught > compiled
    """

    steps: tuple[Step, ...]

    @property
    def is_compiled(self) -> bool:
        """Whether the model runs compiled."""
        return bool(self.steps) and self.steps[-1].technique == COMPILED

    @property
    def stored(self) -> tuple[Step, ...]:
        """The steps that the file holds the result of."""
        return self.steps[:-1] if self.is_compiled else self.steps

    @property
    def techniques(self) -> tuple[str, ...]:
        """The names of what it applies, in order."""
        return tuple(step.technique for step in self.steps)

    def __str__(self) -> str:
        return " > ".join(map(str, self.steps)) or "as it is"


def recipe(*steps: str | float | int) -> Recipe:
    """Write a recipe shortly; compiling comes last, and need not be said.

    Args:
        steps: `int8`, `static`, `aware`, `int4`, or `rank` for a quarter of each rank; a share of the units to keep;
            or a number of blocks. Whatever loses units, blocks or ranks is then taught, once.

    Example:
        >>> print(recipe(0.5, "int8"))
        units 50 % > taught > int8 > compiled
    """
    less = [_less(each) for each in steps if each not in BYTES]
    taught = [Step(DISTIL)] if less else []
    return Recipe((*less, *taught, *(BYTES[str(each)] for each in steps if each in BYTES), Step(COMPILED)))


def _less(what: str | float) -> Step:
    if isinstance(what, int):
        return Step("prune.blocks.v1", (("keep", what),))
    if isinstance(what, float):
        return Step("prune.units.v1", (("keep_ratio", what),))
    return Step("factorize.low_rank.v1", (("rank_ratio", 0.25),))


BYTES: dict[str | float, Step] = {
    "int8": Step(INT8),
    "static": Step("quantize.int8.static.v1"),
    "aware": Step(AWARE),
    "int4": Step("quantize.int4.v1"),
}

RECIPES: tuple[Recipe, ...] = (
    recipe("int8"),
    recipe("static"),
    recipe("int4"),
    recipe("aware"),
    recipe(0.5),
    recipe(0.5, "int8"),
    recipe(0.5, "int4"),
    recipe(0.2),
    recipe(0.2, "int8"),
    recipe(0.2, "aware"),
    recipe("rank"),
    recipe("rank", "int8"),
)
