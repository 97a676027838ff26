"""One step of a language model: from the last token of each sequence to the logits of the next, beside a cache.

The twin `step_by_numpy` says what is computed. `CompiledStep` is the whole step as one call of compiled code, in which
nothing is allocated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.kv_cache import KVCache
from tinytorch.core.ops import OPS
from tinytorch.core.tensor import Tensor
from tinytorch.perf.kernels.dense import Dense, aligned, chain_by_numpy, pack_chain

__all__ = ["PER_BLOCK", "CompiledStep", "Decoder", "step_by_numpy"]

Floats = NDArray[np.float32]
Tokens = NDArray[np.int64]

PER_BLOCK = 4  # linear layers: queries with keys and values, output, up, down


@dataclass(frozen=True, eq=False)
class Decoder:
    """The weights of a language model, in the order in which a step needs them.

    Attributes:
        tokens: (V, E), a row a token.
        places: (L, E), a row a position.
        norms: (2 N + 1, 2, E): gamma and beta of two layer norms a block, and of the last.
        eps: (2 N + 1,).
        heads: In a block.
        layers: 4 N + 1: of each block the queries with keys and values (E, 3 E), the output, up, down; the head.
    """

    tokens: Floats
    places: Floats
    norms: Floats
    eps: Floats
    heads: int
    layers: tuple[Dense, ...]

    @property
    def blocks(self) -> int:
        """How many blocks there are, N."""
        return len(self.layers) // PER_BLOCK


def step_by_numpy(decoder: Decoder, tokens: Tokens, memory: KVCache) -> Floats:
    """Compute what a step computes: the logits (B, V) of the token after `tokens`, (B,), at `memory.seq_pos`.

    Their keys and values are written into the cache, which does not advance.
    """
    x = decoder.tokens[tokens] + decoder.places[memory.seq_pos]  # (B, E)
    for block in range(decoder.blocks):
        attend, output, up, down = decoder.layers[PER_BLOCK * block : PER_BLOCK * (block + 1)]
        projected = chain_by_numpy(_normalized(x, decoder, 2 * block), [attend])
        x = x + chain_by_numpy(_gathered(projected, decoder.heads, memory, block), [output])
        x = x + chain_by_numpy(_normalized(x, decoder, 2 * block + 1), [up, down])
    return chain_by_numpy(_normalized(x, decoder, 2 * decoder.blocks), decoder.layers[-1:])


def _normalized(x: Floats, decoder: Decoder, index: int) -> Floats:
    found: Floats = OPS["layer_norm"].run(x, *decoder.norms[index], eps=decoder.eps[index])[0]
    return found


def _gathered(projected: Floats, heads: int, memory: KVCache, block: int) -> Floats:
    """Let the newest token look at all: (B, 3 E) to (B, E)."""
    q, k, v = projected.reshape(len(projected), 3, heads, 1, -1).swapaxes(0, 1)  # (B, H, 1, D) each
    keys, values = memory.extend(block, _tensor(k), _tensor(v))
    gathered: Floats = OPS["attention"].run(q, keys.data, values.data)[0]
    return gathered.reshape(len(projected), -1)


def _tensor(array: Floats) -> Tensor:
    out = object.__new__(Tensor)
    out.data = array
    return out


class CompiledStep:
    """A step as one call of compiled code, which may be called by several threads at once.

    Args:
        decoder: The weights; they are packed into memory of its own.
    """

    def __init__(self, decoder: Decoder) -> None:
        self.chain = pack_chain(decoder.layers)
        self.weights = (
            decoder.tokens,
            decoder.places,
            decoder.norms,
            decoder.eps,
            self.chain.weights,
            self.chain.layout,
        )
        self.kernel = _compiled(self.chain.layout.dtype.itemsize)
        self._free: list[Floats] = []  # pop and append are atomic

    def run(self, tokens: Tokens, memory: KVCache) -> Floats:
        """Give what `step_by_numpy` gives."""
        out = np.empty((len(tokens), len(self.weights[0])), np.float32)
        scratch = self._take(len(tokens))
        self.kernel(tokens, memory.seq_pos, self.weights, (memory.keys, memory.values), scratch, out)
        self._free.append(scratch)
        return out

    def _take(self, rows: int) -> Floats:
        """Take room for vectors, for what they are normalized to, for two widest results, and for scores."""
        places, width = self.weights[1].shape
        size = rows * (2 * width + 2 * self.chain.width) + places
        found = self._free.pop() if self._free else np.empty(0, np.float32)
        return found if found.size == size else aligned((size,), np.float32)


@cache
def _compiled(index_bytes: int) -> Callable[..., None]:
    """Compile the kernel for one width of vectors, or load it from disk."""
    from tinytorch.perf.kernels import compiled_decoding

    step: Callable[..., None] = compiled_decoding.step(index_bytes)
    return step
