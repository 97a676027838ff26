"""Fewer blocks in a language model: those that change least what passes through them are gone.

Source:
    X. Men et al. (2024), ShortGPT: Layers in Large Language Models are More Redundant Than You Expect.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.autograd import no_grad
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT
from tinytorch.errors import DTypeError, RangeError, explain
from tinytorch.perf.graph import inference
from tinytorch.perf.techniques import Technique

__all__ = ["PRUNE_BLOCKS", "remove_blocks"]

ROWS, SEED = 4, 0


def remove_blocks(model: GPT, keep: int, example: Any = None) -> GPT:
    """Build a shallower copy of a language model: the blocks that change their input least are left out.

    What a block changes is one minus the cosine between what comes in and what goes out, on average over positions.
    The blocks kept stay in their order. The original is left alone. What is left needs to be trained again.

    Args:
        model: A `GPT`.
        keep: How many blocks stay, at least 1.
        example: Tokens (B, T) to judge the blocks by; without, some are drawn.

    Raises:
        DTypeError: If the model is no `GPT`.
        RangeError: If it has fewer blocks than are to stay, or none is.

    Example:
        >>> smaller = remove_blocks(GPT(vocab_size=16, embed_dim=32, num_layers=4, num_heads=4, max_seq_len=8), keep=3)
        >>> smaller.num_layers, len(smaller.blocks)
        (3, 3)
    """
    if type(model) is not GPT:
        raise DTypeError(explain("the model", "a GPT", type(model).__name__))
    if isinstance(keep, bool) or not isinstance(keep, int | np.integer) or not 1 <= keep <= model.num_layers:
        raise RangeError(explain("keep", f"a whole number in [1, {model.num_layers}]", keep))
    changes = _changes(model, _drawn(model) if example is None else example)
    stay = sorted(np.argsort(-changes, kind="stable")[:keep].tolist())
    smaller = deepcopy(model)
    smaller.blocks = [smaller.blocks[number] for number in stay]
    smaller.num_layers = int(keep)
    return smaller


def _drawn(model: GPT) -> Tensor:
    tokens = np.random.default_rng(SEED).integers(0, model.vocab_size, (ROWS, model.max_seq_len))
    return Tensor(tokens, dtype=tokens.dtype)


def _changes(model: GPT, tokens: Any) -> NDArray[np.float64]:
    """Measure what each block changes."""
    seen: list[tuple[Any, Any]] = []
    watched = deepcopy(model)
    for block in watched.blocks:
        _watch(block, seen)
    with inference(watched), no_grad():
        watched.forward(tokens)
    return np.array([1 - _cosine(before, after) for before, after in seen])


def _watch(block: Any, seen: list[tuple[Any, Any]]) -> None:
    forward = block.forward

    def noted(x: Tensor, *arguments: Any, **options: Any) -> Tensor:
        out: Tensor = forward(x, *arguments, **options)
        seen.append((x.data, out.data))
        return out

    block.forward = noted


def _cosine(before: Any, after: Any) -> float:
    x, y = before.astype(np.float64), after.astype(np.float64)  # (B, T, E)
    norms = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    return float(((x * y).sum(axis=-1) / np.maximum(norms, np.finfo(float).tiny)).mean())


def _check(model: Any, original: Any = None, keep: int | None = None) -> list[str]:
    if type(model) is not GPT:
        return [explain("the model", "a GPT", type(model).__name__)]
    return list(_problems(model, original, keep))


def _problems(model: GPT, original: Any, keep: int | None) -> Iterator[str]:
    count = len(model.blocks)
    if count != model.num_layers:
        yield explain("the model's blocks", f"as many as it says, {model.num_layers}", count)
    if keep is not None and count != keep:
        yield explain("the model's blocks", f"{keep}", count)
    if original is not None and keep != len(original.blocks) and not count < len(original.blocks):
        yield explain("the model", f"of fewer blocks than the original's {len(original.blocks)}", count)


PRUNE_BLOCKS = Technique(
    "prune.blocks.v1",
    remove_blocks,
    "The language model has the number of blocks that was said, fewer than the original.",
    _check,
)
