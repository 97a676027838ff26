"""What has a compiled twin: ops and updates. Adding one is a function in a file of this folder, and a line here.

A twin of an op takes what the op's function on arrays takes, and gives what that gives: the value and one rule an
input. It serves the kinds and shapes that it is made for, and hands all others to `OPS[name].run`, which defines it. A
twin of an update does what the update does that is listed in `UPDATES`. Importing this needs no Numba; a twin compiles,
or loads from disk, when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable

from tinytorch.core.ops.op import Value
from tinytorch.perf.acceleration import updates
from tinytorch.perf.acceleration.additions import add
from tinytorch.perf.acceleration.attention import attention
from tinytorch.perf.acceleration.convolution import conv2d
from tinytorch.perf.acceleration.curves import gelu
from tinytorch.perf.acceleration.linear import linear, matmul
from tinytorch.perf.acceleration.normalization import batch_norm
from tinytorch.perf.acceleration.pooling import max_pool2d
from tinytorch.perf.acceleration.rectification import relu
from tinytorch.perf.acceleration.rows import cross_entropy, layer_norm, log_softmax, softmax

__all__ = ["TWINS", "UPDATE_TWINS"]

TWINS: dict[str, Callable[..., Value]] = {
    "add": add,
    "attention": attention,
    "batch_norm": batch_norm,
    "conv2d": conv2d,
    "cross_entropy": cross_entropy,
    "gelu": gelu,
    "layer_norm": layer_norm,
    "linear": linear,
    "log_softmax": log_softmax,
    "matmul": matmul,
    "max_pool2d": max_pool2d,
    "relu": relu,
    "softmax": softmax,
}

UPDATE_TWINS: dict[str, Callable[..., None]] = {"adam": updates.adam, "sgd": updates.sgd}
