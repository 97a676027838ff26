"""Layers of nibbles: weights of four bits in groups, for models whose speed is that of memory, and for small files.

Source:
    E. Frantar et al. (2022), GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers.
"""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.embeddings import Embedding
from tinytorch.core.layers import Linear
from tinytorch.core.spatial import Conv2d
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import TiedHead
from tinytorch.errors import DTypeError, RangeError, ShapeError, explain
from tinytorch.perf.kernels.int4 import (
    ROWS_AT_ONCE,
    NibbleScratch,
    PackedNibbles,
    join_nibbles,
    pack_nibbles,
    quantize_groups,
    split_nibbles,
    unshortened,
)
from tinytorch.perf.quantization.convolution import QuantizedConv2d
from tinytorch.perf.quantization.embeddings import Table
from tinytorch.perf.quantization.layers import BytesLayer, Parts, require_finite
from tinytorch.perf.quantization.models import fold_normalization
from tinytorch.perf.replacement import replace_layers
from tinytorch.perf.tracing import inference_op

__all__ = ["GROUPS", "Int4Embedding", "Int4Head", "Int4Linear", "int4_linear", "quantize_int4"]

GROUPS = (32, 64, 128)

Array = NDArray[Any]
Model = TypeVar("Model")


@inference_op
def int4_linear(x: Array, *, layer: Int4Linear | Int4Head) -> Array:
    """Compute a layer of nibbles on (..., in) floats."""
    packed = layer.packed
    rows = np.ascontiguousarray(x, np.float32).reshape(math.prod(x.shape[:-1]), x.shape[-1])
    out = np.empty((len(rows), packed.outputs), np.float32)
    scratch = layer.scratches.pop() if layer.scratches else None  # threads may be here at once
    if scratch is None or len(scratch[0]) < min(len(rows), ROWS_AT_ONCE):
        scratch = packed.scratch(len(rows))
    packed.run(rows, out, scratch=scratch)
    layer.scratches.append(scratch)
    return out.reshape(*x.shape[:-1], packed.outputs)


