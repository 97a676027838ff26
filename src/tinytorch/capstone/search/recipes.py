"""What a search tries: recipes, each a few techniques one after the other.

A recipe is one line in `RECIPES`, the cheap ones first. One that does not suit a model is tried all the same: what the
technique says of the model is then in the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["COMPILED", "DISTIL", "RECIPES", "Recipe", "Step"]

COMPILED = "compile.v1"
DISTIL = "distil.v1"
LABELS = {
    "compile.v1": "compiled",
    "distil.v1": "taught",
    "factorize.low_rank.v1": "rank {rank_ratio:.0%}",
    "prune.units.v1": "units {keep_ratio:.0%}",
    "prune.channels.v1": "channels {keep_ratio:.0%}",
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


def _recipe(*steps: Step) -> Recipe:
    return Recipe((*steps, Step(COMPILED)))


def _fewer(technique: str, share: float) -> tuple[Step, Step]:
    """Keep a share, and let what is left be taught."""
    return Step(technique, (("keep_ratio", share),)), Step(DISTIL)


_INT8 = Step("quantize.int8.dynamic.v1")
_STATIC = Step("quantize.int8.static.v1")
_THIN = (Step("factorize.low_rank.v1", (("rank_ratio", 0.25),)), Step(DISTIL))

RECIPES: tuple[Recipe, ...] = (
    _recipe(_INT8),
    _recipe(_STATIC),
    _recipe(*_fewer("prune.units.v1", 0.5)),
    _recipe(*_fewer("prune.units.v1", 0.5), _INT8),
    _recipe(*_fewer("prune.units.v1", 0.2)),
    _recipe(*_fewer("prune.units.v1", 0.2), _INT8),
    _recipe(*_THIN),
    _recipe(*_THIN, _INT8),
)
