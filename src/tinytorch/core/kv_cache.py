"""The memory of a language model that writes: keys and values of the tokens it has read, so that each is read once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinytorch.core.layers import require_count
from tinytorch.core.tensor import MB_TO_BYTES, Tensor
from tinytorch.errors import RangeError, ShapeError, StateError, explain

__all__ = ["KVCache"]

Array = NDArray[Any]
Pair = tuple[Tensor, Tensor]


class KVCache:
    """Keys and values of every layer, for up to `max_seq_len` tokens of each sequence.

    A step writes those of its tokens at `seq_pos` in every layer, and advances once all layers have.

    Args:
        batch_size: Sequences side by side, B.
        max_seq_len: Tokens a sequence, L.
        num_layers: Layers that attend.
        num_heads: Heads a layer, H.
        head_dim: The width of a head, D.
        dtype: What keys and values are kept as.

    Attributes:
        seq_pos: How many tokens of each sequence are in it.

    Raises:
        RangeError: If a size is not a whole number above 0, there is no such layer, or too many tokens come.
        ShapeError: If keys or values are not (B, H, T, D).
        StateError: If they belong to a graph of gradients.

    Example:
        >>> cache = KVCache(batch_size=1, max_seq_len=8, num_layers=1, num_heads=1, head_dim=2)
        >>> keys = values = Tensor([[[[1.0, 2.0]]]])
        >>> cache.update(0, keys, values)
        >>> cache.advance()
        >>> cache.get(0)[0].tolist()
        [[[[1.0, 2.0]]]]
    """

    def __init__(
        self,
        batch_size: int,
        max_seq_len: int,
        num_layers: int,
        num_heads: int,
        head_dim: int,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.batch_size = batch_size
        self.max_seq_len = max_seq_len
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.head_dim = head_dim
        for name, size in vars(self).items():
            require_count(name, size)
        self.dtype = np.dtype(dtype)
        self.seq_pos = 0
        self._allocate()

    def _allocate(self) -> None:
        shape = (self.num_layers, self.batch_size, self.num_heads, self.max_seq_len, self.head_dim)
        self.keys, self.values = np.zeros(shape, self.dtype), np.zeros(shape, self.dtype)

    @property
    def caches(self) -> list[Pair]:
        """The keys and the values of each layer, (B, H, L, D), as they are stored: views, not copies."""
        return [(_wrapped(k), _wrapped(v)) for k, v in zip(self.keys, self.values, strict=True)]

    def update(self, layer_idx: int, key: Tensor, value: Tensor) -> None:
        """Write the keys and values of the next tokens, (B, H, T, D), T most often 1; `advance` makes them visible."""
        self._require_layer(layer_idx)
        self._require_room(key, value)
        part = slice(self.seq_pos, self.seq_pos + key.shape[2])
        self._write(layer_idx, part, key.data, value.data)

    def get(self, layer_idx: int) -> Pair:
        """Give the keys and values of the first `seq_pos` tokens, (B, H, seq_pos, D)."""
        self._require_layer(layer_idx)
        return self._read(layer_idx, self.seq_pos)

    def extend(self, layer_idx: int, key: Tensor, value: Tensor) -> Pair:
        """Write those of the next tokens and give all, these included: what they may look at."""
        self.update(layer_idx, key, value)
        return self._read(layer_idx, self.seq_pos + key.shape[2])

    def advance(self, count: int = 1) -> None:
        """Count tokens that every layer has written.

        Raises:
            RangeError: If there is no room for so many.
        """
        if self.seq_pos + count > self.max_seq_len:
            raise RangeError(self._full(count))
        self.seq_pos += count

    def reset(self, batch_size: int | None = None) -> None:
        """Forget all tokens; with a number of sequences, make room for as many, unless that is what there is."""
        self.seq_pos = 0
        if batch_size is not None and batch_size != self.batch_size:
            require_count("batch_size", batch_size)
            self.batch_size = batch_size
            self._allocate()

    def get_memory_usage(self) -> dict[str, float]:
        """Count what is stored.

        Returns:
            `total_bytes`, `total_mb` and `per_layer_mb` of 2^20 bytes, `cache_tensors` (keys and values of each layer),
            and `total_elements` of keys and values.
        """
        stored = sum(array.nbytes for array in self.arrays())
        return {
            "total_bytes": stored,
            "total_mb": stored / MB_TO_BYTES,
            "per_layer_mb": stored / MB_TO_BYTES / self.num_layers,
            "cache_tensors": 2 * self.num_layers,
            "total_elements": self.keys.size + self.values.size,
        }

    def arrays(self) -> tuple[Array, ...]:
        """Give all that is stored: keys, values, and what else there is."""
        return self.keys, self.values

    def _write(self, layer: int, part: slice, key: Array, value: Array) -> None:
        self.keys[layer, :, :, part] = key
        self.values[layer, :, :, part] = value

    def _read(self, layer: int, count: int) -> Pair:
        return _wrapped(self.keys[layer, :, :, :count]), _wrapped(self.values[layer, :, :, :count])

    def _require_layer(self, index: int) -> None:
        if not 0 <= index < self.num_layers:
            raise RangeError(explain("layer_idx", f"in [0, {self.num_layers})", index))

    def _require_room(self, key: Tensor, value: Tensor) -> None:
        wanted = (self.batch_size, self.num_heads, self.head_dim)
        for name, x in (("the key", key), ("the value", value)):
            fits = x.ndim == 4 and (*x.shape[:2], x.shape[3]) == wanted
            if not fits or x.shape[2] != key.shape[2] or x.shape[2] == 0:
                rule = f"of shape ({wanted[0]}, {wanted[1]}, T, {wanted[2]}), T above 0, as the other"
                raise ShapeError(explain(name, rule, f"the shape {x.shape}"))
            if x.requires_grad:
                raise StateError(explain(name, "free of gradients", "one with", remedy="Decode within no_grad()."))
        if self.seq_pos + key.shape[2] > self.max_seq_len:
            raise RangeError(self._full(key.shape[2]))

    def _full(self, count: int) -> str:
        rule = f"at most {self.max_seq_len} in all"
        remedy = "Reset the cache, or make one with a larger max_seq_len."
        return explain("the tokens of a cache", rule, f"{self.seq_pos} + {count}", remedy=remedy)

    def __repr__(self) -> str:
        sizes = f"{self.batch_size}, {self.max_seq_len}, {self.num_layers}, {self.num_heads}, {self.head_dim}"
        return f"{type(self).__name__}({sizes}, seq_pos={self.seq_pos}, dtype={self.dtype.name!r})"


def _wrapped(array: Array) -> Tensor:
    out = object.__new__(Tensor)
    out.data = array
    return out