class _Nibbles(BytesLayer):
    """What layers with a packed matrix of nibbles share: its state, two weights in a byte."""

    packed: PackedNibbles

    def _pack(self, weight: Array, bias: Array | None, group: int) -> None:
        q, scales = quantize_groups(weight, group)
        self.packed = pack_nibbles(q, scales, bias, group)

    def _parts(self) -> Parts:
        everything = np.arange(self.packed.outputs)
        scales = np.ascontiguousarray(self.packed.scales_of(everything).T)
        return {"q_weight": join_nibbles(self.packed.matrix()), "weight_scale": scales}

    def _restore(self, parts: Parts) -> None:
        rows, group = self._matrix_rows(), self._group()
        q = split_nibbles(parts["q_weight"], rows)
        self.packed = pack_nibbles(q, parts["weight_scale"], parts.get("bias_values"), group)

    @property
    def joined_shape(self) -> tuple[int, ...]:
        return -(-self._matrix_rows() // 2), self.packed.outputs

    def count_zeros(self) -> tuple[int, int]:
        q = self.packed.matrix()
        return q.size - int(np.count_nonzero(q)), q.size

    def _matrix_rows(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define _matrix_rows")

    def _group(self) -> int:
        group: int = vars(self)["group"]
        return group

    def weight_count(self) -> int:
        return math.prod(self.weight_shape) + self._parts().get("bias_values", np.empty(0)).size


class Int4Linear(_Nibbles):
    """A linear layer of nibbles: four bits a weight, a scale for each group of inputs and output.

    Activations become int8 in the call, group by group. Results carry no gradient.

    Args:
        linear: What it is made of; it is not kept.
        group: Inputs that share a scale: 32, 64 or 128.

    Attributes:
        in_features: Features of a row.
        out_features: Features of a result.
        group: Inputs that share a scale.
        packed: The weights, in the order in which the kernel reads them.

    Raises:
        DTypeError: If what is given is no linear layer.
        RangeError: If a weight is NaN or infinite, or the group is none of these.

    Example:
        >>> layer = Linear(256, 64, bias=False)
        >>> Int4Linear(layer).stored_bytes(), layer.weight.data.nbytes
        (9216, 65536)
    """

    def __init__(self, linear: Linear, group: int = 32) -> None:
        if not isinstance(linear, Linear):
            raise DTypeError(explain("what is quantized", "a Linear layer", type(linear).__name__))
        require_finite(linear, linear.weight.data, linear.bias)
        self.in_features, self.out_features = linear.weight.shape
        self.group, self.has_bias = _checked(group), linear.bias is not None
        self.scratches: list[NibbleScratch] = []
        self._pack(linear.weight.data.astype(np.float32), None if linear.bias is None else linear.bias.data, group)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.in_features, self.out_features

    @property
    def bias(self) -> Array | None:
        """(out,), or None."""
        return self.packed.bias[: self.out_features] if self.has_bias else None

    def forward(self, x: Tensor) -> Tensor:
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(explain(f"the input of {self!r}", f"of shape (..., {self.in_features})", x.shape))
        found: Tensor = int4_linear(x, layer=self)
        return found

    def _parts(self) -> Parts:
        parts = super()._parts()
        return parts | ({"bias_values": np.array(self.bias)} if self.has_bias else {})

    def _restore(self, parts: Parts) -> None:
        super()._restore(parts)
        self.scratches = []

    def _matrix_rows(self) -> int:
        return self.in_features

    def __repr__(self) -> str:
        ending = "" if self.has_bias else ", bias=False"
        return f"Int4Linear({self.in_features}, {self.out_features}, group={self.group}{ending})"


class Int4Embedding(_Nibbles, Table):
    """A table of nibbles, each row in groups with a scale each, in the order in which a head that shares it reads it.

    Raises:
        DTypeError: If what is given is no `Embedding`.
        RangeError: If a weight is NaN or infinite, an id names no row, or the group is not 32, 64 or 128.

    Example:
        >>> layer = Embedding(100, 64)
        >>> Int4Embedding(layer).stored_bytes(), layer.weight.data.nbytes
        (3600, 25600)
    """

    def __init__(self, embedding: Embedding, group: int = 32) -> None:
        if not isinstance(embedding, Embedding):
            raise DTypeError(explain("what is quantized", "an Embedding", type(embedding).__name__))
        require_finite(embedding, embedding.weight.data)
        self.vocab_size, self.embed_dim = embedding.weight.shape
        self.group = _checked(group)
        self._pack(embedding.weight.data.astype(np.float32).T, None, group)

    def rows(self, places: Array) -> Array:
        flat = places.ravel()
        scales = np.repeat(unshortened(self.packed.scales_of(flat)), self.group, axis=1)[:, : self.embed_dim]
        return (self.packed.weights_of(flat) * scales).reshape(*places.shape, self.embed_dim)

    def _matrix_rows(self) -> int:
        return self.embed_dim

    def __repr__(self) -> str:
        return f"Int4Embedding({self.vocab_size}, {self.embed_dim}, group={self.group})"


class Int4Head(BytesLayer):
    """Scores each token by the product with its own row of a table of nibbles; it has nothing of its own.

    Attributes:
        embedding: The table, which a file holds once.

    Raises:
        ShapeError: If the input is not as wide as the table.
    """

    def __init__(self, embedding: Int4Embedding) -> None:
        self.embedding = embedding
        self.scratches: list[NibbleScratch] = []

    @property
    def packed(self) -> PackedNibbles:
        """The table as a linear layer."""
        return self.embedding.packed

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.embedding.weight_shape[::-1]

    def forward(self, x: Tensor) -> Tensor:
        width = self.embedding.embed_dim
        if not x.shape or x.shape[-1] != width:
            raise ShapeError(explain(f"the input of {self!r}", f"of shape (..., {width})", x.shape))
        found: Tensor = int4_linear(x, layer=self)
        return found

    def _parts(self) -> Parts:
        return {}

    def _restore(self, parts: Parts) -> None:
        del parts
        self.scratches = []

    def __repr__(self) -> str:
        return f"Int4Head({self.embedding!r})"


def quantize_int4(model: Model, group: int = 32) -> Model:
    """Build a copy of a model in which linear layers and embeddings have weights of four bits; convolutions get int8.

    Args:
        model: A layer, or an object that holds layers. It is left alone.
        group: Inputs that share a scale: 32, 64 or 128. Fewer are closer to the floats, more are smaller.

    Raises:
        DTypeError: If there is no linear layer and no embedding.
        RangeError: If a weight is not finite, or the group is none of these.

    Example:
        >>> from tinytorch.core.layers import Sequential
        >>> quantize_int4(Sequential(Linear(64, 8), Linear(8, 2)))
        Sequential(Int4Linear(64, 8, group=32), Int4Linear(8, 2, group=32))
    """
    copy, maker = deepcopy(model), _Maker(_checked(group))
    fold_normalization(copy)
    smaller, made = replace_layers(copy, maker)
    if all(isinstance(layer, QuantizedConv2d) for layer in made):
        rule = "one that holds a Linear layer or an Embedding"
        raise DTypeError(explain("the model", rule, type(model).__name__))
    return smaller


class _Maker:
    """Makes layers of nibbles. Embeddings that share a table become one, and a head that scores with it shares that."""

    def __init__(self, group: int) -> None:
        self.group = group
        self.embeddings: dict[int, Int4Embedding] = {}

    def __call__(self, layer: Any) -> BytesLayer | None:
        if isinstance(layer, Linear):
            return Int4Linear(layer, self.group)
        if isinstance(layer, Conv2d):
            return QuantizedConv2d(layer)
        if isinstance(layer, Embedding):
            return self._embedding(layer)
        return Int4Head(self._embedding(layer.embedding)) if isinstance(layer, TiedHead) else None

    def _embedding(self, layer: Embedding) -> Int4Embedding:
        key = id(layer.weight)
        if key not in self.embeddings:
            self.embeddings[key] = Int4Embedding(layer, self.group)
        return self.embeddings[key]


def _checked(group: int) -> int:
    if group not in GROUPS:
        raise RangeError(explain("group", f"one of {', '.join(map(str, GROUPS))}", group))
    return group
