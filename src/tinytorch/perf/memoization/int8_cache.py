"""A cache of bytes: keys and values as int8, with a scale for each token of each head."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.kv_cache import KVCache
from tinytorch.core.tensor import Tensor

__all__ = ["Int8KVCache"]

Array = NDArray[Any]

LARGEST = np.float32(127)
SMALLEST_SCALE = np.float32(1e-37)  # below it, the inverse overflows; such a vector counts as zeros


class Int8KVCache(KVCache):
    """A `KVCache` in about a quarter of the bytes: D + 4 a vector of D numbers, where float32 takes 4 D.

    Each vector, of one token in one head, is kept as `q · scale`, q in [-127, 127], scale a 127th of its largest
    magnitude. So no number is off by more than a 254th of the largest in its vector, and no score `q · k / sqrt(D)` by
    more than the sum of the magnitudes in q times the largest of k, by 254 sqrt(D).

    Attributes:
        key_scales: (N, B, H, L), and so `value_scales`: what one step stands for.

    Example:
        >>> Int8KVCache(1, 128, 4, 8, 64).get_memory_usage()["total_bytes"], KVCache(1, 128, 4, 8, 64).keys.nbytes * 2
        (557056, 2097152)

    Source:
        C. Hooper et al. (2024), KVQuant: Towards 10 Million Context Length LLM Inference with KV Cache Quantization,
        for per-token scales of what is cached.
    """

    def __init__(self, batch_size: int, max_seq_len: int, num_layers: int, num_heads: int, head_dim: int) -> None:
        super().__init__(batch_size, max_seq_len, num_layers, num_heads, head_dim, dtype=np.int8)

    def _allocate(self) -> None:
        super()._allocate()
        self.key_scales = np.zeros(self.keys.shape[:-1], np.float32)
        self.value_scales = np.zeros(self.keys.shape[:-1], np.float32)

    def arrays(self) -> tuple[Array, ...]:
        return self.keys, self.values, self.key_scales, self.value_scales

    def _write(self, layer: int, part: slice, key: Array, value: Array) -> None:
        self.keys[layer, :, :, part], self.key_scales[layer, :, :, part] = quantize_vectors(key)
        self.values[layer, :, :, part], self.value_scales[layer, :, :, part] = quantize_vectors(value)

    def _read(self, layer: int, count: int) -> tuple[Tensor, Tensor]:
        pairs = ((self.keys, self.key_scales), (self.values, self.value_scales))
        keys, values = (_restored(q[layer, :, :, :count], scales[layer, :, :, :count]) for q, scales in pairs)
        return keys, values


def quantize_vectors(x: Array) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Make vectors (..., D) whole numbers of at most 127, each with a scale of its own, (...).

    A vector with a number that is not finite has the scale NaN.

    Example:
        >>> q, scales = quantize_vectors(np.float32([[127, -254], [63, 20]]))
        >>> q.tolist(), scales.tolist()
        ([[64, -127], [127, 40]], [2.0, 0.4960629940032959])
    """
    top = np.abs(x).max(axis=-1).astype(np.float32)
    scales = np.where(np.isfinite(top), top / LARGEST, np.float32(np.nan))
    inverse = np.divide(np.float32(1), scales, out=np.zeros_like(scales), where=scales >= SMALLEST_SCALE)
    finite = np.where(inverse[..., None] > 0, x, np.float32(0))
    q = np.clip(np.rint(finite * inverse[..., None]), -LARGEST, LARGEST)
    return q.astype(np.int8), scales


def _restored(q: NDArray[np.int8], scales: NDArray[np.float32]) -> Tensor:
    out = object.__new__(Tensor)
    out.data = q * scales[..., None]
    return out
