"""One row per twin and per case that it serves or must hand over; a twin without a row fails `test_twins.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

SEED = 7


@dataclass(frozen=True)
class TwinRow:
    """One op, called in one way.

    Attributes:
        op: Its name in `TWINS`.
        case: What is special about this row.
        shapes: Of the inputs.
        options: The keyword arguments.
        served: Whether the compiled form does it, in float32.
        classes: How many there are, where the last input is of class indices.
    """

    op: str
    case: str
    shapes: tuple[tuple[int, ...], ...]
    options: dict[str, Any] = field(default_factory=dict)
    served: bool = True
    classes: int = 0

    @property
    def name(self) -> str:
        return f"{self.op}: {self.case}"

    def arrays(self, dtype="float32") -> list[np.ndarray]:
        """Give fresh standard normal inputs."""
        rng = np.random.default_rng(SEED)
        found = [rng.normal(size=shape).astype(dtype) for shape in self.shapes]
        return [*found[:-1], rng.integers(0, self.classes, self.shapes[-1])] if self.classes else found


KEEP = np.arange(40 * 60).reshape(40, 60) % 3 > 0
KEEP[7] = False  # a query that may look at nothing
ADDED = np.where(KEEP, np.float32(0.5), np.float32(-np.inf))

ROWS = [
    TwinRow("attention", "causal", ((3, 4, 33, 16),) * 3, {"causal": True}),
    TwinRow("attention", "causal, more keys", ((3, 4, 65, 8), (3, 4, 130, 8), (3, 4, 130, 12)), {"causal": True}),
    TwinRow("attention", "whole, beyond what one thread does", ((5, 2, 130, 8),) * 3),
    TwinRow("attention", "long, so that odds are not kept", ((1, 2, 200, 4),) * 3, {"causal": True}),
    TwinRow("attention", "keep-mask", ((2, 40, 8), (2, 60, 8), (2, 60, 8)), {"mask": KEEP}),
    TwinRow("attention", "additive mask", ((2, 40, 8), (2, 60, 8), (2, 60, 8)), {"mask": ADDED, "causal": True}),
    TwinRow("attention", "small", ((4, 5),) * 3, served=False),
    TwinRow("cross_entropy", "a batch", ((64, 10), (64,)), classes=10),
    TwinRow("cross_entropy", "tokens, beyond what one thread does", ((3, 301, 80), (3, 301)), classes=80),
    TwinRow("cross_entropy", "small", ((4, 5), (4,)), classes=5, served=False),
    TwinRow("gelu", "a batch", ((37, 101),)),
    TwinRow("gelu", "beyond what one thread does", ((3, 131, 211),)),
    TwinRow("gelu", "small", ((4, 5),), served=False),
    TwinRow("layer_norm", "a batch", ((3, 37, 33), (33,), (33,))),
    TwinRow("layer_norm", "beyond what one thread does", ((1031, 64), (64,), (64,))),
    TwinRow("layer_norm", "one row", ((1031,), (1031,), (1031,)), {"eps": 1e-2}),
    TwinRow("layer_norm", "small", ((4, 5), (5,), (5,)), served=False),
    TwinRow("linear", "a batch", ((70, 32), (32, 48), (48,))),
    TwinRow("linear", "beyond what one thread does", ((5, 101, 16), (16, 112), (112,))),
    TwinRow("linear", "features that fill no vector", ((70, 32), (32, 10), (10,)), served=False),
    TwinRow("linear", "few rows", ((63, 32), (32, 48), (48,)), served=False),
    TwinRow("log_softmax", "a batch", ((3, 37, 33),)),
    TwinRow("log_softmax", "beyond what one thread does", ((131, 1013),), {"dim": 1}),
    TwinRow("log_softmax", "along columns", ((64, 65),), {"dim": 0}, served=False),
    TwinRow("relu", "an image's size", ((3, 5, 33, 35),)),
    TwinRow("relu", "beyond what one thread does", ((131, 1013),)),
    TwinRow("relu", "small", ((4, 5),), served=False),
    TwinRow("relu", "empty", ((0, 5),), served=False),
    TwinRow("softmax", "a batch", ((3, 37, 33),)),
    TwinRow("softmax", "beyond what one thread does", ((131, 1013),), {"dim": 1}),
    TwinRow("softmax", "along columns", ((64, 65),), {"dim": -2}, served=False),
    TwinRow("softmax", "small", ((4, 5),), served=False),
]
