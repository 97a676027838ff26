"""Ops on each element by itself; inputs broadcast against each other.

Source of the rules: any table of derivatives; what happens at kinks and ties is said beside the op.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch.core.ops.op import Array, Value, op

__all__ = [
    "abs",
    "add",
    "astype",
    "clip",
    "div",
    "exp",
    "log",
    "maximum",
    "minimum",
    "mul",
    "neg",
    "pow",
    "sqrt",
    "sub",
    "where",
]


@op("Add")
def add(a: Array, b: Array) -> Value:
    """`a + b`."""
    return a + b, (lambda g: g, lambda g: g)


@op("Sub")
def sub(a: Array, b: Array) -> Value:
    """`a - b`."""
    return a - b, (lambda g: g, lambda g: -g)


@op("Mul")
def mul(a: Array, b: Array) -> Value:
    """`a * b`."""
    return a * b, (lambda g: g * b, lambda g: g * a)


@op("Div")
def div(a: Array, b: Array) -> Value:
    """`a / b`."""
    return a / b, (lambda g: g / b, lambda g: -g * a / (b * b))


@op("Neg")
def neg(x: Array) -> Value:
    """`-x`."""
    return -x, (lambda g: -g,)


@op("Pow")
def pow(a: Array, b: Array) -> Value:
    """`a ** b`. The gradient of `b` is 0 where `a` is 0, as the limit for b > 0 has it."""
    value = a**b
    return value, (lambda g: g * _slope_of_base(a, b), lambda g: g * value * _log_of_base(a))


def _slope_of_base(a: Array, b: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.equal(b, 0), 0, b * np.power(a, b - 1))


def _log_of_base(a: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.equal(a, 0), 0, np.log(a))


@op("Exp")
def exp(x: Array) -> Value:
    """`e ** x`."""
    value = np.exp(x)
    return value, (lambda g: g * value,)


@op("Log")
def log(x: Array) -> Value:
    """The natural logarithm."""
    return np.log(x), (lambda g: g / x,)


@op("Sqrt")
def sqrt(x: Array) -> Value:
    """The square root; its gradient at 0 is infinite."""
    value = np.sqrt(x)
    return value, (lambda g: g / (2 * value),)


@op("Abs")
def abs(x: Array) -> Value:
    """`|x|`; gradient 0 at 0."""
    return np.abs(x), (lambda g: g * np.sign(x),)


@op("Maximum")
def maximum(a: Array, b: Array) -> Value:
    """The larger of two; a tie gives each one half of the gradient."""
    return np.maximum(a, b), (lambda g: g * _wins(a, b), lambda g: g * _wins(b, a))


@op("Minimum")
def minimum(a: Array, b: Array) -> Value:
    """The smaller of two; a tie gives each one half of the gradient."""
    return np.minimum(a, b), (lambda g: g * _wins(b, a), lambda g: g * _wins(a, b))


def _wins(a: Array, b: Array) -> Array:
    halves: Array = np.greater(a, b).astype(np.int8) + np.greater_equal(a, b)
    return halves * np.float32(0.5)


@op("Clip")
def clip(x: Array, *, low: float | None = None, high: float | None = None) -> Value:
    """Limit to `[low, high]`; the gradient passes inside, the limits included."""
    value = np.clip(x, _as_number(low), _as_number(high))
    return value, (lambda g: g * (value == x),)


def _as_number(limit: float | None) -> float | None:
    """Make a NumPy number a Python one, which does not decide the kind of float."""
    return limit.item() if isinstance(limit, np.generic) else limit


@op("Where")
def where(a: Array, b: Array, *, condition: Any) -> Value:
    """Take `a` where `condition` is true and `b` elsewhere."""
    chosen = np.asarray(getattr(condition, "data", condition), dtype=bool)
    return np.where(chosen, a, b), (lambda g: g * chosen, lambda g: g * ~chosen)


@op("AsType")
def astype(x: Array, *, dtype: Any) -> Value:
    """Convert to another kind of number; the gradient is converted back."""
    return x.astype(dtype), (lambda g: g,)
