"""Choosing the next token from logits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.layers import require_count
from tinytorch.errors import RangeError, explain

__all__ = ["Sampler", "draw_numbers"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Sampler:
    """How to choose: by chance, in proportion to `softmax(logits / temperature)`, or the likeliest.

    Attributes:
        temperature: At least 0; 0 always takes the likeliest token, the first of equal ones.
        top_k: Choose among the `top_k` likeliest only.
        top_p: Choose among the fewest likeliest tokens that together have a probability of at least `top_p`. Comes
            after `top_k`.

    Raises:
        RangeError: If a value is out of range.

    Source:
        A. Fan, M. Lewis, Y. Dauphin (2018), Hierarchical Neural Story Generation (top-k); A. Holtzman et al. (2020),
        The Curious Case of Neural Text Degeneration (top-p).
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise RangeError(explain("temperature", "a finite number of at least 0", self.temperature))
        if self.top_k is not None:
            require_count("top_k", self.top_k)
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise RangeError(explain("top_p", "in (0, 1]", self.top_p))

    def choose(self, logits: Array, draw: Callable[[], Array]) -> NDArray[np.intp]:
        """Give one token a row.

        Args:
            logits: (B, V).
            draw: Gives (B,) numbers in [0, 1); not called if nothing is left to chance.

        Raises:
            RangeError: If a logit is NaN or infinite.
        """
        if not np.isfinite(logits).all():
            remedy = "The model has diverged: train it with a lower rate or clipped gradients."
            raise RangeError(explain("logits", "finite", "NaN or infinity among them", remedy=remedy))
        if self.temperature == 0:
            return logits.argmax(axis=-1)
        ranked, shares = self.ranked(logits)
        reached = shares.cumsum(axis=-1)
        wanted = draw()[:, None] * reached[:, -1:]
        place = (reached <= wanted).sum(axis=-1)  # the first whose reach exceeds the draw
        return ranked[np.arange(len(ranked)), place]

    def ranked(self, logits: Array) -> tuple[NDArray[np.intp], Array]:
        """Give the tokens, likeliest first, and the share of each, 0 for those left out; both (B, V)."""
        order = np.argsort(-logits, axis=-1, kind="stable")
        scores = np.take_along_axis(logits, order, axis=-1).astype(np.float64)
        shares = np.exp((scores - scores[:, :1]) / self.temperature)
        if self.top_k is not None:
            shares[:, self.top_k :] = 0
        shares /= shares.sum(axis=-1, keepdims=True)
        if self.top_p is not None:
            before = shares.cumsum(axis=-1) - shares
            shares[before >= self.top_p] = 0
        return order, shares


def draw_numbers(rows: int, seed: int | None) -> Callable[[], Array]:
    """Give a function that draws one number in [0, 1) a row.

    Without a seed they come from NumPy's global state. With one, every row has a generator of its own, so that a row's
    draws do not depend on how many rows are beside it.
    """
    if seed is None:
        return lambda: np.random.random_sample(rows)  # noqa: NPY002  seeded by np.random.seed
    generators = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(rows)]
    return lambda: np.array([generator.random() for generator in generators])
