"""NumPy kernels that write into memory that is there: one maker per op.

A maker takes the step and gives a function of the step's arrays and `out`; what it needs besides is allocated by the
maker, once. Ops without a maker run as they are, and their result is copied: right, and with an allocation each call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinytorch.core.ops.activations import GELU_CUBE, GELU_SCALE
from tinytorch.perf.kernels.networks import NETWORK_MAKERS
from tinytorch.perf.tracing import Step

__all__ = ["ELEMENTWISE", "MAKERS", "allocates", "kernel_of"]

Kernel = Callable[..., Any]
Maker = Callable[[Step], Kernel | None]

UFUNCS: dict[str, Any] = {
    "abs": np.absolute,
    "add": np.add,
    "div": np.true_divide,
    "exp": np.exp,
    "log": np.log,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mul": np.multiply,
    "neg": np.negative,
    "sqrt": np.sqrt,
    "sub": np.subtract,
    "tanh": np.tanh,
}


def kernel_of(step: Step) -> Kernel:
    """Make the kernel of a step."""
    return _made(step) or _copied(step)


def allocates(step: Step) -> bool:
    """Say whether each call allocates the result, before it is copied to where it belongs."""
    return _made(step) is None


def _made(step: Step) -> Kernel | None:
    if step.op in UFUNCS:
        ufunc: Kernel = UFUNCS[step.op]
        return ufunc
    return MAKERS[step.op](step) if step.op in MAKERS else None


def _copied(step: Step) -> Kernel:
    def kernel(*arrays: Any, out: Any) -> None:
        out[...] = step.compute(*arrays)

    return kernel


def _pow(step: Step) -> Kernel:
    exponent = step.inputs[1].data
    if exponent != 2 or not isinstance(exponent, int | float):
        return np.power

    def squared(x: Any, _: Any, *, out: Any) -> None:
        np.square(x, out=out)

    return squared


def _relu(step: Step) -> Kernel:
    return partial(np.maximum, np.zeros((), step.output.dtype))


def _sigmoid(step: Step) -> Kernel:
    """Take it from tanh, which overflows nowhere, and in place."""
    half = step.output.dtype.type(0.5)

    def kernel(x: Any, *, out: Any) -> None:
        np.multiply(x, half, out=out)
        np.tanh(out, out=out)
        np.multiply(out, half, out=out)
        np.add(out, half, out=out)

    return kernel


def _gelu(step: Step) -> Kernel:
    kind = step.output.dtype.type
    scale, cube, one, half = kind(GELU_SCALE), kind(GELU_CUBE), kind(1), kind(0.5)

    def kernel(x: Any, *, out: Any) -> None:
        np.multiply(x, x, out=out)
        np.multiply(out, cube, out=out)
        np.add(out, one, out=out)
        np.multiply(out, x, out=out)
        np.multiply(out, scale, out=out)
        np.tanh(out, out=out)
        np.add(out, one, out=out)
        np.multiply(out, x, out=out)
        np.multiply(out, half, out=out)

    return kernel


def _rows(step: Step) -> Any:
    """Make room for one number a row along the softmax's axis."""
    dim = step.options.get("dim", -1) % max(len(step.output.shape), 1)
    shape = [1 if axis == dim else size for axis, size in enumerate(step.output.shape)]
    return np.empty(shape, step.output.dtype)


def _softmax(step: Step) -> Kernel:
    axis, row = step.options.get("dim", -1), _rows(step)

    def kernel(x: Any, *, out: Any) -> None:
        np.maximum.reduce(x, axis=axis, keepdims=True, out=row)
        np.subtract(x, row, out=out)
        np.exp(out, out=out)
        np.add.reduce(out, axis=axis, keepdims=True, out=row)
        np.true_divide(out, row, out=out)

    return kernel


