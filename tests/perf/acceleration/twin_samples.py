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


CONVOLUTIONS = {  # images, kernels, stride, padding
    "3x3, same size": ((5, 3, 17, 33), (13, 3, 3, 3), 1, 1),
    "5x5 of one channel": ((3, 1, 28, 28), (6, 1, 5, 5), 1, 2),
    "odd sizes, stride 2": ((5, 3, 37, 33), (21, 3, 5, 3), 2, 1),
    "gaps, stride 3": ((2, 3, 30, 40), (7, 3, 2, 2), 3, 2),
    "several parts an image": ((2, 90, 30, 34), (9, 90, 3, 3), 1, 1),
    "several images at a time": ((17, 2, 5, 6), (9, 2, 3, 3), 1, 0),
    "padding beyond the kernel": ((2, 2, 4, 4), (3, 2, 1, 2), 1, 3),
    "1x1": ((3, 5, 7, 7), (4, 5, 1, 1), 1, 0),
}


def convolutions():
    """Give every shape with biases, and one without."""
    for case, (images, kernels, stride, padding) in CONVOLUTIONS.items():
        yield TwinRow("conv2d", case, (images, kernels, kernels[:1]), {"stride": stride, "padding": padding})
    yield TwinRow("conv2d", "no biases", ((2, 3, 9, 9), (4, 3, 3, 3)))
    yield TwinRow("conv2d", "an empty batch", ((0, 3, 9, 9), (4, 3, 3, 3), (4,)), served=False)


def pools():
    for case, shape in {"whole windows": (2, 3, 8, 36), "left over": (3, 2, 7, 9), "shared": (5, 8, 50, 34)}.items():
        yield TwinRow("max_pool2d", case, (shape,), {"kernel_size": 2})
    yield TwinRow("max_pool2d", "a pair of sizes", ((1, 1, 4, 4),), {"kernel_size": (2, 2), "stride": (2, 2)})
    yield TwinRow("max_pool2d", "3x3", ((2, 2, 7, 7),), {"kernel_size": 3}, served=False)
    yield TwinRow("max_pool2d", "overlapping", ((2, 2, 7, 7),), {"kernel_size": 2, "stride": 1}, served=False)
    yield TwinRow("max_pool2d", "padded", ((2, 2, 6, 6),), {"kernel_size": 2, "padding": 1}, served=False)
    yield TwinRow("max_pool2d", "an empty batch", ((0, 2, 6, 6),), {"kernel_size": 2}, served=False)


def batch_norms():
    """Give moments of the batch's own, and given ones."""
    given = {"mean": np.float32([0.5, -1, 2]), "variance": np.float32([1, 0.5, 3])}
    for case, options in {"own moments": {}, "a large eps": {"eps": 0.5}, "given moments": given}.items():
        yield TwinRow("batch_norm", case, ((7, 3, 23, 25), (3,), (3,)), options)
    yield TwinRow("batch_norm", "shared", ((9, 5, 3000), (5,), (5,)))
    yield TwinRow("batch_norm", "short rows", ((1000, 30), (30,), (30,)), served=False)
    yield TwinRow("batch_norm", "small", ((2, 3, 5, 5), (3,), (3,)), served=False)


ROWS = [
    TwinRow("attention", "causal", ((3, 4, 33, 16),) * 3, {"causal": True}),
    TwinRow("attention", "causal, more keys", ((3, 4, 65, 8), (3, 4, 130, 8), (3, 4, 130, 12)), {"causal": True}),
    TwinRow("attention", "whole, beyond what one thread does", ((5, 2, 130, 8),) * 3),
    TwinRow("attention", "long, so that odds are not kept", ((1, 2, 200, 4),) * 3, {"causal": True}),
    TwinRow("attention", "tiles of one vector", ((2, 3, 50, 16), (2, 3, 71, 16), (2, 3, 71, 48)), {"causal": True}),
    TwinRow("attention", "heads apart, no future hidden", ((3, 2, 97, 64), (3, 2, 35, 64), (3, 2, 35, 32))),
    TwinRow("attention", "heads that are broadcast", ((2, 3, 40, 16), (1, 3, 60, 16), (3, 60, 16)), {"causal": True}),
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
    TwinRow("add", "a residual connection", ((3, 40, 1000),) * 2),
    TwinRow("add", "a bias", ((300, 400), (400,)), served=False),
    TwinRow("matmul", "rows by a matrix", ((3, 50, 32), (32, 48))),
    TwinRow("matmul", "a vocabulary that fills no vector", ((2, 150, 32), (32, 65))),
    TwinRow("matmul", "a matrix each", ((3, 70, 32), (3, 32, 48)), served=False),
    TwinRow("matmul", "a vector", ((32,), (32, 48)), served=False),
    TwinRow("linear", "a batch", ((70, 32), (32, 48), (48,))),
    TwinRow("linear", "beyond what one thread does", ((5, 101, 16), (16, 112), (112,))),
    TwinRow("linear", "features that fill no vector", ((70, 32), (32, 10), (10,)), served=False),
    TwinRow("linear", "many features that fill no vector", ((300, 40), (40, 83), (83,))),
    TwinRow("linear", "few rows", ((63, 32), (32, 48), (48,)), served=False),
    TwinRow("log_softmax", "a batch", ((3, 37, 33),)),
    TwinRow("log_softmax", "beyond what one thread does", ((131, 1013),), {"dim": 1}),
    TwinRow("log_softmax", "along columns", ((64, 65),), {"dim": 0}, served=False),
    *batch_norms(),
    *convolutions(),
    *pools(),
    TwinRow("relu", "an image's size", ((3, 5, 33, 35),)),
    TwinRow("relu", "beyond what one thread does", ((131, 1013),)),
    TwinRow("relu", "small", ((4, 5),), served=False),
    TwinRow("relu", "empty", ((0, 5),), served=False),
    TwinRow("softmax", "a batch", ((3, 37, 33),)),
    TwinRow("softmax", "beyond what one thread does", ((131, 1013),), {"dim": 1}),
    TwinRow("softmax", "along columns", ((64, 65),), {"dim": -2}, served=False),
    TwinRow("softmax", "small", ((4, 5),), served=False),
]
