"""What acceleration buys beside NumPy: each compiled twin beside the function that defines it, and single techniques.

python -m benchmarks.acceleration [--sessions 6] [--rounds 60] [--threads 1] [--only CASE ...] [--output FILE] [--smoke]

Both sides are TinyTorch on arrays, forward and back; each maker compares values before anything is timed. The candidate
is what is accelerated. Language models and images beside PyTorch are in `language.py` and `vision.py`.
"""

import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from benchmarks.runner import Call, Case, run
from tinytorch import SGD, AdamW, Tensor
from tinytorch.core.ops import OPS
from tinytorch.core.optimizers import Optimizer
from tinytorch.perf.acceleration import TWINS, accelerate, fused_gelu, tiled_matmul, unfused_gelu, vectorized_matmul
from tinytorch.perf.kernels.threads import default_threads, set_threads

TILE = 64


def floats(*shape: int) -> np.ndarray:
    """Draw numbers, the same every time."""
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def twin(name: str, *shapes: tuple[int, ...], classes: int = 0) -> tuple[Call, Call]:
    """Set an op up, NumPy's function and its twin, forward and back."""
    arrays = [floats(*shape) for shape in shapes]
    if classes:
        arrays[-1] = np.random.default_rng(0).integers(0, classes, shapes[-1])
    set_threads(default_threads())
    g = floats(*np.shape(OPS[name].run(*arrays)[0]))

    def both_ways(op: Callable[..., Any]) -> list[Any]:
        value, rules = op(*arrays)
        return [value, *(rule(g) for rule in rules if rule is not None)]

    sides = partial(both_ways, OPS[name].run), partial(both_ways, TWINS[name])
    for mine, other in zip(sides[1](), sides[0](), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3 * np.abs(other).max())
    return sides


def update(make: Callable[[list[Tensor]], Optimizer], size: int) -> tuple[Call, Call]:
    """Set one step of an optimizer up, by NumPy and by its twin; afterwards both have done the same, bit for bit."""
    optimizers = [make([Tensor(floats(size), requires_grad=True)]) for _ in range(2)]
    for optimizer in optimizers:
        optimizer.params[0].grad = floats(size + 1)[:size]
    theirs, ours = optimizers

    def fused() -> None:
        with accelerate(["adam", "sgd"]):
            ours.step()

    theirs.step()
    fused()
    np.testing.assert_array_equal(ours.params[0].data, theirs.params[0].data)
    return theirs.step, fused


def products(baseline: Call, candidate: Call) -> tuple[Call, Call]:
    """Compare two ways of multiplying."""
    np.testing.assert_allclose(candidate(), baseline(), rtol=1e-3, atol=1e-3)
    return baseline, candidate


def library(size: int) -> tuple[Call, Call]:
    """Set the library's product up beside a plain loop, which is compiled, too."""
    a, b = floats(size, size), floats(size, size + 1)[:, :size].copy()
    plain, _ = loops()
    return products(lambda: plain(a, b), lambda: vectorized_matmul(a, b).data)


def tiles(size: int) -> tuple[Call, Call]:
    """Set a loop in tiles up beside the plain loop, both compiled: what tiles buy."""
    a, b = floats(size, size), floats(size, size + 1)[:, :size].copy()
    plain, tiled = loops()
    return products(lambda: plain(a, b), lambda: tiled(a, b, TILE))


def tiles_of_the_library(size: int) -> tuple[Call, Call]:
    """Set `tiled_matmul` up beside the library, which has tiles of its own: what they cost above it."""
    a, b = Tensor(floats(size, size)), Tensor(floats(size, size + 1)[:, :size].copy())
    return products(lambda: vectorized_matmul(a, b).data, lambda: tiled_matmul(a, b, TILE).data)


@cache
def loops() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Compile the two loops."""
    import numba

    return numba.njit(plain_loop), numba.njit(tiled_loop)


def plain_loop(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply as the definition says."""
    out = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                out[i, j] += a[i, k] * b[k, j]
    return out


def tiled_loop(a: np.ndarray, b: np.ndarray, size: int) -> np.ndarray:
    """Do the same with a tile of `b` after the other, which stays in the cache for all rows of `a`."""
    out = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for above in range(0, a.shape[1], size):
        for left in range(0, b.shape[1], size):
            for i in range(a.shape[0]):
                for j in range(left, min(left + size, b.shape[1])):
                    for k in range(above, min(above + size, a.shape[1])):
                        out[i, j] += a[i, k] * b[k, j]
    return out


def gelus(rows: int, columns: int) -> tuple[Call, Call]:
    """Set both forms of GELU up, forward and back."""
    x, g = Tensor(floats(rows, columns), requires_grad=True), floats(rows, columns)

    def both_ways(function: Callable[[Tensor], Tensor]) -> Any:
        x.grad = None
        function(x).backward(g)
        return x.grad

    return products(partial(both_ways, unfused_gelu), partial(both_ways, fused_gelu))


def case(title: str, make: Callable[..., tuple[Call, Call]], *arguments: Any, target: float = 1.0, **options: Any):
    """Make a row of the table."""
    return Case(title, target, partial(make, *arguments, **options), ("numba",))


CASES = {
    "softmax": case("softmax (2048, 128)", twin, "softmax", (2048, 128)),
    "softmax-wide": case("softmax (64, 50257)", twin, "softmax", (64, 50_257)),
    "log-softmax": case("log softmax (2048, 128)", twin, "log_softmax", (2048, 128)),
    "cross-entropy": case("cross-entropy (2048, 80)", twin, "cross_entropy", (2048, 80), (2048,), classes=80),
    "cross-entropy-small": case("cross-entropy (64, 10)", twin, "cross_entropy", (64, 10), (64,), classes=10),
    "layer-norm": case("layer norm (2048, 128)", twin, "layer_norm", (2048, 128), (128,), (128,)),
    "layer-norm-wide": case("layer norm (512, 1024)", twin, "layer_norm", (512, 1024), (1024,), (1024,)),
    "gelu": case("GELU (2048, 512)", twin, "gelu", (2048, 512)),
    "gelu-small": case("GELU (64, 32)", twin, "gelu", (64, 32)),
    "relu": case("ReLU (2048, 512)", twin, "relu", (2048, 512)),
    "sgd": case("SGD, a million", update, SGD, 2**20),
    "momentum": case("SGD with momentum, a million", update, lambda p: SGD(p, momentum=0.9), 2**20),
    "adamw": case("AdamW, a million", update, AdamW, 2**20),
    "adamw-small": case("AdamW, 16,384", update, AdamW, 2**14),
    "library": case("vectorized_matmul 256, beside a compiled loop", library, 256),
    "tiles": case("a compiled loop 1024 in tiles of 64, beside one without", tiles, 1024),
    "tiled": case("tiled_matmul 512, tiles of 64, beside vectorized", tiles_of_the_library, 512, target=0.2),
    "fused": case("fused_gelu (256, 256), beside unfused", gelus, 256, 256),
    "fused-large": case("fused_gelu (1024, 1024), beside unfused", gelus, 1024, 1024),
}

if __name__ == "__main__":
    sys.exit(run("benchmarks.acceleration", CASES, __doc__))
