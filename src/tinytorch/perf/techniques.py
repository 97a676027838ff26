"""What a technique is: a way to make a model smaller or faster, and what it claims to have done, in a form to test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Technique"]


@dataclass(frozen=True)
class Technique:
    """A way to make another model of a model, with a claim about the result that can be tested.

    Attributes:
        name: With its version, such as `prune.units.v1`: what does something else gets another name.
        apply: `apply(model, ...)` gives a new model and leaves the one it was given alone.
        claim: What is true of the result, in one sentence.
        check: `check(model, original=None, **said)` lists what contradicts the claim, each problem as a sentence; none
            if it holds. `original` is a model that the technique made this one of, by itself or among others; without
            it, what can be seen of the model alone is checked. `said` are options as they were given to `apply`:
            those of them that the claim is about. A claim that cannot be checked does not hold.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> from tinytorch.perf import TECHNIQUES
        >>> prune, layer = TECHNIQUES["prune.magnitude.v1"], Linear(8, 8)
        >>> prune.check(prune(layer, sparsity=0.75), sparsity=0.75)
        []
        >>> prune.check(layer, sparsity=0.75)
        ['the share of weights that are 0 must be at least 0.75; got 0.0.']
    """

    name: str
    apply: Callable[..., Any]
    claim: str
    check: Callable[..., list[str]]

    def __call__(self, model: Any, *args: Any, **options: Any) -> Any:
        """Apply the technique."""
        return self.apply(model, *args, **options)
