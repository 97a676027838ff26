"""One step of a language model: from new tokens of each sequence to the logits of the next, beside a cache.

The twin `step_by_numpy` says what is computed. `CompiledStep` is the whole step as one call of compiled code, in which
nothing is allocated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.kv_cache import KVCache
from tinytorch.core.ops import OPS
from tinytorch.core.tensor import Tensor
from tinytorch.perf.kernels.dense import CURVES, Dense, aligned, chain_by_numpy, pack_chain
from tinytorch.perf.kernels.int8 import LAYOUTS, PackedLinear

__all__ = ["PER_BLOCK", "CompiledStep", "Decoder", "Int8", "step_by_numpy"]

Floats = NDArray[np.float32]
Tokens = NDArray[np.int64]
Scratch = tuple[Floats, NDArray[Any]]

NO_SCALES = (np.empty((0, 0, 0, 0), np.float32),) * 2  # of a cache of floats
PER_BLOCK = 4  # linear layers: queries with keys and values, output, up, down


@dataclass(frozen=True, eq=False)
class Int8:
    """One linear layer on bytes with what follows it.

    Attributes:
        packed: Its weights.
        fixed: The scale of its activations; 0 to find one for each row.
        curve: As for `Dense`.
    """

    packed: PackedLinear
    fixed: float = 0.0
    curve: str = "none"


Layer = Dense | Int8


@dataclass(frozen=True, eq=False)
class Decoder:
    """The weights of a language model, in the order in which a step needs them.

    Attributes:
        embed: Gives what stands for tokens (B, T) from a position on: (B T, E), an array of its own.
        norms: (2 N + 1, 2, E): gamma and beta of two layer norms a block, and of the last.
        eps: (2 N + 1,).
        heads: In a block.
        layers: 4 N, all of one kind: of each block the queries with keys and values (E, 3 E), the output, up, down.
        head: Makes logits, (E, V).
    """

    embed: Callable[[Tokens, int], Floats]
    norms: Floats
    eps: Floats
    heads: int
    layers: tuple[Layer, ...]
    head: Layer

    @property
    def vocabulary(self) -> int:
        """How many logits there are, V."""
        return self.head.weight.shape[1] if isinstance(self.head, Dense) else self.head.packed.outputs


def step_by_numpy(decoder: Decoder, tokens: Tokens, memory: KVCache) -> Floats:
    """Compute what a step computes: the logits (B, V) of the token after `tokens`, (B, T), from `memory.seq_pos` on.

    Their keys and values are written into the cache, which does not advance.
    """
    x = decoder.embed(tokens, memory.seq_pos)
    for block in range(len(decoder.layers) // PER_BLOCK):
        attend, output, up, down = decoder.layers[PER_BLOCK * block : PER_BLOCK * (block + 1)]
        projected = _linear(_normalized(x, decoder, 2 * block), attend)
        x = x + _linear(_gathered(projected, decoder.heads, memory, block), output)
        x = x + _linear(_linear(_normalized(x, decoder, 2 * block + 1), up), down)
    last = x.reshape(*tokens.shape, -1)[:, -1]
    return _linear(_normalized(last, decoder, -1), decoder.head)


def _linear(x: Floats, layer: Layer) -> Floats:
    if isinstance(layer, Dense):
        return chain_by_numpy(x, [layer])
    out = np.empty((len(x), layer.packed.outputs), np.float32)
    layer.packed.run(np.ascontiguousarray(x), out, layer.curve, layer.fixed)
    return out


def _normalized(x: Floats, decoder: Decoder, index: int) -> Floats:
    found: Floats = OPS["layer_norm"].run(x, *decoder.norms[index], eps=decoder.eps[index])[0]
    return found


def _gathered(projected: Floats, heads: int, memory: KVCache, block: int) -> Floats:
    """Let new tokens look at all that are not later: (B T, 3 E) to (B T, E)."""
    parts = projected.reshape(memory.batch_size, -1, 3, heads, projected.shape[1] // (3 * heads))
    q, k, v = parts.transpose(2, 0, 3, 1, 4)  # (B, H, T, D) each
    keys, values = memory.extend(block, _tensor(k), _tensor(v))
    gathered: Floats = OPS["attention"].run(q, keys.data, values.data, causal=True)[0]
    return gathered.swapaxes(1, 2).reshape(len(projected), -1)


def _tensor(array: Floats) -> Tensor:
    out = object.__new__(Tensor)
    out.data = array
    return out


@dataclass(frozen=True, eq=False)
class Packed:
    """Layers as the kernel takes them.

    Attributes:
        kind: What the compiled code is chosen by: `floats16` or `floats8` by the width of vectors, or a form for bytes.
        arrays: Weights and layout of floats; addresses and sizes of bytes, and the scales of activations.
        widest: Numbers in the widest result, padded.
        inputs: Numbers in the widest input, padded, that are made bytes.
    """

    kind: str
    arrays: tuple[NDArray[Any], NDArray[Any]]
    widest: int
    inputs: int = 0


def pack_layers(layers: Sequence[Layer], form: str) -> Packed:
    """Pack layers that are all of one kind; bytes for a form of the kernel.

    Bytes stay where they are: whoever keeps what this gives keeps the layers too.
    """
    if isinstance(layers[0], Dense):
        chain = pack_chain([layer for layer in layers if isinstance(layer, Dense)])
        return Packed(f"floats{2 * chain.layout.itemsize}", (chain.weights, chain.layout), chain.width)
    own = [layer for layer in layers if isinstance(layer, Int8)]
    table = np.array([_row(layer, np.dtype(LAYOUTS[form].kind).itemsize) for layer in own], np.int64)
    fixed = np.array([layer.fixed for layer in own], np.float32)
    return Packed(form, (table, fixed), int(table[:, 4].max()), int(table[:, 6].max()))


def _row(layer: Int8, itemsize: int) -> tuple[int, ...]:
    """Tell where bytes and columns are, the inputs, steps of four bytes, outputs, curve, and padded inputs."""
    packed = layer.packed
    multiple = LAYOUTS[packed.form].multiple
    padded, outputs = -(-packed.inputs // multiple) * multiple, packed.columns.shape[1]
    addresses = packed.values.ctypes.data, packed.columns.ctypes.data
    return (*addresses, packed.inputs, padded * itemsize // 4, outputs, CURVES[layer.curve], padded)


class CompiledStep:
    """A step as one call of compiled code, which may be called by several threads at once.

    Args:
        decoder: The weights; those of floats are packed into memory of its own.
    """

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        layers = (*decoder.layers, decoder.head)
        packed = {layer.packed.form for layer in layers if isinstance(layer, Int8)}
        form = packed.pop() if len(packed) == 1 else "vnni"  # which lays bytes out as amx does
        self.blocks, self.head = pack_layers(decoder.layers, form), pack_layers([decoder.head], form)
        self.weights = (decoder.norms, decoder.eps, self.blocks.arrays, self.head.arrays)
        parts = (self.blocks, self.head)
        self.widest, self.inputs = max(part.widest for part in parts), max(part.inputs for part in parts)
        self.kind = next((LAYOUTS[part.kind].kind for part in parts if part.kind in LAYOUTS), "uint8")
        self._free: list[Scratch] = []  # pop and append are atomic

    def run(self, tokens: Tokens, memory: KVCache) -> Floats:
        """Give what `step_by_numpy` gives."""
        x = self.decoder.embed(tokens, memory.seq_pos)
        out = np.empty((len(tokens), self.decoder.vocabulary), np.float32)
        scratch = self._take(len(x), memory.max_seq_len)
        kernel = _compiled(self.blocks.kind, self.head.kind, memory.keys.dtype.name)
        kernel(x, memory.seq_pos, self.weights, (*memory.arrays(), *NO_SCALES)[:4], scratch, out)
        self._free.append(scratch)
        return out

    def _take(self, rows: int, places: int) -> Scratch:
        """Take room: for a vector a row, two widest results and a scale, a score a position; and for bytes."""
        size = rows * (self.decoder.norms.shape[2] + 2 * self.widest + 1) + places
        scratch = self._free.pop() if self._free else None
        if scratch is not None and len(scratch[1]) == rows and scratch[0].size == size:
            return scratch
        return aligned((size,), np.float32), aligned((rows, self.inputs), self.kind)


@cache
def _compiled(blocks: str, head: str, memory: str) -> Callable[..., None]:
    """Compile the kernel for kinds of blocks, of a head and of a cache, or load it from disk."""
    from tinytorch.perf.kernels import compiled_decoding

    first, last = (LAYOUTS[kind].kind if kind in LAYOUTS else kind for kind in (blocks, head))
    step: Callable[..., None] = compiled_decoding.step(first, last, memory)
    return step
