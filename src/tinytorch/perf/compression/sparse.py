"""Sparse storage: a pruned layer that holds no zeros, and really is smaller for it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.layers import Layer, Linear, require_count
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DTypeError, RangeError, ShapeError, explain
from tinytorch.perf.kernels.int8 import quantize_columns
from tinytorch.perf.kernels.sparse import FARTHEST, Entries, compress, expand, multiply, require_lawful
from tinytorch.perf.replacement import arrays_of, layers_by_path, replace_layers
from tinytorch.perf.techniques import Technique
from tinytorch.perf.tracing import inference_op

__all__ = ["STORE_SPARSE", "SparseLinear", "sparse_linear", "sparsify"]

Array = NDArray[Any]
Model = TypeVar("Model")

KINDS = ("float32", "int8")


@inference_op
def sparse_linear(x: Array, *, layer: Any) -> Array:
    """Compute a sparse layer on (..., in) floats."""
    rows = np.ascontiguousarray(x, np.float32).reshape(math.prod(x.shape[:-1]), x.shape[-1])
    out = np.empty((len(rows), layer.out_features), np.float32)
    multiply(rows, layer.matrix, layer.biases(), out)
    return out.reshape(*x.shape[:-1], layer.out_features)


class SparseLinear(Layer):
    """A linear layer that holds only the weights that are not 0, and a byte for the place of each.

    Its weights are float32, or int8 with a scale for each output. Zeros are not multiplied, so an infinite input need
    not make every result NaN. Results carry no gradient: prune and train first.

    Args:
        in_features: Features of a row.
        out_features: Features of a result.
        entries: How many weights are held, with the zeros that stand between distant ones.
        bias: Whether there are biases.
        kind: `float32` or `int8`.

    Attributes:
        values: (entries,), of that kind.
        gaps: (entries,), uint8: how far each is from the one before it in its column.
        starts: (out_features + 1,), int32: where the column of each output begins.
        scales: (out_features,) beside int8, else (0,).
        bias: (out_features,), or None.

    Raises:
        RangeError: If a count is out of range, or the kind unknown.

    Example:
        >>> linear = Linear(100, 10)
        >>> linear.weight.data[np.arange(100) % 10 != 0] = 0
        >>> SparseLinear.of(linear)
        SparseLinear(100, 10, entries=100, kind='float32')
        >>> SparseLinear.of(linear).stored_bytes(), linear.weight.data.nbytes + linear.bias.data.nbytes
        (584, 4040)

    Source:
        S. Han, H. Mao, W. Dally (2016), Deep Compression.
    """

    def __init__(
        self, in_features: int, out_features: int, entries: int, bias: bool = True, kind: str = "float32"
    ) -> None:
        for name, size in (("in_features", in_features), ("out_features", out_features), ("entries + 1", entries + 1)):
            require_count(name, size)
        if kind not in KINDS:
            raise RangeError(explain("kind", f"one of {', '.join(KINDS)}", kind))
        self.in_features = in_features
        self.out_features = out_features
        self.values: Array = np.zeros(entries, kind)
        self.gaps: NDArray[np.uint8] = np.zeros(entries, np.uint8)
        self.starts: NDArray[np.int32] = np.full(out_features + 1, entries, np.int32)
        self.starts[0] = 0
        self.scales: NDArray[np.float32] = np.ones(out_features if kind == "int8" else 0, np.float32)
        self.bias: Tensor | None = Tensor(np.zeros(out_features, np.float32)) if bias else None

    @classmethod
    def of(cls, linear: Linear, kind: str = "float32") -> SparseLinear:
        """Hold what of a layer is not 0; as int8, what is not 0 after rounding.

        Raises:
            DTypeError: If what is given is no linear layer of float32.
            RangeError: If a weight or bias is not finite, or the kind unknown.
        """
        if not isinstance(linear, Linear):
            raise DTypeError(explain("what is made sparse", "a Linear layer", type(linear).__name__))
        if linear.weight.dtype != np.float32:
            got, remedy = str(linear.weight.dtype), "Convert it with astype."
            raise DTypeError(explain("the weights of what is made sparse", "float32", got, remedy=remedy))
        weight = linear.weight.data
        bias = None if linear.bias is None else linear.bias.data.astype(np.float32)
        for name, values in (("weights", weight), ("biases", 0 if bias is None else bias)):
            if not np.isfinite(values).all():
                raise RangeError(explain(f"the {name} of {linear!r}", "finite to be stored", "NaN or infinity"))
        found = compress(*quantize_columns(weight)) if kind == "int8" else compress(weight)
        inputs, outputs = weight.shape
        layer = cls(inputs, outputs, len(found.values), bias is not None, kind)
        layer.values, layer.gaps, layer.starts, layer.scales = found.values, found.gaps, found.starts, found.scales
        layer.bias = None if bias is None else Tensor(bias)
        layer.training = linear.training
        return layer

    @property
    def matrix(self) -> Entries:
        """The arrays, as kernels take them."""
        return Entries(self.values, self.gaps, self.starts, self.scales)

    @property
    def kind(self) -> str:
        """Of the values: `float32` or `int8`."""
        return str(self.values.dtype)

    @property
    def count(self) -> int:
        """How many weights are held, with the zeros that stand between distant ones."""
        return len(self.values)

    def forward(self, x: Tensor) -> Tensor:
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(explain(f"the input of {self!r}", f"of shape (..., {self.in_features})", x.shape))
        found: Tensor = sparse_linear(x, layer=self)
        return found

    def biases(self) -> NDArray[np.float32]:
        """Give the biases, zeros if there are none, (out,)."""
        return np.zeros(self.out_features, np.float32) if self.bias is None else self.bias.data

    def dense(self) -> NDArray[np.float32]:
        """Give the weights with their zeros, (in, out)."""
        return expand(self.matrix, self.in_features)

    def count_zeros(self) -> tuple[int, int]:
        """Say how many weights are 0, and how many there are."""
        total = self.in_features * self.out_features
        return total - int(np.count_nonzero(self.values)), total

    def stored_bytes(self) -> int:
        """Count the bytes of the arrays, in memory and in a file."""
        return self.matrix.nbytes + (0 if self.bias is None else self.bias.data.nbytes)

    def after_load(self) -> None:
        """Refuse entries outside the matrix.

        Raises:
            RangeError: If there is one.
        """
        require_lawful(self.matrix, self.in_features)

    def __repr__(self) -> str:
        ending = "" if self.bias is not None else ", bias=False"
        sizes = f"{self.in_features}, {self.out_features}, entries={self.count}"
        return f"SparseLinear({sizes}{ending}, kind={self.kind!r})"


def sparsify(model: Model, kind: str = "float32") -> Model:
    """Build a copy of a model in which sparse layers stand for linear ones, where that takes fewer bytes.

    An entry takes five bytes as float32 and two as int8, where a dense weight takes four and one: it pays from about a
    fifth of zeros on beside float32, and from half of zeros on for int8 beside a dense layer of int8.

    Args:
        model: A pruned model, wherever its linear layers stand in it. It is left alone.
        kind: `float32` keeps the weights as they are; `int8` rounds them to 127ths of the largest of each output.

    Raises:
        DTypeError: If no layer would become smaller.
        RangeError: If the kind is unknown, or a weight not finite.

    Example:
        >>> from tinytorch.perf import prune
        >>> sparsify(prune(Linear(32, 32), 0.875))
        SparseLinear(32, 32, entries=128, kind='float32')
    """
    smaller, made = replace_layers(deepcopy(model), lambda layer: _smaller(layer, kind))
    if not made:
        rule = "one that holds a Linear layer which takes fewer bytes without its zeros"
        raise DTypeError(explain("the model", rule, type(model).__name__, remedy="Prune it first."))
    return smaller


def _smaller(layer: Any, kind: str) -> SparseLinear | None:
    if not isinstance(layer, Linear) or layer.weight.dtype != np.float32:
        return None
    sparse = SparseLinear.of(layer, kind)
    return sparse if sparse.stored_bytes() < _dense_bytes(sparse) else None


def _dense_bytes(layer: SparseLinear) -> int:
    """Count the bytes of a dense layer of the same kind of number."""
    weights = layer.in_features * layer.out_features * layer.values.itemsize
    return weights + layer.scales.nbytes + (0 if layer.bias is None else layer.bias.data.nbytes)


def _check(model: Any, original: Any = None, *, kind: str | None = None) -> list[str]:
    layers = layers_by_path(model)
    sparse = {path: layer for path, layer in layers.items() if isinstance(layer, SparseLinear)}
    problems = [f"{problem} — at {path}" for path, layer in sparse.items() for problem in _problems(layer, kind)]
    if not sparse:
        problems.append(explain("the model", "one that holds a SparseLinear", type(model).__name__))
    problems += _left_over(layers, {kind} if kind else {layer.kind for layer in sparse.values()})
    if original is not None:
        before, after = (sum(array.nbytes for array in each.state_dict().values()) for each in (original, model))
        if after >= before:
            problems.append(explain("the bytes as stored", f"fewer than {before}, those of the original", after))
    return problems


def _left_over(layers: dict[str, Any], kinds: set[str]) -> Iterator[str]:
    """Find linear layers that would be smaller without their zeros, whichever of the kinds their numbers were."""
    for path, layer in layers.items():
        try:
            left = bool(kinds) and all(_smaller(layer, kind) is not None for kind in kinds)
        except RangeError as error:
            yield f"{error} — at {path}"
            continue
        if left:
            yield explain("a linear layer that is smaller without its zeros", "sparse", repr(layer), at=path)


def _problems(layer: SparseLinear, kind: str | None) -> Iterator[str]:
    """Find zeros that are held, arrays that are none of a sparse layer's, and sizes that save nothing."""
    if kind is not None and layer.kind != kind:
        yield explain("the weights", f"of {kind}", layer.kind)
    try:
        layer.after_load()
    except RangeError as error:
        yield str(error)
        return
    needless = np.count_nonzero((layer.values == 0) & (layer.gaps != FARTHEST))
    if needless:
        yield explain("a weight that is held", "another number than 0", f"{needless} zeros")
    for where, arrays in (("in memory", arrays_of(layer)), ("as stored", layer.state_dict().values())):
        held = sum(array.nbytes for array in arrays)
        if held >= _dense_bytes(layer):
            yield explain(f"the bytes {where}", f"fewer than a dense layer's {_dense_bytes(layer)}", held)


STORE_SPARSE = Technique(
    "store.sparse.v1",
    sparsify,
    "Linear layers that are smaller without their zeros hold none, and take fewer bytes as stored than dense ones of "
    "the same kind of number.",
    _check,
)