def _log_softmax(step: Step) -> Kernel:
    axis, row, odds = step.options.get("dim", -1), _rows(step), np.empty(step.output.shape, step.output.dtype)

    def kernel(x: Any, *, out: Any) -> None:
        np.maximum.reduce(x, axis=axis, keepdims=True, out=row)
        np.subtract(x, row, out=out)
        np.exp(out, out=odds)
        np.add.reduce(odds, axis=axis, keepdims=True, out=row)
        np.log(row, out=row)
        np.subtract(out, row, out=out)

    return kernel


def _linear(step: Step) -> Kernel:
    features, outputs = step.inputs[1].shape
    rows = int(np.prod(step.output.shape[:-1], dtype=np.int64))

    def kernel(x: Any, weight: Any, bias: Any, *, out: Any) -> None:
        flat = out.reshape(rows, outputs)
        np.dot(x.reshape(rows, features), weight, out=flat)
        np.add(flat, bias, out=flat)

    return kernel


def _reduction(ufunc: Any) -> Callable[[Step], Kernel]:
    def make(step: Step) -> Kernel:
        options = {"axis": step.options.get("axis"), "keepdims": step.options.get("keepdims", False)}
        return partial(ufunc.reduce, **options)

    return make


_sum_of = _reduction(np.add)


def _mean(step: Step) -> Kernel:
    total = _sum_of(step)
    count = step.output.dtype.type((step.inputs[0].size or 1) / (step.output.size or 1))

    def kernel(x: Any, *, out: Any) -> None:
        total(x, out=out)
        np.true_divide(out, count, out=out)

    return kernel


def _clip(step: Step) -> Kernel:
    return partial(_clipped, *(step.options.get(name) for name in ("low", "high")))


def _clipped(low: Any, high: Any, x: Any, *, out: Any) -> None:
    np.clip(x, low, high, out=out)


def _where(step: Step) -> Kernel:
    condition = step.options["condition"]
    chosen = np.asarray(getattr(condition, "data", condition), dtype=bool)

    def kernel(a: Any, b: Any, *, out: Any) -> None:
        np.copyto(out, b)
        np.copyto(out, a, where=chosen)

    return kernel


def _astype(_: Step) -> Kernel:
    def kernel(x: Any, *, out: Any) -> None:
        np.copyto(out, x, casting="unsafe")

    return kernel


def _joined(join: Any) -> Maker:
    def make(step: Step) -> Kernel:
        axis = step.options.get("axis", 0)

        def kernel(*arrays: Any, out: Any) -> None:
            join(arrays, axis=axis, out=out)

        return kernel

    return make


def _reshape(_: Step) -> Kernel:
    """Copy elements in order: for memory that no view of the new shape exists of."""

    def kernel(x: Any, *, out: Any) -> None:
        np.copyto(out.reshape(x.shape), x)

    return kernel


def _matmul(step: Step) -> Kernel:
    a, b = (value.shape for value in step.inputs)
    if len(b) != 2 or len(a) < 3:
        return np.matmul
    rows = int(np.prod(a[:-1], dtype=np.int64))

    def kernel(x: Any, matrix: Any, *, out: Any) -> None:
        """Multiply all rows at once: `matmul` would go through the batch, and make a copy of it first."""
        np.dot(x.reshape(rows, a[-1]), matrix, out=out.reshape(rows, b[1]))

    return kernel


MAKERS: dict[str, Maker] = {
    "astype": _astype,
    "clip": _clip,
    "concatenate": _joined(np.concatenate),
    "gelu": _gelu,
    "linear": _linear,
    "log_softmax": _log_softmax,
    "matmul": _matmul,
    "max": _reduction(np.maximum),
    "mean": _mean,
    "min": _reduction(np.minimum),
    "pow": _pow,
    "relu": _relu,
    "reshape": _reshape,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "stack": _joined(np.stack),
    "sum": _sum_of,
    "where": _where,
    **NETWORK_MAKERS,
}

# Whose result may stand where an operand of the same size stood. GELU reads its operand again, `where` one after the
# other.
ELEMENTWISE = {*UFUNCS, "pow", "relu", "sigmoid", "softmax", "log_softmax", "clip", "layer_norm", "batch_norm"}
