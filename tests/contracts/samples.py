"""One row per op and per case of it that could go wrong on its own: inputs, options, and what PyTorch calls it.

A new op needs a row here, or in a file of rows that is listed here; `test_ops.py` fails and names this file while it
has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from contracts import samples_attention, samples_spatial
from contracts.rows import SEED, Row, between, classes, exactly, nonzero, positive, real


def unary() -> Iterator[Row]:
    table = {
        "neg": (real, lambda torch, x: -x),
        "exp": (real, lambda torch, x: torch.exp(x)),
        "log": (positive, lambda torch, x: torch.log(x)),
        "sqrt": (positive, lambda torch, x: torch.sqrt(x)),
        "abs": (nonzero, lambda torch, x: torch.abs(x)),
        "relu": (nonzero, lambda torch, x: torch.relu(x)),
        "sigmoid": (real, lambda torch, x: torch.sigmoid(x)),
        "tanh": (real, lambda torch, x: torch.tanh(x)),
        "gelu": (real, lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh")),
    }
    for op, (make, torch) in table.items():
        for shape in [(2, 3), (), (0, 2), (2, 1, 2)]:
            yield Row(op, f"shape {shape}", (make(*shape),), torch)
    for op, values in {"abs": (-1, 0, 1), "relu": (-1, 0, 1), "sigmoid": (-1000, -30, 30, 1000)}.items():
        yield Row(op, f"at {values}", (exactly(*values),), table[op][1], smooth=False)
    for op in ("tanh", "gelu"):
        yield Row(op, "saturated", (exactly(-1000, -12, 12, 1000),), table[op][1], smooth=False)


def binary() -> Iterator[Row]:
    table = {
        "add": (real, real, lambda torch, a, b: a + b),
        "sub": (real, real, lambda torch, a, b: a - b),
        "mul": (real, real, lambda torch, a, b: a * b),
        "div": (real, nonzero, lambda torch, a, b: a / b),
        "pow": (positive, real, lambda torch, a, b: a**b),
        "maximum": (real, real, lambda torch, a, b: torch.maximum(a, b)),
        "minimum": (real, real, lambda torch, a, b: torch.minimum(a, b)),
    }
    shapes = [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 2)), ((2, 1, 3), (4, 1)), ((0, 3), (1, 3))]
    for op, (left, right, torch) in table.items():
        for a, b in shapes:
            yield Row(op, f"{a} and {b}", (left(*a), right(*b)), torch)
    for op in ("maximum", "minimum"):
        yield Row(op, "with a tie", (exactly(1, 2, 3), exactly(3, 2, 1)), table[op][2], smooth=False)
    yield Row("pow", "of 0", (exactly(0, 0, 0), exactly(2, 1, 3)), table["pow"][2], smooth=False)
    yield Row("pow", "to 0", (exactly(2, 0.5, 1), exactly(0, 0, 0)), table["pow"][2])


CONDITION = np.array([[True, False, True], [False, False, True]])


def selections() -> Iterator[Row]:
    for low, high in [(-0.5, 0.7), (None, 0.3), (-0.3, None)]:
        options = {"low": low, "high": high}
        yield Row("clip", f"[{low}, {high}]", (real(3, 2),), lambda torch, x, o=options: x.clip(*o.values()), options)
    edges = exactly(-2, -1, 0, 1, 2)
    yield Row("clip", "at the limits", (edges,), lambda torch, x: x.clip(-1, 1), {"low": -1, "high": 1}, smooth=False)
    for a, b in [((2, 3), (2, 3)), ((3,), (2, 1)), ((), (2, 3))]:
        condition = {"condition": CONDITION}
        rule = lambda torch, a, b: torch.where(torch.tensor(CONDITION), a, b)
        yield Row("where", f"{a} and {b}", (real(*a), real(*b)), rule, condition)
    yield Row("astype", "float64", (real(2, 3),), lambda torch, x: x.double(), {"dtype": "float64"}, keeps_dtype=False)
    narrow = {"dtype": "float32"}
    yield Row("astype", "float32", (real(2, 3),), lambda torch, x: x.float(), narrow, smooth=False, keeps_dtype=False)


AXES = [(None, False), (None, True), (0, False), (-1, True), (1, False), ((0, 2), False), ((-1, 0), True), ((), False)]


def reductions() -> Iterator[Row]:
    table = {"sum": "sum", "mean": "mean", "max": "amax", "min": "amin"}
    for op, twin in table.items():
        for axis, keepdims in AXES:
            options = {"axis": axis, "keepdims": keepdims}
            yield Row(
                op,
                f"axis {axis}, keepdims {keepdims}",
                (real(2, 3, 2),),
                reduction(twin, axis, keepdims=keepdims),
                options,
            )
        yield Row(op, "a scalar", (real(),), reduction(twin, None, keepdims=False))
        yield Row(op, "a square along 0", (real(2, 2),), reduction(twin, 0, keepdims=False), {"axis": 0})
        yield Row(op, "an empty batch", (real(0, 3),), reduction(twin, 1, keepdims=False), {"axis": 1})
    for op in ("max", "min"):
        ties = lambda _: np.array([[1.0, 3.0, 3.0], [1.0, 1.0, 1.0]])
        yield Row(op, "with ties", (ties,), reduction(table[op], 1, keepdims=False), {"axis": 1}, smooth=False)


def reduction(twin, axis, *, keepdims):
    """PyTorch reads `dim=()` as all axes where NumPy reads it as none."""

    def run(torch, x):
        if axis == ():
            return x * 1
        dims = tuple(range(x.ndim)) if axis is None else axis
        return getattr(torch, twin)(x, dim=dims, keepdim=keepdims)

    return run


def products() -> Iterator[Row]:
    pairs = [
        ((3,), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3,)),
        ((2, 3), (3, 2)),
        ((1, 3), (3, 1)),
        ((3,), (2, 3, 2)),
        ((2, 4, 3), (3,)),
        ((2, 2, 3), (3, 2)),
        ((2, 3), (2, 3, 2)),
        ((2, 2, 3), (2, 3, 2)),
        ((2, 1, 2, 3), (3, 3, 2)),
        ((2, 2, 2, 3), (3, 2)),
        ((2, 3), (2, 1, 3, 2)),
        ((3,), (2, 1, 3, 2)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
    ]
    for a, b in pairs:
        yield Row("matmul", f"{a} @ {b}", (real(*a), real(*b)), lambda torch, a, b: a @ b)
    for shape in [(3,), (1, 3), (2, 3), (2, 2, 3), (2, 1, 2, 3), (0, 3)]:
        inputs = (real(*shape), real(3, 2), real(2))
        yield Row("linear", f"input {shape}", inputs, lambda torch, x, w, b: x @ w + b)


def shapes() -> Iterator[Row]:
    for shape in [(6,), (3, 2), (1, -1, 2), -1]:
        rule = lambda torch, x, to=shape: x.reshape(to)
        yield Row("reshape", f"to {shape}", (real(2, 3),), rule, {"shape": shape})
    for dims in [{}, {"dim0": 0, "dim1": 2}, {"dim0": -1, "dim1": 0}, {"dim0": 1, "dim1": 1}]:
        pair = tuple(dims.values()) or (-2, -1)
        rule = lambda torch, x, d=pair: x.transpose(*d)
        yield Row("transpose", f"{pair}", (real(2, 3, 4),), rule, dims)
    for axes in [(0, 1, 2), (2, 0, 1), (-1, 0, -2)]:
        rule = lambda torch, x, a=axes: x.permute(a)
        yield Row("permute", f"{axes}", (real(2, 3, 4),), rule, {"axes": axes})
    for shape, to in [((3,), (2, 3)), ((2, 1), (2, 3)), ((), (2, 2)), ((1, 2, 1), (3, 1, 2, 2)), ((2,), (2,))]:
        rule = lambda torch, x, to=to: x.broadcast_to(to)
        yield Row("broadcast_to", f"{shape} to {to}", (real(*shape),), rule, {"shape": to})


def joins() -> Iterator[Row]:
    for axis in (0, 1, -1):
        rule = lambda torch, *xs, axis=axis: torch.stack(xs, axis)
        yield Row("stack", f"axis {axis}", (real(2, 3),) * 3, rule, {"axis": axis})
        sizes = [tuple(n if at == axis % 2 else 2 for at in range(2)) for n in (1, 3, 2)]
        rule = lambda torch, *xs, axis=axis: torch.cat(xs, axis)
        yield Row("concatenate", f"axis {axis}", tuple(real(*size) for size in sizes), rule, {"axis": axis})
    yield Row("stack", "one scalar", (real(),), lambda torch, x: torch.stack([x]))
    yield Row("concatenate", "one array", (real(2, 3),), lambda torch, x: x * 1)


ROWS_AND_COLUMNS = (np.array([[0], [2]]), np.array([1, 1]))
KEYS = {
    "an int": 1,
    "a negative int": -1,
    "a slice": slice(1, None),
    "a step": slice(None, None, 2),
    "None": None,
    "...": Ellipsis,
    "ints": (2, 1),
    "mixed": (Ellipsis, None, 1, slice(0, 2)),
    "an empty slice": slice(3, 3),
    "repeats": np.array([0, 0, 2]),
    "a list": [2, 0, 2, 2],
    "2-D repeats": np.array([[0, 1], [1, 1]]),
    "pairs": (np.array([0, 0, 2]), np.array([1, 1, 3])),
    "broadcast": ROWS_AND_COLUMNS,
    "fancy and slice": (slice(None), np.array([3, 3, 0])),
    "fancy apart": (np.array([0, 0]), None, np.array([1, 1])),
    "a mask": np.arange(12).reshape(3, 4) % 3 == 0,
    "a mask of rows": np.array([True, False, True]),
}


def slices() -> Iterator[Row]:
    for case, key in KEYS.items():
        yield Row("slice", case, (real(3, 4),), lambda torch, x, key=key: x[key], {"key": key})
    backwards = lambda torch, x: x.flip(0)
    yield Row("slice", "a negative step", (real(3, 4),), backwards, {"key": slice(None, None, -1)})


def normalized() -> Iterator[Row]:
    for op in ("softmax", "log_softmax"):
        for dim in (-1, 0, 1):
            rule = lambda torch, x, op=op, dim=dim: getattr(torch, op)(x, dim)
            yield Row(op, f"dim {dim}", (real(2, 3, 2),), rule, {"dim": dim})
        rule = lambda torch, x, op=op: getattr(torch, op)(x, -1)
        yield Row(op, "large", (exactly(1000, 1001, 1002),), rule, smooth=False)
        yield Row(op, "one dimension", (real(4),), rule)
    for p in (0.0, 0.3, 1.0):
        yield Row("dropout", f"p {p}", (real(4, 5),), partial(masked, p=p), {"p": p})


def masked(torch, x, p):
    np.random.seed(SEED)  # noqa: NPY002
    kept = torch.tensor(np.random.random_sample(tuple(x.shape)) >= p)  # noqa: NPY002
    return torch.where(kept, x / (1 - p), x * 0) if p < 1 else x * 0


def losses() -> Iterator[Row]:
    for shape in [(4,), (2, 3), (), (2, 2, 2)]:
        mse = lambda torch, p, t: ((p - t) ** 2).mean()
        yield Row("mse", f"shape {shape}", (real(*shape), real(*shape)), mse)
        bce = lambda torch, p, t: -(t * p.log() + (1 - t) * (1 - p).log()).mean()
        probabilities = (between(0.05, 0.95, *shape), between(0.05, 0.95, *shape))
        yield Row("bce", f"shape {shape}", probabilities, bce)
    for shape in [(4, 3), (2, 3, 5), (3,), (1, 2)]:
        inputs = (real(*shape), classes(shape[-1], *shape[:-1]))
        yield Row("cross_entropy", f"logits {shape}", inputs, cross_entropy)
    large = lambda _: np.array([[1000.0, 0.0], [-1000.0, 1000.0]])
    yield Row("cross_entropy", "large", (large, classes(2, 2)), cross_entropy, smooth=False)


def cross_entropy(torch, logits, targets):
    return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


FAMILIES = (unary, binary, selections, reductions, products, shapes, joins, slices, normalized, losses)
FAMILIES += (*samples_attention.FAMILIES, *samples_spatial.FAMILIES)
ROWS = tuple(row for family in FAMILIES for row in family())
