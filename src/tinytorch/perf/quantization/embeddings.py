"""Embeddings whose rows are bytes, each with a scale of its own, and the head that scores with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.embeddings import Embedding, as_tokens
from tinytorch.core.ops.indices import as_indices
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DTypeError, ShapeError, explain
from tinytorch.perf.kernels.int8 import PackedLinear, Scratch, pack_linear, quantize_columns
from tinytorch.perf.quantization.layers import BytesLayer, CalibratedLayer, Parts, int8_linear, require_finite
from tinytorch.perf.tracing import inference_op

__all__ = ["QuantizedEmbedding", "QuantizedHead", "RowsOfBytes", "Table", "look_up"]

Array = NDArray[Any]


class Table(BytesLayer):
    """What tables of small numbers share: a look-up that makes floats of the rows taken, and of no others.

    Attributes:
        vocab_size: Rows.
        embed_dim: The width of a row.
    """

    vocab_size: int
    embed_dim: int

    def rows(self, places: Array) -> Array:
        """Give rows as float32, (..., embed_dim)."""
        raise NotImplementedError(f"{type(self).__name__} must define rows")

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.vocab_size, self.embed_dim

    @property
    def weight(self) -> RowsOfBytes:
        """The table as it is seen from outside: floats, made where they are looked at."""
        return RowsOfBytes(self)

    def forward(self, indices: Any) -> Tensor:
        found: Tensor = look_up(as_tokens(indices), layer=self)
        return found


class RowsOfBytes:
    """A table that makes floats of those rows that are asked for.

    Attributes:
        shape: (vocab_size, embed_dim).
        dtype: float32, of what it gives.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, table: Table) -> None:
        self.table = table
        self.shape = (table.vocab_size, table.embed_dim)

    def __getitem__(self, key: Any) -> Tensor:
        return Tensor(self.table.rows(np.arange(self.shape[0])[key]))

    @property
    def data(self) -> Array:
        """All of it, made anew."""
        return self.table.rows(np.arange(self.shape[0]))

    def __repr__(self) -> str:
        return f"RowsOfBytes({self.table!r})"


@inference_op
def look_up(indices: Array, *, layer: Table) -> Array:
    """Take rows of a table of small numbers at (...) indices, as floats."""
    remedy = f"The table has {layer.vocab_size} rows."
    places = as_indices("indices", np.asarray(indices), layer.vocab_size, each="one a row", remedy=remedy)
    return layer.rows(places)


class QuantizedEmbedding(Table):
    """A table of int8 with a scale for each row. Results are float32 and carry no gradient.

    A head may score with the same table: it then lies in memory as the head's kernel reads it, and only so.

    Attributes:
        q_rows: (V, D) int8, unless a head shares it.
        row_scales: (V,): what one step of each row stands for.
        packed: The table as a linear layer (D, V), if a head shares it.

    Raises:
        DTypeError: If what is given is no `Embedding`.
        RangeError: If a weight is NaN or infinite, or an id names no row.

    Example:
        >>> layer = Embedding(100, 64)
        >>> QuantizedEmbedding(layer).stored_bytes(), layer.weight.data.nbytes
        (6800, 25600)
    """

    def __init__(self, embedding: Embedding) -> None:
        if not isinstance(embedding, Embedding):
            raise DTypeError(explain("what is quantized", "an Embedding", type(embedding).__name__))
        weight = embedding.weight.data.astype(np.float32)
        require_finite(embedding, weight)
        self.vocab_size, self.embed_dim = weight.shape
        q, self.row_scales = quantize_columns(weight.T)
        self.q_rows: Array | None = np.ascontiguousarray(q.T)
        self.packed: PackedLinear | None = None

    def share(self) -> PackedLinear:
        """Put the table into the order in which a head's kernel reads it, and give that."""
        if self.packed is None or self.q_rows is not None:
            self.packed = pack_linear(np.asarray(self.q_rows).T, self.row_scales)
            self.q_rows = None
        return self.packed

    def rows(self, places: Array) -> Array:
        flat = places.ravel()
        q = self.packed.weights_of(flat) if self.q_rows is None and self.packed else self.q_rows[flat]  # type: ignore[index]
        found = q.astype(np.float32) * self.row_scales[flat][:, None]
        return found.reshape(*places.shape, self.embed_dim)

    def _parts(self) -> Parts:
        q = self.packed.matrix().T.copy() if self.q_rows is None and self.packed else self.q_rows
        return {"q_weight": q, "weight_scale": self.row_scales}  # type: ignore[dict-item]

    def _restore(self, parts: Parts) -> None:
        shared = vars(self).get("packed", self) is not None and self.q_rows is None
        self.q_rows, self.row_scales, self.packed = parts["q_weight"], parts["weight_scale"], None
        if shared:
            self.share()

    def __repr__(self) -> str:
        return f"QuantizedEmbedding({self.vocab_size}, {self.embed_dim})"


class QuantizedHead(CalibratedLayer):
    """Scores each token by the product with its own row of a table of bytes; the table is all that it has.

    Attributes:
        embedding: The table, which a file holds once.

    Raises:
        ShapeError: If the input is not as wide as the table.
    """

    def __init__(self, embedding: QuantizedEmbedding) -> None:
        self.embedding = embedding
        self.scratches: list[Scratch] = []
        embedding.share()

    @property
    def packed(self) -> PackedLinear:
        """The table as a linear layer."""
        return self.embedding.share()

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.embedding.weight_shape[::-1]

    def forward(self, x: Tensor) -> Tensor:
        if not x.shape or x.shape[-1] != self.embedding.embed_dim:
            raise ShapeError(explain(f"the input of {self!r}", f"of shape (..., {self.embedding.embed_dim})", x.shape))
        self._observe(x)
        found: Tensor = int8_linear(x, layer=self)
        return found

    def _parts(self) -> Parts:
        return {"activation_scale": np.array([self.input_scale or 0], np.float64)}

    def _restore(self, parts: Parts) -> None:
        self.input_scale, self.scratches = float(parts["activation_scale"][0]) or None, []

    def __repr__(self) -> str:
        return f"QuantizedHead({self.embedding!r})"
