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
    """

    op: str
    case: str
    shapes: tuple[tuple[int, ...], ...]
    options: dict[str, Any] = field(default_factory=dict)
    served: bool = True

    @property
    def name(self) -> str:
        return f"{self.op}: {self.case}"

    def arrays(self, dtype="float32") -> list[np.ndarray]:
        """Give fresh standard normal inputs."""
        rng = np.random.default_rng(SEED)
        return [rng.normal(size=shape).astype(dtype) for shape in self.shapes]


ROWS = [
    TwinRow("relu", "an image's size", ((3, 5, 33, 35),)),
    TwinRow("relu", "beyond what one thread does", ((131, 1013),)),
    TwinRow("relu", "small", ((4, 5),), served=False),
    TwinRow("relu", "empty", ((0, 5),), served=False),
]
