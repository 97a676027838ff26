"""Compiled sparse layers beside compiled dense ones, by the share of zeros: float32 beside float32, int8 beside int8.

The target is the dense layer's speed: where the interval lies above 1, leaving the zeros out pays in time.
"""

import sys
from functools import partial

import numpy as np

from benchmarks.runner import Call, Case, run
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.perf import compile, prune, quantize, sparsify

__all__ = ["CASES"]

SIZE = 1024
CLOSE = {"float32": 1e-3, "int8": 0.1}


def make(kind: str, batch: int, share: float) -> tuple[Call, Call]:
    """Set up a dense and a sparse layer of the same weights, both compiled."""
    manual_seed(0)
    model = prune(Sequential(Linear(SIZE, SIZE)), share)
    x = np.random.default_rng(0).standard_normal((batch, SIZE), np.float32)
    dense = compile(quantize(model) if kind == "int8" else model, x)
    sparse = compile(sparsify(model, kind), x)
    apart = np.abs(dense(x) - sparse(x)).max() / np.abs(model(Tensor(x)).data).max()
    if not apart <= CLOSE[kind]:
        raise ValueError(f"both sides must compute the same; got a relative difference of {apart:.3g}")
    return partial(dense, x), partial(sparse, x)


CASES = {
    f"{kind}-{batch}-{share:g}": Case(
        f"{kind}, {SIZE} x {SIZE}, batch {batch}, {share:.0%} zeros", 1.0, partial(make, kind, batch, share), ()
    )
    for kind in ("float32", "int8")
    for batch in (1, 64)
    for share in (0.5, 0.75, 0.9, 0.95, 0.98)
}

if __name__ == "__main__":
    sys.exit(run("benchmarks.sparse", CASES, __doc__))
