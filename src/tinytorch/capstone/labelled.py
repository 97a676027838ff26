"""Samples with what is right of each, and the part of them that is held back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.errors import DataError, RangeError, ShapeError, explain

__all__ = ["Labelled", "held_back"]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Samples and what is right of each.

    Attributes:
        inputs: (N, ...), one sample a row.
        labels: (N,) class indices; or (N, T), one for each place of a sequence.

    Raises:
        DataError: If there are no samples.
        ShapeError: If there is not one label, or one row of them, a sample.
    """

    inputs: NDArray[Any]
    labels: NDArray[Any]

    def __post_init__(self) -> None:
        if not len(self.inputs):
            raise DataError(explain("the samples", "at least one", "none"))
        if self.labels.ndim not in {1, 2} or len(self.labels) != len(self.inputs):
            rule = f"of shape ({len(self.inputs)},), or ({len(self.inputs)}, T)"
            raise ShapeError(explain("the labels", rule, f"the shape {self.labels.shape}"))

    def __len__(self) -> int:
        return len(self.inputs)


def held_back(data: Labelled, share: float, seed: int) -> tuple[Labelled, Labelled]:
    """Take a share of the samples away at random: what is left, and what was taken.

    Raises:
        RangeError: If the share is not in (0, 1).

    Example:
        >>> rest, taken = held_back(Labelled(np.zeros((10, 2)), np.arange(10)), 0.2, seed=0)
        >>> len(rest), len(taken)
        (8, 2)
    """
    if not 0 < share < 1:
        raise RangeError(explain("share", "in (0, 1)", share))
    order = np.random.default_rng(seed).permutation(len(data))
    count = max(1, round(share * len(data)))
    return tuple(Labelled(data.inputs[rows], data.labels[rows]) for rows in (order[count:], order[:count]))  # type: ignore[return-value]
